"""Find the service that an action is about, and tell why it must be left alone."""

from __future__ import annotations

import difflib

from salus.errors import ActionError
from salus.ports import Scene, Service


def find(scene: Scene, name: str | None) -> Service:
    """Return the named service, or the check's own when no name is given.

    Raises:
        ActionError: there is none.
    """
    if name is None:
        if scene.service is not None:
            return scene.service
        check = scene.check.name
        what = f"the check {check!r} has no service of its own"
        raise ActionError(what, remedy=f"say which: give the action a service, or the check {check!r} `service: NAME`")
    if service := scene.site.services.get(name):
        return service
    known = sorted(scene.site.services)
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known) or 'none'}"
    raise ActionError(f"there is no service {name!r}", remedy=hint)


def refuse_if_unwanted(service: Service) -> None:
    """Leave alone what a person has stopped.

    Raises:
        ActionError: a person stopped it.
    """
    status = service.status
    if not status.wanted:
        what = f"the service {status.name!r} was stopped by a person; salus will not start it"
        raise ActionError(what, remedy="start it yourself when it may run again; from then on it is healed as before")
