"""Build, start, reload, stop, run: the only place where a name becomes an object."""
