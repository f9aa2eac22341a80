"""The operations of API v5 and what each one takes, as data, and the importer that makes them."""
