"""The command line: what people use."""
