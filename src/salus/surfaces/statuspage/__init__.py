"""The public status page: what was chosen for the public, in words that are the public's, and nothing else."""
