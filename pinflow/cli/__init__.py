"""The ``pinflow`` program: one module per command, arguments in, exit code out."""

from pinflow import __version__

VERSION_LINE = f"pinflow {__version__}"  # here, because --version is answered without importing a command
