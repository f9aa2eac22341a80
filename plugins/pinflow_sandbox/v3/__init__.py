"""The API v3 dialect: routes, bodies, rendering, scopes."""
