"""A ledger of simulated time: a real one, and for the same seed the same byte for byte, whatever the process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from salus.config import load
from salus.errors import StoreUnwritableError
from salus.model import DeliveryState, Outcome
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery
from salus.simulate.ledger import SimulatedLedger
from salus.simulate.run import Order, simulate
from salus.simulate.scenario import load_scenario
from salus.store.sqlite import read_alerts, read_deliveries, read_events, read_recoveries
from tests.integration.store.alerting import NOW, alert, delivery

pytestmark = pytest.mark.timeout(300)  # days are simulated in several processes, one after the other
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.integration.simulate.test_simulated_ledger import write
write(Path(sys.argv[1]), seed=int(sys.argv[2]))
"""


def write(ledger: Path, *, seed: int = 5) -> None:
    settings, source = load(EXAMPLES / "ten-services.yaml"), load_scenario(EXAMPLES / "every-fault.yaml")
    finished = simulate(Order(settings=settings, source=source, days=2, seed=seed, ledger=ledger))
    assert finished.violation is None


def in_another_process(ledger: Path, hash_seed: str) -> None:
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ledger), "5"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "src:."},
        cwd=EXAMPLES.parents[1],
        check=True,
        timeout=120,
    )


def test_the_same_seed_writes_the_same_ledger_whatever_the_process(tmp_path: Path) -> None:
    write(tmp_path / "here")
    in_another_process(tmp_path / "there", "1")
    in_another_process(tmp_path / "elsewhere", "2")
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert (tmp_path / "here").read_bytes() == (tmp_path / "elsewhere").read_bytes()
    write(tmp_path / "other", seed=6)
    assert (tmp_path / "here").read_bytes() != (tmp_path / "other").read_bytes()


def test_it_is_a_ledger_that_the_other_commands_read(tmp_path: Path) -> None:
    write(tmp_path / "ledger")
    records = read_recoveries(tmp_path / "ledger", RecoveryQuery(limit=10_000))
    assert records
    assert all(record.outcome is not None for record in records)
    assert any(record.outcome is Outcome.RECOVERED for record in records)
    assert read_events(tmp_path / "ledger", EventQuery(limit=10_000))
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreUnwritableError, match="is there already"):
        write(tmp_path / "ledger")
    assert (tmp_path / "ledger").read_text(encoding="utf-8") == "mine"


async def test_what_becomes_of_a_delivery_is_in_the_file_too(tmp_path: Path) -> None:
    store = SimulatedLedger(tmp_path / "ledger")
    await store.open()
    first, second, third = (delivery(number) for number in range(1, 4))
    await store.write(Batch(alerts=[alert("a")], deliveries=[first, second, third]))
    for one in (first, second):
        assert await store.claim(one, "me", NOW, stale_before=NOW)
        assert await store.release(replace(one, state=DeliveryState.DEAD, error="gone", ended_at=NOW), "me")
    assert await store.revive(second.id, NOW)
    assert await store.claim(third, "me", NOW, stale_before=NOW)
    expected = await store.deliveries()
    await store.close()
    assert read_deliveries(tmp_path / "ledger") == expected
    assert read_alerts(tmp_path / "ledger", AlertQuery()) == [alert("a")]


PRINT = """
from tests.integration.store.alerting import delivery
from dataclasses import replace
from salus.store.work import work
from salus.ports import Batch
made = delivery(1)
told = replace(made.notification, fresh=frozenset(f"fingerprint {n}" for n in range(20)))
print(work(Batch(deliveries=[replace(made, notification=told)])))
"""


def test_a_notification_is_the_same_text_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "src:."},
            cwd=EXAMPLES.parents[1],
            check=True,
            timeout=120,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
