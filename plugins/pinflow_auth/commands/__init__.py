"""``pinflow auth``: a module per subcommand."""
