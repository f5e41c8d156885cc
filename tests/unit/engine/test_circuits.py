"""Under which name the circuit of an action is kept."""

from __future__ import annotations

from salus.config.interpolation import interpolate
from salus.engine.circuits import circuit_key
from salus.engine.units import CheckUnit
from salus.model import ActionSpec, CheckSpec, CheckState, Json, Status
from salus.testing import ScriptedCheck


def key(kind: str, **options: Json) -> str:
    spec = CheckSpec(name="web-http", kind="http", service="web")
    unit = CheckUnit(spec=spec, check=ScriptedCheck(Status.HEALTHY), state=CheckState())
    return circuit_key(unit, ActionSpec(kind=kind, options=options))


def test_the_same_action_on_the_same_service_has_one_circuit_however_the_service_is_named() -> None:
    assert key("restart_service") == key("restart_service", service="web") == "restart_service web"
    assert key("restart_service", service="db") == "restart_service db"


def test_the_order_of_options_does_not_matter_and_their_values_do() -> None:
    assert key("run", command=["a"], user="web") == key("run", user="web", command=["a"])
    assert key("run", command=["a"]) != key("run", command=["b"])


def test_long_options_that_differ_at_their_end_have_circuits_of_their_own() -> None:
    assert key("run", command=["x" * 500, "a"]) != key("run", command=["x" * 500, "b"])


def test_a_secret_among_the_options_never_stands_in_the_name() -> None:
    assert "hunter2" not in key("http_request", url="http://127.0.0.1/", bearer="hunter2")


def test_options_with_variables_of_the_environment_have_a_name_too() -> None:
    text = interpolate("${TOKEN}", {"TOKEN": "hunter2"})
    name = key("http_request", url="http://127.0.0.1/", bearer=text)
    assert "hunter2" not in name
    assert name == key("http_request", bearer=text, url="http://127.0.0.1/")
