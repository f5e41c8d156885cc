"""The ledger's schema, revision by revision. Runs in a process of its own: ``python -m salus.store.migrate``."""
