"""What plugins offer, and how it is found, checked and collected."""
