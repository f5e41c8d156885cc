"""Tells people: one file per kind of channel."""
