"""The default state: a folder of this machine."""
