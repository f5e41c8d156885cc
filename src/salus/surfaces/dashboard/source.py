"""What pages are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from salus.config import Settings
from salus.model import Json
from salus.ports import AlertDesk, Clock, Past, Service, View
from salus.surfaces.access.caller import Caller
from salus.surfaces.api.app import ApiApp, Parts
from salus.surfaces.dashboard.survey import Survey, Surveyor


@dataclass(frozen=True, slots=True)
class Source:
    """The truth, as pages read it: nouns from memory, or what the API answers.

    Attributes:
        parts: what the API speaks for.
        api: the API.
        clock: time.
        surveyor: goes through all checks.
    """

    parts: Parts
    api: ApiApp
    clock: Clock
    surveyor: Surveyor

    @property
    def view(self) -> View:
        """Return what is there now."""
        return self.parts.view

    @property
    def past(self) -> Past:
        """Return the ledger."""
        return self.parts.past

    @property
    def desk(self) -> AlertDesk:
        """Return the alerts."""
        return self.parts.desk

    @property
    def settings(self) -> Settings:
        """Return the config in force."""
        return self.parts.settings()

    @property
    def service(self) -> Callable[[str], Service | None]:
        """Return what finds a service by name."""
        return self.parts.service

    async def read(self, caller: Caller, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Return what the API answers to this visitor; raises as ``ApiApp.read``."""
        return await self.api.read(caller, path, query)

    async def survey(self) -> Survey:
        """Return how all checks are, gone through once for all who ask at about the same time."""
        return await self.surveyor.survey()
