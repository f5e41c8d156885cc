"""What a page is made of: regions, each of which can change by itself."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlencode

from salus.model import Role
from salus.surfaces.access.caller import Caller

Facts: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a page that changes by itself.

    Attributes:
        id: unique on the page; stays the same while the part is about the same thing.
        template: file that writes what stands inside.
        facts: what the template may use.
        key: while it is equal to that of before, nothing is written anew; None: it is written each time.
        tag: the element around it.
        classes: of that element.
    """

    id: str
    template: str
    facts: Facts = field(default_factory=dict)
    key: Hashable = None
    tag: str = "div"
    classes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A list whose items come, go and change by themselves.

    Attributes:
        id: unique on the page.
        rows: in order.
        tag: the element around them, such as ``ul`` or ``tbody``.
        classes: of that element.
    """

    id: str
    rows: Sequence[Region]
    tag: str = "div"
    classes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page for one kind of visitor at one moment.

    Attributes:
        title: stands in the tab.
        template: file that writes it; it places the regions.
        parts: the regions that the template places, in any order.
        facts: what else the template may use. What changes while somebody looks belongs into a region.
        nav: which entry of the navigation it belongs to.
        refresh: it is looked at anew after so many seconds, also when nothing has happened.
        code: status of the answer.
    """

    title: str
    template: str
    parts: Sequence[Region | Rows] = ()
    facts: Facts = field(default_factory=dict)
    nav: str = ""
    refresh: float = 2.0
    code: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody who looks at a page.

    Attributes:
        caller: who.
        name: of what the page is about; empty where there is only one.
        query: what stands behind the question mark, each name once.
        now: the present.
        path: address of the page below the root, without what stands behind the question mark.
    """

    caller: Caller
    name: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    now: datetime
    path: str = "/"

    @property
    def address(self) -> str:
        """Return the whole address of the page, below the root of the dashboard."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")

    def address_with(self, **changed: str) -> str:
        """Return the address of this page with other values behind the question mark; empty ones are left out."""
        query = {name: value for name, value in {**self.query, **changed}.items() if value}
        return self.path + (f"?{urlencode(query)}" if query else "")

    @property
    def may_act(self) -> bool:
        """Tell whether they may do things."""
        return self.caller.may(Role.OPERATOR)

    @property
    def may_rule(self) -> bool:
        """Tell whether they may do everything."""
        return self.caller.may(Role.ADMIN)

    def asked(self, name: str, most: int = 200) -> str:
        """Return one value from behind the question mark, or an empty string."""
        return self.query.get(name, "")[:most]


class PageView(Protocol):
    """Makes one kind of page from the truth."""

    @property
    def shown(self) -> bool:
        """Tell whether everybody may see it where ``show_details`` is ``always``."""
        ...

    @property
    def role(self) -> Role:
        """Return who else may see it."""
        ...

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError, Refused, StoreError: each becomes a page too."""
        ...
