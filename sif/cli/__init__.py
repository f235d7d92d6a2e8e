"""The command line: the only part that prints or exits. One command per file."""
