"""The table: everything that can be asked under ``/api/v1``, in the order in which it is told."""

from __future__ import annotations

from salus.surfaces.api.charts import CHARTS
from salus.surfaces.api.healing import HEALING
from salus.surfaces.api.tellings import TELLING

GROUPS = (*HEALING, *CHARTS, *TELLING)
