"""Shows and commands, never decides: health endpoints and the local control socket."""
