"""One step of a recovery; one file per kind."""
