"""Errors of Salus go wherever those of the application go, other processes included."""

from __future__ import annotations

import pickle

import pytest

from salus.errors import (
    BulkheadFullError,
    CheckBrokenError,
    CircuitOpenError,
    ConfigError,
    MissingExtraError,
    Problem,
    SalusError,
)

ERRORS = [
    SalusError(),
    CircuitOpenError("not called", name="payments", retry_after=2.5, remedy="try again in 2.5 s"),
    BulkheadFullError("full", name="reports"),
    MissingExtraError("redis", extra="redis"),
    CheckBrokenError("it could not tell", cause="dns"),
    ConfigError((Problem(file="salus.yaml", line=1, column=2, path="checks", what="is wrong"),)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_out_of_another_process_as_it_went_in(error: SalusError) -> None:
    came = pickle.loads(pickle.dumps(error))
    assert type(came) is type(error)
    assert (str(came), came.args, came.__dict__) == (str(error), error.args, error.__dict__)
