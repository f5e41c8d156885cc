"""The real command, as a person runs it."""
