"""The example accounts that every sandbox starts with."""
