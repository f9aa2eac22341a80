"""Ads: their accounts, campaigns, figures and reports, as every version of the API has them."""
