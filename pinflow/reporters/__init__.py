"""Reporters: they show the events of a run, on a terminal, in a log or as JSON."""
