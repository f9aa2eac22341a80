"""Images and videos: what a Pin shows, what can be copied, and uploads."""
