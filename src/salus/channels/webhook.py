"""Tell any program that takes HTTP requests."""

from __future__ import annotations

import json
from typing import Literal

from salus.channels import _templates
from salus.channels._alertmanager import payload
from salus.channels._document import encoded
from salus.channels._http import Http, HttpChannel, fits_header
from salus.ports import Letter
from salus.secret import Secret


class Webhook(HttpChannel, frozen=True, kw_only=True):
    """Send each notification to a URL as JSON, or as a template of yours has it.

    Every request carries ``Idempotency-Key``, the same at every try, and ``X-Salus-Delivery``, which tells the tries
    apart. With a ``secret`` it also carries ``X-Salus-Signature: t=<unix seconds>,v1=<signature>``; the signature is
    the HMAC-SHA256 of ``<t>.<body>`` in hexadecimal digits. An answer of 2xx means that it arrived. After 408, 425,
    429, 5xx and trouble with the connection it is tried again; any other answer is final. Redirects are not followed.

    Attributes:
        format: ``json``: the notification document of Salus; ``alertmanager``: what an Alertmanager sends (version 4).
        template: a Jinja2 template of the body. It sees the fields of the notification
            document by name: ``{{ title }}``, ``{% for alert in alerts %}``, ``{{ text | tojson }}``.
        content_type: of the body.
        method: ``POST``, ``PUT`` or ``PATCH``.
        secret: signs every request, so that the receiver can tell that it is ours.
    """

    format: Literal["json", "alertmanager"] = "json"
    template: str = ""
    content_type: str = "application/json"
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    secret: Secret | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be sent."""
        found = super().problems()
        if not self.content_type.strip() or not fits_header(self.content_type):
            found.append(("content_type", "it is empty or holds a line break: write it like application/json"))
        if self.secret is not None and not self.secret:
            found.append(("secret", "it is empty: is there one in its file?"))
        if self.template and self.format != "json":
            found.append(("template", "format and template are both given: keep one of them"))
        elif self.template:
            found += [("template", complaint) for complaint in _complaints(self.template)]
        return found

    async def tell(self, letter: Letter, http: Http) -> str:
        """Send it."""
        answer = await http.post(
            letter, self._body(letter), method=self.method, content_type=self.content_type, secret=self.secret
        )
        return http.said(answer)

    def _body(self, letter: Letter) -> bytes:
        if self.template:
            return _templates.fill(self.template, letter).encode(errors="replace")
        if self.format == "alertmanager":
            return json.dumps(payload(letter), ensure_ascii=False).encode()
        return encoded(letter)


def _complaints(template: str) -> list[str]:
    complaint = _templates.problem(template)
    return [complaint] if complaint else []
