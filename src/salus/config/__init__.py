"""Text in, one frozen Settings tree out; every complaint says file, line, path and remedy."""
