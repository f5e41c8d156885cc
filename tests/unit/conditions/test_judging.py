"""What a condition says of facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.conditions import Facts, History, Window, compile_condition
from salus.model import CheckState, Metric, Observation, Status
from tests.unit.conditions.facts import NOON, facts, judge, look, state

BUSY = state(Status.DEGRADED, failures=2, rss_bytes=1.2e9, threads=3)


@pytest.mark.parametrize(
    "text, holds",
    [
        ("metrics.rss_bytes > 1e9", True),
        ("metrics.rss_bytes > 1000000000", True),
        ("1000000000 >= metrics.rss_bytes", False),
        ("metrics.threads == 3", True),
        ("metrics.threads != 3", False),
        ("metrics.threads == 3.0", True),
        ("metrics['threads'] * 2 == 6", True),
        ("2 * metrics.threads + 1 == 7", True),
        ("metrics.rss_bytes / 2 - 1 < 6e8", True),
        ("failures >= 2", True),
        ("failures > 1.5", True),
        ("failures + metrics.threads == 5", True),
        ("failures / 4 == 0", True),  # whole numbers divide as in CEL
        ("status == 'degraded'", True),
        ("status in ['degraded', 'unhealthy']", True),
        ("message.contains('up') && cause == ''", True),
        ("message.matches('^u.$')", True),
        ("!flapping", True),
        ("size(metrics) == 2", True),
        ("metrics.exists(name, metrics[name] > 1e9)", True),
        ("metrics.all(name, metrics[name] > 1e9)", False),
        ("metrics.filter(name, name.endsWith('_bytes')).map(name, metrics[name])[0] > 1e9", True),
        ("'rss_bytes' in metrics && has(metrics.threads)", True),
        ("has(metrics.nothing)", False),
        ("has(metrics.nothing) && metrics.nothing > 1", False),
        ("metrics.nothing > 1 || failures == 2", True),  # what cannot be told does not matter here
        ("metrics.nothing > 1 && failures == 0", False),
        ("failures > 1 ? metrics.threads > 2 : false", True),
    ],
)
def test_a_condition_over_what_a_check_saw(text: str, holds: bool) -> None:
    assert judge(text, facts(BUSY)).holds is holds


@pytest.mark.parametrize(
    "text, holds",
    [
        ("checks.db.status == 'unhealthy'", True),
        ("checks['db-1'].metrics.connections >= 90", True),
        ("checks['db-1'].metrics.connections * 2 >= 180.5", True),
        ("checks.db.failures > failures", True),
        ("checks.web.status == status", True),
        ("count_bad(['db', 'db-1', 'web']) == 1", True),
        ("count_bad(['db', 'db']) == 1", True),
        ("count_bad(['db-1', 'web']) > 0", False),
    ],
)
def test_a_condition_over_other_checks(text: str, holds: bool) -> None:
    others = {"db": state(Status.UNHEALTHY, failures=4), "db-1": state(connections=91.0)}
    assert judge(text, facts(state(), others)).holds is holds


def test_metadata_is_read_as_deep_as_it_goes() -> None:
    own = CheckState(status=Status.HEALTHY, last=look(metadata={"peers": [{"lag": 3, "up": True}, {"lag": None}]}))
    assert judge("metadata.peers[0].lag * 1.5 > 4", facts(own)).holds is True
    assert judge("metadata.peers.exists(peer, peer.lag == null)", facts(own)).holds is True


@pytest.mark.parametrize(
    "text, why",
    [
        ("metrics.rss > 1e9", "the last look at 'web' saw no rss, only rss_bytes, threads"),
        ("metadata.owner == 'me'", "the last look at 'web' saw no metadata.owner"),
        ("checks.new.metrics.x > 1", "'new' has not been looked at yet"),
        ("checks.gone.status == 'healthy'", "there is no check 'gone'"),
        ("failures / 0 == 1", "divide by zero"),
        ("metrics.threads / 0 > 1", "float division by zero"),
        ("checks.web.status > 1", "No matching overloads found : _>_(string, int64)"),
        ("checks.web.status", "it comes to 'degraded', which is neither true nor false"),
        ("avg('rss_bytes', '10m') > 1", "avg('rss_bytes', '10m'): it was not observed yet"),
    ],
)
def test_a_condition_that_cannot_tell_says_why(text: str, why: str) -> None:
    judgement = judge(text, facts(BUSY, {"new": CheckState()}))
    assert (judgement.holds, judgement.why) == (None, why)
    assert judgement.detail.startswith(f"{text}: cannot tell: {why}")


def test_what_cannot_be_computed_never_raises() -> None:
    def broken(name: str) -> CheckState | None:
        raise LookupError(name)

    given = Facts(check="web", state=state(), state_of=broken, samples=History().samples, now=0.0)
    assert judge("count_bad(['db']) > 0", given).holds is None
    assert judge("checks.db.failures > 0", given).holds is None


@pytest.mark.parametrize(
    "text, detail",
    [
        ("metrics.rss_bytes > 1e9", "metrics.rss_bytes > 1e9: rss_bytes = 1.2e9"),
        ("failures > 1 &&\n   metrics.threads > 5", "failures > 1 && metrics.threads > 5: failures = 2, threads = 3"),
        ("status == 'degraded'", "status == 'degraded': status = 'degraded'"),
        ("!flapping", "!flapping: flapping = false"),
        ("count_bad(['web']) >= 1", "count_bad(['web']) >= 1: count_bad(web) = 1"),
        ("checks['web'].failures > 1", "checks['web'].failures > 1: checks.web.failures = 2"),
        ("true", "true"),
    ],
)
def test_the_detail_shows_the_values_that_were_used(text: str, detail: str) -> None:
    assert judge(text, facts(BUSY)).detail == detail


def test_a_detail_is_one_bounded_line() -> None:
    own = replace(BUSY, last=look(metadata={"log": "line\n" * 1000}))
    detail = judge("metadata.log.contains('line') || " + "failures > 1 || " * 50 + "true", facts(own)).detail
    assert "\n" not in detail
    assert len(detail) < 400


def test_windows_look_back_over_what_was_observed() -> None:
    rising = [(400.0 + 10 * step, 1e8 + 2000 * step) for step in range(61)]
    window = Window("web", "rss_bytes", 600.0)
    given = facts(samples={window: rising})
    values = {
        "avg": 1e8 + 60_000,
        "lowest": 1e8,
        "highest": 1e8 + 120_000,
        "change": 120_000,
        "rate": 200,
        "slope": 200,
        "trend": 200,
    }
    for function, value in values.items():
        judgement = judge(f"{function}('rss_bytes', '10m') > 0", given)
        assert judgement.holds is True
        assert dict(judgement.values) == {f"{function}('rss_bytes', '10m')": pytest.approx(value)}


def test_a_window_may_be_of_another_check() -> None:
    window = Window("worker", "jobs", 60.0)
    samples = {window: [(930.0, 7.0), (960.0, 5.0), (990.0, 1.0)]}
    assert judge("lowest('worker', 'jobs', '1m') < 2", facts(samples=samples)).holds is True


@pytest.mark.parametrize(
    "times, why",
    [
        ((), "it was not observed yet"),
        ((941.0, 970.0, 1000.0), "it is known for 59 s of 1m"),
        ((800.0, 930.0), "0 of at least 2 samples within 1m"),
        ((800.0, 930.0, 960.0), "1 of at least 2 samples within 1m"),
    ],
)
def test_a_window_that_is_not_covered_cannot_tell(times: tuple[float, ...], why: str) -> None:
    samples = {Window("web", "x", 60.0): [(at, 1.0) for at in times]}
    assert judge("change('x', '1m') > 0", facts(samples=samples)).why == f"change('x', '1m'): {why}"


def test_a_trend_needs_more_looks_than_an_average() -> None:
    samples = {Window("web", "x", 600.0): [(1000.0 - 30 * step, 1.0) for step in range(21, -1, -1)]}
    assert judge("avg('x', '10m') == 1", facts(samples=samples)).holds is True
    assert "21 of at least 30 samples" in judge("trend('x', '10m') > 0", facts(samples=samples)).why


def test_a_window_is_measured_once_however_often_a_macro_asks() -> None:
    asked: list[Window] = []

    def samples(window: Window) -> list[tuple[float, float]]:
        asked.append(window)
        return [(0.0, 1.0), (1000.0, 1.0)]

    def nobody(name: str) -> None:
        return None

    own = CheckState(status=Status.HEALTHY, last=look(metadata={"many": list(range(500))}))
    given = Facts(check="web", state=own, state_of=nobody, samples=samples, now=1000.0)
    assert judge("metadata.many.all(one, avg('x', '10m') < 2)", given).holds is True
    assert asked == [Window("web", "x", 600.0)]


def test_a_condition_does_a_bounded_amount_of_work() -> None:
    numbers = "[1,2,3,4,5,6,7,8,9,10]"
    names = "abcdef"
    text = "".join(f"{numbers}.all({name}, " for name in names) + "a > 0" + ")" * len(names)
    judgement = judge(text)
    assert (judgement.holds, judgement.why) == (None, "it goes through more elements than a condition may")


def test_a_condition_says_what_it_asks_for() -> None:
    condition = compile_condition(
        "checks.db.status == 'healthy' && count_bad(['a', 'b']) > 1 && "
        "avg('x', '1m') > avg('x', '1h') && trend('worker', 'rss', '30m') > 0 && has(checks['c-1'].metrics.y)"
    )
    assert condition.checks == {"db", "a", "b", "worker", "c-1"}
    assert condition.windows("web") == {
        Window("web", "x", 60.0),
        Window("web", "x", 3600.0),
        Window("worker", "rss", 1800.0),
    }


def test_a_variable_of_a_macro_hides_one_of_the_same_name() -> None:
    condition = compile_condition("['a'].exists(checks, checks == 'a') && ['b'].all(metrics, metrics.size() == 1)")
    assert condition.checks == frozenset()
    assert condition.evaluate(facts()).holds is True


def test_one_condition_judges_many_facts() -> None:
    condition = compile_condition("metrics.x > 1")
    said = [condition.evaluate(facts(state(x=value))).holds for value in (0.0, 2.0, 1.0)]
    assert said == [False, True, False]


def test_an_own_look_that_has_not_happened_cannot_tell() -> None:
    given = facts(CheckState())
    assert judge("metrics.x > 1", given).why == "'web' has not been looked at yet"
    assert judge("status == 'unknown' && failures == 0", given).holds is True


def test_whole_metrics_count_as_numbers_too() -> None:
    seen = Observation(status=Status.HEALTHY, at=NOON, metrics={"n": Metric(3, "")})
    assert judge("metrics.n / 2 == 1.5", facts(CheckState(status=Status.HEALTHY, last=seen))).holds is True
