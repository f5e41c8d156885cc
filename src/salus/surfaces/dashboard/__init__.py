"""The dashboard: pages written on the server, kept live by fragments of themselves."""
