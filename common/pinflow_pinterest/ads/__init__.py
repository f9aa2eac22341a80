"""Ads: accounts, campaigns, metrics and reports, for every version of the API."""
