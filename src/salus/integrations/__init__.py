"""Salus at home in other people's frameworks: one file each, and each loaded only by whoever uses that framework."""
