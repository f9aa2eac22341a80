"""Secrets, kept out of what people, logs and files are told."""
