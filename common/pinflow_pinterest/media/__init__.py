"""Images and videos of Pins: sources of new ones, what can be copied, and uploads."""
