"""Which proxy to take: only where a check or an action says ``proxy``. Probing through one by surprise is wrong."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

from salus.httpclient import urls
from salus.httpclient.faults import RequestError
from salus.httpclient.urls import Url


def choose(proxy: str, url: Url, environ: Mapping[str, str] | None = None) -> Url | None:
    """Return the proxy for a URL, or None.

    Args:
        proxy: empty for none, ``environment``, or the proxy's URL.
        url: where the request goes.
        environ: the environment; the process' own where it is None.

    Raises:
        RequestError: the proxy's URL is malformed, or not ``http://``.
    """
    if not proxy:
        return None
    if proxy == "environment":
        environ = os.environ if environ is None else environ
        if _exempt(url, _variable(environ, "no_proxy")):
            return None
        proxy = _variable(environ, f"{url.scheme}_proxy") or _variable(environ, "all_proxy")
        if not proxy:
            return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        found = urls.parse(proxy)
    except RequestError as error:
        raise RequestError(
            f"the proxy cannot be used: {error}", remedy="write it http://host:port", part="proxy"
        ) from error
    if found.scheme != "http":
        raise RequestError(
            "the proxy cannot be used: it is not http://", remedy="write it http://host:port", part="proxy"
        )
    return found


def _variable(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _exempt(url: Url, rules: str) -> bool:
    """Tell whether ``NO_PROXY`` exempts a URL: ``*``, ``host``, ``.domain``, ``host:port``, an address, a network."""
    return any(_matches(url, rule.strip().lower()) for rule in rules.split(",") if rule.strip())


def _matches(url: Url, rule: str) -> bool:
    if rule == "*":
        return True
    try:
        return ipaddress.ip_address(url.host) in ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        pass  # One of them is a name.
    host, colon, port = rule.rpartition(":")
    if colon and port.isdigit():
        if int(port) != url.port:
            return False
        rule = host.strip("[]")
    domain = rule.removeprefix("*").removeprefix(".")
    return url.host == domain or url.host.endswith(f".{domain}")
