"""Talking to a service: signing, timeouts, paging, pacing and safe retries."""
