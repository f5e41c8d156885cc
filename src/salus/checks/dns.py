"""The ``dns`` check: ask for records of a name, and compare them with what is expected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from salus.checks._net import too_slow
from salus.clock import SystemClock
from salus.errors import CheckBrokenError
from salus.httpclient.dial import is_address
from salus.model import Cause, Json, Metric, Observation, Status, cause_of
from salus.options import CheckOptions
from salus.ports import Check, Look, Site
from salus.units import Duration, format_duration

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

_monotonic = SystemClock().monotonic


class Dns(CheckOptions, frozen=True, kw_only=True):
    """Asks the DNS for records of a name.

    A name or record that does not exist is unhealthy: here, the name is what is checked. Servers that do not answer, or
    answer that they failed, are unhealthy where they are named in ``servers`` (then they are checked, too); where the
    system's resolvers do so, the check could not tell, and answers unknown.

    Metrics: ``latency_seconds``, ``answers``, ``ttl_seconds``.

    Attributes:
        name: the name to ask for; for PTR an address will do.
        type: the type of the records.
        servers: whom to ask, in order, until one answers: ``192.0.2.53``, ``192.0.2.53:5353`` or ``[2001:db8::53]:53``;
            the system's resolvers unless said otherwise. Hosts files are not read either way.
        expect: values that must be among the answers, as DNS tools print them (``10 mail.example.org.`` for MX; a last
            dot may be left out, quotes around a TXT too).
        exact: the answers must be these values and no others.
        min_answers: fewer answers than this are unhealthy.
        latency_below: slower than this is degraded.
    """

    scalar: ClassVar[str] = "name"

    name: str
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    servers: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    exact: bool = False
    min_answers: Annotated[int, Meta(ge=0, le=1000)] = 1
    latency_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found: list[tuple[str, str]] = []
        if not self.name.strip():
            found.append(("name", "there is no name to ask for"))
        if self.exact and not self.expect:
            found.append(("exact", "exact needs the values that are expected: add expect"))
        for server in self.servers:
            try:
                _server(server)
            except ValueError as error:
                found.append(("servers", str(error)))
        return found

    @property
    def shares(self) -> str | None:
        """Name whom it asks."""
        return ", ".join(self.servers) or "the system's resolvers"

    def build(self, site: Site) -> Check:
        """Make the check."""
        return DnsCheck(self)


def _server(text: str) -> tuple[str, int]:
    """Read the address of a server and its port."""
    host, port = text.strip(), "53"
    if host.startswith("[") and "]" in host:
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or "53"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    if not is_address(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not the address of a server: write it like 192.0.2.53 or 192.0.2.53:5353")
    return host, int(port)


def _plain(value: str) -> str:
    """Bring a value into the form in which values are compared: case and the last dot do not matter, nor do quotes."""
    text = value.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return text[1:-1].replace('" "', "")
    return text.removesuffix(".").lower()


class DnsCheck:
    """A ``dns`` check, ready to look. dnspython is imported with the first look."""

    __slots__ = ("_options", "_resolver")

    def __init__(self, options: Dns) -> None:
        """Read the options once."""
        self._options = options
        self._resolver: Resolver | None = None

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        from dns.exception import DNSException  # with the first look: 6 MB for those who use it
        from dns.resolver import NXDOMAIN, YXDOMAIN, LifetimeTimeout, NoNameservers

        options = self._options
        started = _monotonic()
        try:
            answer = await self._ask(look)
        except NXDOMAIN:
            return look.unhealthy(f"{options.name} does not exist", metrics=_latency(started))
        except NoNameservers as error:
            return self._unanswered(look, error, _latency(started), Cause.DNS)
        except LifetimeTimeout as error:
            return self._unanswered(look, error, _latency(started), Cause.TIMEOUT)
        except TimeoutError:
            late = TimeoutError("nobody answered in time")
            return self._unanswered(look, late, _latency(started), Cause.TIMEOUT)
        except (DNSException, YXDOMAIN, ValueError, UnicodeError) as error:
            raise CheckBrokenError(f"cannot ask for {options.name}: {error}") from error
        except OSError as error:
            what = f"cannot ask for {options.name}: {error.strerror or error}"
            raise CheckBrokenError(what, cause=cause_of(error.errno)) from error
        return self._judge(look, answer, _latency(started))

    async def aclose(self) -> None:
        """Nothing is kept."""

    async def _ask(self, look: Look) -> Any:
        from dns import reversename

        options = self._options
        resolver = self._resolver or self._make_resolver()
        name: Any = options.name
        if options.type == "PTR" and is_address(options.name):
            name = reversename.from_address(options.name)
        # A little less than is left, so that our own words come before the prober's. dnspython looks at its lifetime
        # only between pauses of up to two seconds, hence the second bound.
        lifetime = max(0.01, look.remaining * 0.9)
        async with asyncio.timeout(lifetime * 1.05):
            return await resolver.resolve(name, options.type, raise_on_no_answer=False, lifetime=lifetime, search=False)

    def _make_resolver(self) -> Resolver:
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver
        from dns.resolver import NoResolverConfiguration

        servers = [_server(text) for text in self._options.servers]
        try:
            resolver = Resolver(configure=not servers)
        except (NoResolverConfiguration, OSError) as error:
            what = f"this machine has no resolver: {error}"
            raise CheckBrokenError(what, remedy="see /etc/resolv.conf", cause=Cause.DNS) from error
        if servers:
            resolver.nameservers = [Do53Nameserver(host, port) for host, port in servers]
            self._resolver = resolver
        # The system's resolvers are read anew each time: /etc/resolv.conf changes with the network.
        return resolver

    def _unanswered(self, look: Look, error: Exception, metrics: dict[str, Metric], cause: Cause) -> Observation:
        what = " ".join(str(error).split())[:200]
        if self._options.servers:
            said = f"no answer for {self._options.name}: {what}"
            return look.observe(Status.UNHEALTHY, said, metrics=metrics, cause=cause)
        raise CheckBrokenError(f"no resolver answered for {self._options.name}: {what}", cause=Cause.DNS) from error

    def _judge(self, look: Look, answer: Any, metrics: dict[str, Metric]) -> Observation:
        options = self._options
        values = [record.to_text() for record in answer.rrset] if answer.rrset is not None else []
        metrics["answers"] = Metric(len(values))
        if answer.rrset is not None:
            metrics["ttl_seconds"] = Metric(answer.rrset.ttl, "seconds")
        metadata: dict[str, Json] = {"answers": list(values[:50])}
        if wrong := self._wrong(values):
            return look.observe(Status.UNHEALTHY, wrong, metrics=metrics, metadata=metadata)
        latency = metrics["latency_seconds"].value
        if slow := too_slow(latency, options.latency_below):
            return look.observe(Status.DEGRADED, f"{options.name}: {slow}", metrics=metrics, metadata=metadata)
        found = ", ".join(values[:3]) + (", …" if len(values) > 3 else "") if values else "nothing, as expected"
        message = f"{options.name} {options.type}: {found} in {format_duration(latency)}"
        return look.observe(Status.HEALTHY, message, metrics=metrics, metadata=metadata)

    def _wrong(self, values: list[str]) -> str:
        options = self._options
        got = f"got {', '.join(values[:5])}" if values else "got none"
        if len(values) < options.min_answers:
            return f"expected at least {options.min_answers} {options.type} records of {options.name}, {got}"
        plain = {_plain(value) for value in values}
        wanted = {_plain(value) for value in options.expect}
        if missing := [value for value in options.expect if _plain(value) not in plain]:
            return f"expected {', '.join(missing)} among the {options.type} records of {options.name}, {got}"
        if options.exact and plain - wanted:
            return f"expected only {', '.join(options.expect)} as {options.type} records of {options.name}, {got}"
        return ""


def _latency(started: float) -> dict[str, Metric]:
    return {"latency_seconds": Metric(_monotonic() - started, "seconds")}
