"""What people look up, as pages of Markdown made from what the program itself uses: for the site and the terminal."""
