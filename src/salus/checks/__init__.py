"""Each looks once and returns an Observation; one file per kind."""
