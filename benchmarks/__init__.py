"""Measures Salus beside its peers: ``python -m benchmarks [name ...] [--quick] [--json FILE]``."""
