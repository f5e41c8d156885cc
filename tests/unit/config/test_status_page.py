"""A good section ``status_page`` becomes settings."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from salus.config import loads
from salus.config.schema import schema
from salus.model.statuspage import ComponentGroup, ComponentSpec, StatusPageSettings

CHECKS = "checks: {web: memory, db: {memory: , tags: [data]}}\n"


def read(section: str) -> StatusPageSettings | None:
    return loads(CHECKS + section, name="salus.yaml", environ={}).status_page


def test_without_the_section_there_is_no_page() -> None:
    assert read("") is None


def test_an_empty_section_is_a_page_that_shows_nothing() -> None:
    assert read("status_page:") == StatusPageSettings()


def test_a_label_and_a_check_are_all_that_a_component_needs() -> None:
    page = read("status_page: {title: Shop, components: {Website: web}}")
    assert page == StatusPageSettings(
        title="Shop", groups=(ComponentGroup(components=(ComponentSpec(label="Website", checks=("web",)),)),)
    )


def test_several_checks_and_tags_can_speak_for_one_component_and_groups_hold_some_together() -> None:
    page = read("""
status_page:
  components:
    Shop: [web, db]
  groups:
    - name: Behind it
      description: What you do not see
      components:
        Data: {tags: [data], description: Where orders are kept}
    - {name: Nobody}
""")
    assert page is not None
    assert [group.name for group in page.groups] == ["", "Behind it"]
    shop, data = page.components
    assert shop.checks == ("web", "db")
    assert (data.tags, data.description) == (("data",), "Where orders are kept")


def test_the_schema_knows_the_short_form_too() -> None:
    described = schema({"checks": {}, "actions": {}, "services": {}, "channels": {}})
    good = "status_page: {components: {A: web, B: [web, db], C: {checks: web, description: x}}, history_days: 30}"
    jsonschema.validate(yaml.safe_load(good), described)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load("status_page: {components: {A: {check: web}}}"), described)


@pytest.mark.parametrize("link", ["https://example.org/help", "mailto:help@example.org", "http://[::1]/x"])
def test_a_link_may_be_a_page_or_a_mail(link: str) -> None:
    page = read(f"status_page: {{link: {link!r}}}")
    assert page is not None
    assert page.link == link
