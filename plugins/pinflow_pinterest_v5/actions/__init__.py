"""The actions of API v5, one module a subject."""
