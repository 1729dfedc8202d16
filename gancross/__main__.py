"""`python -m gancross` is the command `gancross`."""

from gancross.cli.main import main

main()
