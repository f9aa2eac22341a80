"""What is kept between runs. It stores rows; the rooms above say what they mean."""
