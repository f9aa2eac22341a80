"""Figures of Pins, accounts and ads: metrics, periods, and tables made of them."""
