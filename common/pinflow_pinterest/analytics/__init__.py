"""Metrics of Pins, accounts and ads: their names, periods, and rows for tables."""
