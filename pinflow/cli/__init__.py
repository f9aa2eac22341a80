"""The ``pinflow`` program: one module per command, arguments in, exit code out."""
