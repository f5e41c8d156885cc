"""History that a simulated Salus wrote, replayed: the same rules do the same, changed rules something else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.app.build import resolve
from salus.config import Settings, loads
from salus.model import EventKind, RecoveryRecord
from salus.ports import RecoveryQuery
from salus.simulate.backtest.order import Order, backtest
from salus.simulate.backtest.run import Replayed, replay
from salus.simulate.backtest.score import Change, Result
from salus.simulate.backtest.tracks import make_history
from salus.simulate.run import Order as SimulationOrder
from salus.simulate.run import simulate
from salus.simulate.scenario import scenario_from
from salus.store.ledger import connect_writer
from salus.store.past import PEOPLE, SERVICES, PastQuery
from salus.store.sqlite import read_past, scan_recoveries

pytestmark = pytest.mark.timeout(300)  # some take a quarter of a minute where nothing else runs
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SHOP = (EXAMPLES / "ten-services.yaml").read_text(encoding="utf-8")
ORDINARY = (EXAMPLES / "ordinary-faults.yaml").read_text(encoding="utf-8")
EVERY = (EXAMPLES / "every-fault.yaml").read_text(encoding="utf-8")

SMALL = """
    salus: {store: memory}
    defaults: {interval: 30s, timeout: 2s}
    services:
      db: {process: {command: [/bin/db]}}
      web: {process: {command: [/bin/web]}}
    checks:
      db: {tcp: {port: 1}, service: db}
      web: {http: "http://127.0.0.1:1/", service: web, depends_on: [db]}
    rules:
      heal: {all_checks: true, min_failure_count: COUNT, cooldown_period: COOLDOWN, actions: [restart_service]}
"""


def config(text: str, **changes: str) -> Settings:
    for old, new in changes.items():
        text = text.replace(old, new)
    return loads(dedent(text))


def small(count: int = 2, cooldown: str = "10s", more: str = "") -> Settings:
    return config(SMALL.replace("actions:", f"{more} actions:"), COUNT=str(count), COOLDOWN=cooldown)


@dataclass(frozen=True)
class Written:
    """A ledger of simulated time."""

    path: Path
    recoveries: list[RecoveryRecord]


Write = Callable[..., Written]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Simulate and keep the ledger; once for the same."""
    done: dict[object, Written] = {}

    def write(text: str, scenario: str, *, days: float, seed: int = 3, observe_every: float = float("inf")) -> Written:
        key = (text, scenario, days, seed, observe_every)
        if key not in done:
            path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
            order = SimulationOrder(
                settings=loads(dedent(text)),
                source=scenario_from(dedent(scenario)),
                days=days,
                seed=seed,
                ledger=path,
                observe_every=observe_every,
            )
            assert simulate(order).violation is None
            done[key] = Written(path, list(scan_recoveries(path, RecoveryQuery())))
        return done[key]

    return write


def replayed(path: Path, settings: Settings) -> Replayed:
    kinds = (EventKind.STATUS_CHANGED, EventKind.RECOVERY_REFUSED, *PEOPLE, *SERVICES)
    resolved = resolve(settings)
    past = read_past(path, PastQuery(checks=resolved.checks, services=resolved.services, kinds=kinds))
    assert past is not None
    return replay(make_history(past, resolved), resolved)


def tried(path: Path, settings: Settings) -> Result:
    return backtest(Order(configs=[settings], ledger=path))[0]


def unmatched(then: list[RecoveryRecord], now: list[RecoveryRecord], within: float) -> list[RecoveryRecord]:
    """Return what stands on one side only."""
    left = list(now)
    alone = []
    for one in then:
        hit = next((other for other in left if _alike(one, other, within)), None)
        if hit is None:
            alone.append(one)
        else:
            left.remove(hit)
    return alone + left


def _alike(one: RecoveryRecord, other: RecoveryRecord, within: float) -> bool:
    near = abs((one.decided_at - other.decided_at).total_seconds()) <= within
    return one.check == other.check and near and one.outcome is other.outcome


@pytest.mark.parametrize("days, observe_every", [(6, float("inf")), (2, 60.0)], ids=["changes only", "a look a minute"])
def test_the_same_rules_do_the_same_at_the_same_moments(write: Write, days: float, observe_every: float) -> None:
    written = write(SHOP, ORDINARY, days=days, observe_every=observe_every)
    assert len(written.recoveries) > 2
    now = list(replayed(written.path, loads(SHOP)).recoveries.values())
    assert unmatched(written.recoveries, now, within=0.1) == []


def test_also_in_the_worst_of_worlds_nearly_all_is_the_same(write: Write) -> None:
    written = write(SHOP, EVERY, days=4)
    now = list(replayed(written.path, loads(SHOP)).recoveries.values())
    assert len(written.recoveries) > 50
    assert len(unmatched(written.recoveries, now, within=2.0)) < 0.1 * len(written.recoveries)


def test_the_sums_of_the_same_rules_are_the_same(write: Write) -> None:
    result = tried(write(SHOP, ORDINARY, days=6).path, loads(SHOP))
    then, now = result.then, result.now
    assert then.acted == then.healed == now.acted == now.healed > 10
    assert (then.recoveries, then.called_off, then.refusals) == (now.recoveries, now.called_off, now.refusals)
    assert {row.change for row in result.rows} <= {Change.SAME, Change.NEITHER}


def test_more_bad_looks_mean_later_and_never_sooner(write: Write) -> None:
    result = tried(write(SHOP, ORDINARY, days=6).path, config(SHOP, **{"min_failure_count: 2": "min_failure_count: 9"}))
    assert (result.now.sooner, result.now.added, result.now.dropped) == (0, 0, 0)
    assert result.now.later == result.then.acted
    assert result.now.later_by.median == pytest.approx(7.0, abs=0.1)
    assert result.now.healed == result.then.healed


def test_fewer_bad_looks_act_on_what_passes_by_itself(write: Write) -> None:
    lies = ORDINARY.replace("false_positive_rate: 1e-5", "false_positive_rate: 1e-3")
    result = tried(write(SHOP, lies, days=3).path, config(SHOP, **{"min_failure_count: 2": "min_failure_count: 1"}))
    assert result.then.needless == 0
    assert result.now.needless == result.now.added > 10
    assert all(row.now.needless for row in result.rows if row.change is Change.ADDED)


def test_rules_that_are_off_do_nothing(write: Write) -> None:
    written = write(SHOP, ORDINARY, days=6)
    off = config(SHOP, **{"min_failure_count: 2": "enabled: false"})
    assert replayed(written.path, off).recoveries == {}
    result = tried(written.path, off)
    assert result.now.dropped == result.then.acted
    assert {row.now.why for row in result.rows} == {"disabled"}


def test_where_only_verdicts_are_kept_it_is_the_same_but_for_seconds(write: Write, tmp_path: Path) -> None:
    written = write(SHOP, ORDINARY, days=6)
    old = tmp_path / "old"
    old.write_bytes(written.path.read_bytes())
    with closing(sqlite3.connect(old)) as db:
        db.execute("DELETE FROM observations")
        db.commit()
    now = list(replayed(old, loads(SHOP)).recoveries.values())
    done = [one for one in written.recoveries if one.steps]
    assert unmatched(done, [one for one in now if one.steps], within=10.0) == []
    assert "only verdicts are kept" in tried(old, loads(SHOP)).notes[0]


def test_a_leak_is_healed_before_it_is_felt_by_a_condition(write: Write) -> None:
    leaks = "services: {web: {faults: [{leak: {every: 6h, grows_for: 2h}}]}}"
    written = write(SMALL.replace("COUNT", "2").replace("COOLDOWN", "10s"), leaks, days=3, observe_every=60.0)
    early = small(1, more='when: "has(metrics.rss_bytes) && metrics.rss_bytes > 5e8",')
    result = tried(written.path, early)
    assert result.then.acted > 3
    assert [note for note in result.notes if note.startswith("conditions (when:)")]
    assert result.now.added >= result.then.acted


def test_a_part_of_the_past_is_replayed_as_it_stands_in_the_whole(write: Write) -> None:
    written = write(SHOP, ORDINARY, days=6)
    whole = tried(written.path, loads(SHOP))
    middle = whole.since + (whole.until - whole.since) / 2
    (part,) = backtest(Order(configs=[loads(SHOP)], ledger=written.path, since=middle))
    assert part.since == middle
    assert [row.began for row in part.rows] == [row.began for row in whole.rows if row.began > middle]
    assert {row.change for row in part.rows} <= {Change.SAME, Change.NEITHER}
    (begin,) = backtest(Order(configs=[loads(SHOP)], ledger=written.path, until=middle))
    assert len(begin.rows) + len(part.rows) == len(whole.rows)


def test_two_configs_are_tried_on_one_reading(write: Write) -> None:
    written = write(SHOP, ORDINARY, days=6)
    heard: list[float] = []
    order = Order(
        configs=[loads(SHOP), config(SHOP, **{"min_failure_count: 2": "min_failure_count: 5"})],
        ledger=written.path,
        progress=heard.append,
    )
    one, other = backtest(order)
    assert one == tried(written.path, order.configs[0])
    assert other == tried(written.path, order.configs[1])
    assert heard == sorted(heard)
    assert len(heard) == 198


def test_it_is_replayed_while_a_salus_writes(write: Write, tmp_path: Path) -> None:
    copy = tmp_path / "ledger.sqlite"
    copy.write_bytes(write(SHOP, ORDINARY, days=6).path.read_bytes())
    with closing(connect_writer(copy)) as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM events")
        before = copy.read_bytes()
        assert tried(copy, loads(SHOP)).then.acted > 10
        assert copy.read_bytes() == before
        db.execute("ROLLBACK")


# ── Whatever the past and the rules ───────────────────────────────────────────────────────────────────────────────────

FAULTS = st.lists(
    st.sampled_from(
        [
            "crash: {every: 1h}",
            "hang: {every: 2h}",
            "flap: {every: 2h, lasts: 5m}",
            "slow_start: {every: 2h, takes: 9s, fails: 2}",
            "restart_does_not_help: {every: 3h, lasts: 20m}",
        ]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
RULES = st.builds(
    small,
    count=st.integers(1, 9),
    cooldown=st.sampled_from(["1s", "30s", "10m"]),
    more=st.sampled_from(["", "mode: observe,", "mode: approve,", "enabled: false,", "max_recovery_attempts: 1,"]),
)


@settings(max_examples=25)
@given(faults=FAULTS, seed=st.integers(0, 3), changed=RULES)
def test_nothing_is_written_the_same_gives_the_same_and_the_sums_add_up(
    write: Write, faults: list[str], seed: int, changed: Settings
) -> None:
    scenario = "everywhere:\n  faults:\n" + "".join(f"    - {fault}\n" for fault in faults)
    text = SMALL.replace("COUNT", "2").replace("COOLDOWN", "10s")
    written = write(text, scenario, days=0.5, seed=seed)
    before = written.path.read_bytes()
    result = tried(written.path, changed)
    assert written.path.read_bytes() == before
    assert [path.name for path in written.path.parent.iterdir()] == [written.path.name]
    assert tried(written.path, changed) == result
    for sums in (result.then, result.now):
        assert sums.acted == sums.healed + sums.needless + sums.in_vain + sums.untried
    now = result.now
    same = sum(row.change is Change.SAME for row in result.rows)
    assert now.acted == same + now.sooner + now.later + now.added
    assert result.then.acted == same + now.sooner + now.later + now.dropped + now.undecided
