"""The HTTP server on loopback: connections, requests, errors, and which part answers."""
