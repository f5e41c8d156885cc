"""Makes pages of components."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from preview_server.registry import Component

HERE = Path(__file__).resolve().parent


class Renderer:
    """Renders each variant of a component as a page of its own, and keeps a copy in the output folder."""

    def __init__(self, folder: Path, output: Path) -> None:
        """Render the components of ``folder``."""
        self._output = output
        # Templates change under our hands, and a page that lacks a value should say so instead of showing a gap.
        self._components = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, cache_size=0
        )
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._pages.policies["json.dumps_kwargs"] = {"sort_keys": False}

    def page(self, template: str, **values: object) -> str:
        """Render a page of the server itself."""
        return self._pages.get_template(template).render(**values)

    def build(self, component: Component) -> dict[str, str]:
        """Return the page of each variant, by the name of the variant.

        Raises:
            jinja2.TemplateError: a template is wrong, or is given too little.
        """
        styles = [Markup(style) for style in component.styles]  # noqa: S704 -- the developer's own
        template = self._components.get_template(f"{component.name}/{component.name}.html")
        pages: dict[str, str] = {}
        for variant, given in component.variants.items():
            body = Markup(template.render(**given))  # noqa: S704 -- rendered with autoescape, just now
            pages[variant] = self.page("preview.html", component=component, variant=variant, styles=styles, body=body)
            self._keep(component, variant, pages[variant])
        return pages

    def _keep(self, component: Component, variant: str, page: str) -> None:
        """Put a page beside the server, to be sent to somebody. Nobody removes it but Salus."""
        self._output.mkdir(parents=True, exist_ok=True)
        slug = re.sub(r"\W+", "-", variant).strip("-") or "variant"
        path = self._output / f"{component.name}-{slug}-{component.fingerprint[:8]}.html"
        path.write_text(page, encoding="utf-8")
