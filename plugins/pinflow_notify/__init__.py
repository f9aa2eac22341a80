"""Notifiers: a line on standard error, a command, a webhook. Each is a plugin of its own."""
