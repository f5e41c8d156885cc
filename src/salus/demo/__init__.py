"""A small shop of real services, broken in every ordinary way and healed."""
