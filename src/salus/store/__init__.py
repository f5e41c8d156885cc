"""The ledger, the states, the history: memory and SQLite, the same tests for both."""
