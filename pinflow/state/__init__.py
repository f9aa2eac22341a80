"""What is kept between runs. It stores rows; whoever stores them says what they mean."""
