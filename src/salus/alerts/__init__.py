"""Who is told what, and when: small stages, pure. ``now`` is an argument."""
