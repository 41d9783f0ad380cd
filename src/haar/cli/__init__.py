"""The command line: it parses, calls a verb and prints."""
