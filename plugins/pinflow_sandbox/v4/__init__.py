"""The ads API v4 dialect."""
