"""Reporters: who is told what happens in a run, and how they show it."""
