"""Real servers, processes, files and databases, one part of Salus at a time."""
