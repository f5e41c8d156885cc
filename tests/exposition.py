"""Reads what a Prometheus is given, and complains of everything that the two formats do not allow.

Text 0.0.4 as Prometheus documents it; OpenMetrics 1.0 by its ABNF and its MUSTs, as far as Salus uses it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TEXT_KINDS = {"counter", "gauge", "histogram"}
OPEN_KINDS = {*TEXT_KINDS, "stateset", "info"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
Labels = tuple[tuple[str, str], ...]


@dataclass
class Example:
    labels: Mapping[str, str]
    value: float
    at: float


@dataclass
class Found:
    """One family as it was read."""

    name: str
    kind: str = ""
    unit: str = ""
    help: str = ""
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)
    examples: list[tuple[str, Labels, Example]] = field(default_factory=list)


def parse(body: bytes, *, openmetrics: bool) -> dict[str, Found]:
    """Return the families by name; AssertionError where it is not what it should be."""
    assert b"\0" not in body, "Prometheus takes it for the end"
    text = body.decode("utf-8")
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    if openmetrics:
        assert lines.pop() == "# EOF"
    families: dict[str, Found] = {}
    current = Found("")
    for line in lines:
        assert line, "no empty lines"
        if line.startswith("# "):
            word, name, rest = (*line[2:].split(" ", 2), "")[:3]
            if name != current.name:
                assert name not in families, "all of a family stands together"
                current = families[name] = Found(name)
            assert not current.samples, "what is said of a family stands before its samples"
            _describe(current, word, rest, openmetrics=openmetrics)
        else:
            _sample(current, line, openmetrics=openmetrics)
    for family in families.values():
        _judge(family, openmetrics=openmetrics)
    return families


def values(families: Mapping[str, Found]) -> dict[tuple[str, Labels], float]:
    """Return all samples."""
    return {key: value for family in families.values() for key, value in family.samples.items()}


def value(families: Mapping[str, Found], name: str, /, **labels: str) -> float | None:
    """Return one sample, or None."""
    return values(families).get((name, tuple(sorted(labels.items()))))


def counters(families: Mapping[str, Found]) -> dict[tuple[str, Labels], float]:
    """Return the samples that may never go down."""
    found = {}
    for family in families.values():
        if family.kind in ("counter", "histogram"):
            found.update(family.samples)
    return found


def _describe(family: Found, word: str, rest: str, *, openmetrics: bool) -> None:
    if word == "TYPE":
        assert not family.kind
        assert rest in (OPEN_KINDS if openmetrics else TEXT_KINDS), rest
        family.kind = rest
    elif word == "UNIT":
        assert openmetrics
        assert family.name.endswith(f"_{rest}")
        family.unit = rest
    else:
        assert word == "HELP", word
        assert rest
        assert not family.help
        family.help = rest


def _sample(family: Found, line: str, *, openmetrics: bool) -> None:
    match = NAME.match(line)
    assert match, line
    name = match[0]
    labels, place = _labels(line, match.end())
    assert line[place] == " "
    told, mark, example = line[place + 1 :].partition(" # ")
    key = (name, labels)
    assert key not in family.samples, f"twice: {key}"
    family.samples[key] = _number(told)
    if mark:
        assert openmetrics, "the text format knows no examples"
        assert name.endswith("_bucket")
        about, end = _labels(example, 0)
        assert sum(len(label) + len(value) for label, value in about) <= 128
        seconds, at = example[end + 1 :].split(" ")
        family.examples.append((name, labels, Example(dict(about), _number(seconds), float(at))))


def _labels(line: str, place: int) -> tuple[Labels, int]:
    found: dict[str, str] = {}
    if line[place] != "{":
        return (), place
    place += 1
    while line[place] != "}":
        match = NAME.match(line, place)
        assert match, line
        assert line[match.end() : match.end() + 2] == '="'
        place, value = match.end() + 2, ""
        while line[place] != '"':
            if line[place] == "\\":
                value += {"\\": "\\", '"': '"', "n": "\n"}[line[place + 1]]
                place += 2
            else:
                value += line[place]
                place += 1
        assert match[0] not in found
        found[match[0]] = value
        place += 1
        if line[place] == ",":
            place += 1
        else:
            assert line[place] == "}"
    return tuple(sorted(found.items())), place + 1


def _number(text: str) -> float:
    assert text in ("NaN", "+Inf", "-Inf") or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", text), text
    return float(text)


def _judge(family: Found, *, openmetrics: bool) -> None:
    assert family.kind, family.name
    assert family.help, family.name
    allowed = SUFFIXES.get(family.kind, ("",))
    if family.kind == "counter":
        assert family.name.endswith("_total") != openmetrics
        allowed = ("_total",) if openmetrics else ("",)
    for name, labels in family.samples:
        assert name.removeprefix(family.name) in allowed, name
        assert family.kind != "counter" or family.samples[name, labels] >= 0
    if family.kind == "stateset":
        _judge_states(family)
    if family.kind == "histogram":
        _judge_buckets(family)


def _judge_states(family: Found) -> None:
    sets: dict[Labels, list[float]] = {}
    for (_, labels), told in family.samples.items():
        states = [value for label, value in labels if label == family.name]
        assert len(states) == 1
        sets.setdefault(tuple(one for one in labels if one[0] != family.name), []).append(told)
    assert all(sorted(told) == [0, 0, 0, 1] for told in sets.values())


def _judge_buckets(family: Found) -> None:
    buckets = [
        (dict(labels)["le"], told) for (name, labels), told in family.samples.items() if name.endswith("_bucket")
    ]
    bounds = [float(bound) for bound, _ in buckets]
    counts = [told for _, told in buckets]
    assert bounds == sorted(set(bounds))
    assert math.isinf(bounds[-1])
    assert counts == sorted(counts)
    assert counts[-1] == family.samples[f"{family.name}_count", ()]
    for _, labels, example in family.examples:
        assert example.value <= float(dict(labels)["le"])
