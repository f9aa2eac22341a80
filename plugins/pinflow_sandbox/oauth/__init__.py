"""The token endpoints, and token files of the example accounts."""
