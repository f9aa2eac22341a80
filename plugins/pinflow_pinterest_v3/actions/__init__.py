"""The actions of API v3 and the ads API v4, one module a subject."""
