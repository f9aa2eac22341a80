"""What a value may be, and what is said of one that is wrong: one vocabulary for every place that takes values."""
