"""What a person may ask about policy, and ask of it: pause, maintenance, rules, approvals, and why."""

from __future__ import annotations

from salus.errors import NotFoundError
from salus.model import Json, Selector
from salus.ports import Clock, Control, View
from salus.surfaces import explain, wire
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import AnswerBody, Body, MaintenanceBody, PauseBody, line, parse
from salus.surfaces.http import Refused


class PolicyRequests:
    """Answers what is asked about policy and passes on what is asked of it."""

    def __init__(self, view: View, control: Control, clock: Clock) -> None:
        """Serve a view and a control."""
        self._view = view
        self._control = control
        self._clock = clock

    async def policy(self, asked: Asked) -> Json:
        """Tell what holds healing now."""
        return wire.policy(self._view.policy())

    async def explain(self, asked: Asked) -> Json:
        """Tell why the rules of a check act, or do not."""
        report = self._view.check(asked.name)
        if report is None:
            message = f"there is no check {asked.name[:200]!r}"
            raise NotFoundError(message, remedy="`salus status` lists the checks")
        return explain.document(report, self._view.explain(asked.name), self._clock.now())

    async def pause(self, asked: Asked) -> Json:
        """Stop all automatic recovery."""
        body = parse(asked.body, PauseBody)
        return wire.pause(await self._control.pause(body.seconds, reason=line(body.reason), by=asked.by(body)))

    async def resume(self, asked: Asked) -> Json:
        """End the pause."""
        await self._control.resume(by=asked.by(parse(asked.body, Body)))
        return {"message": "automatic recovery goes on"}

    async def pause_check(self, asked: Asked) -> Json:
        """Set one check aside."""
        body = parse(asked.body, PauseBody)
        reason, by = line(body.reason), asked.by(body)
        return wire.pause(await self._control.pause_check(asked.name, body.seconds, reason=reason, by=by))

    async def resume_check(self, asked: Asked) -> Json:
        """Take a check back."""
        await self._control.resume_check(asked.name, by=asked.by(parse(asked.body, Body)))
        return {"message": f"check {asked.name!r} is looked at again"}

    async def list_maintenance(self, asked: Asked) -> Json:
        """Tell which windows are open, and which are to come."""
        return [wire.maintenance(window) for window in self._view.policy().maintenance]

    async def start_maintenance(self, asked: Asked) -> Json:
        """Open a window."""
        body = parse(asked.body, MaintenanceBody)
        window = await self._control.start_maintenance(
            _members(body), body.seconds, name=line(body.name), reason=line(body.reason), by=asked.by(body)
        )
        return wire.maintenance(window)

    async def end_maintenance(self, asked: Asked) -> Json:
        """Close a window before its time."""
        await self._control.end_maintenance(asked.name, by=asked.by(parse(asked.body, Body)))
        return {"message": f"maintenance {asked.name!r} has ended"}

    async def enable(self, asked: Asked) -> Json:
        """Switch a rule on."""
        return await self._switch(asked, enabled=True)

    async def disable(self, asked: Asked) -> Json:
        """Switch a rule off."""
        return await self._switch(asked, enabled=False)

    async def set_mode(self, asked: Asked) -> Json:
        """Say how far a rule may go."""
        from salus.surfaces.orders import ModeBody

        body = parse(asked.body, ModeBody)
        report = await self._control.set_mode(asked.name, body.mode, by=asked.by(body))
        own = report.override.mode if report.override else report.rule.mode
        whose = "" if report.override else ", as in the config"
        held = f"; limits.mode holds it at {report.mode}" if report.mode is not own else ""
        return {"message": f"rule {asked.name!r} is in the mode {own}{whose}{held}"}

    async def approve(self, asked: Asked) -> Json:
        """Allow what a rule asks for."""
        return await self._answer(asked, approve=True)

    async def reject(self, asked: Asked) -> Json:
        """Forbid what a rule asks for."""
        return await self._answer(asked, approve=False)

    async def _switch(self, asked: Asked, *, enabled: bool) -> Json:
        await self._control.enable_rule(asked.name, enabled=enabled, by=asked.by(parse(asked.body, Body)))
        return {"message": f"rule {asked.name!r} is switched {'on' if enabled else 'off'}"}

    async def _answer(self, asked: Asked, *, approve: bool) -> Json:
        body = parse(asked.body, AnswerBody)
        given = await self._control.answer(asked.name, approve=approve, by=asked.by(body), note=line(body.note))
        return wire.approval(given)


def _members(body: MaintenanceBody) -> Selector:
    members = Selector(checks=body.checks, tags=body.tags, services=body.services, everything=body.everything)
    if not members:
        what = "the body names nothing that is worked on"
        raise Refused(422, what, f'send JSON such as {body.example}, or "everything": true')
    if body.everything and (body.checks or body.tags or body.services):
        raise Refused(422, "the body names everything and single things too", "send one or the other")
    return members
