"""The API v5 dialect: routes, rendering, and a module for each large subject."""
