"""Recipes made from curl commands and Arazzo descriptions."""
