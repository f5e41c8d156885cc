"""What every room of tests shares."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# `make test` must give the same answer twice; HYPOTHESIS_PROFILE=explore looks for what it has not seen yet.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
