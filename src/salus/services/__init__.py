"""What can be started, stopped and restarted; one file per kind."""
