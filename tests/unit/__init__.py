"""In memory: no process, no socket, no sleeping."""
