"""Trouble that belongs together, told from the events of a ledger: pure."""
