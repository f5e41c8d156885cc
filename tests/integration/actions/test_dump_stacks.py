"""All stacks of this process are recorded, also while the application's loop is blocked."""

from __future__ import annotations

import asyncio
import json
import threading

from salus.actions.dump_stacks import DumpStacks
from salus.model import Effect
from salus.units import Duration, Size
from tests.applications import application
from tests.unit.actions.scenes import make_scene


async def serve(end: asyncio.Event) -> None:
    await wait_for_more(end)


async def wait_for_more(end: asyncio.Event) -> None:
    await end.wait()


async def test_threads_and_tasks_are_recorded_with_their_stacks() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="worker-of-ours", daemon=True)
    thread.start()
    with application() as app:
        for _ in range(5):
            app.start(serve(asyncio.Event()))
        app.call(lambda: None)
        at = make_scene()
        app.live_at(at.site)
        result = await DumpStacks().run(at)
    end.set()
    thread.join(5)
    threads, tasks = result.evidence["threads"], result.evidence["tasks"]
    assert isinstance(threads, list)
    assert isinstance(tasks, list)
    ours = next(each for each in threads if isinstance(each, dict) and each["name"] == "worker-of-ours")
    assert "in Event.wait" in str(ours["stack"])
    assert isinstance(tasks[0], dict)
    assert (tasks[0]["coroutine"], tasks[0]["count"]) == ("serve", 5)
    stack = tasks[0]["stack"]
    assert isinstance(stack, list)
    assert [str(line).rpartition(" in ")[2] for line in stack] == ["serve", "wait_for_more", "Event.wait"]
    assert "event_loop" not in result.evidence
    assert result.message == f"recorded {len(threads)} threads and 5 tasks"


async def test_it_works_while_the_loop_is_blocked() -> None:
    with application() as app:
        app.start(serve(asyncio.Event()))
        app.call(lambda: None)
        app.block()
        at = make_scene()
        app.live_at(at.site)
        result = await DumpStacks(loop_timeout=Duration(0.1)).run(at)
    assert "did not answer" in str(result.evidence["event_loop"])
    assert "serve" in str(result.evidence["tasks"])
    assert "in crunch" in str(result.evidence["threads"])


async def test_it_is_bounded_and_never_counts_as_success() -> None:
    action = DumpStacks(limit=Size(256), frames=2, most=3)
    result = await action.run(make_scene())
    assert len(json.dumps(result.evidence)) <= 256
    assert action.effect is Effect.RECORDS


def test_options_that_record_nothing_are_refused() -> None:
    names = {name for name, _ in DumpStacks(threads=False, tasks=False, frames=0, most=0, limit=Size(1)).problems()}
    assert names == {"threads", "frames", "most", "limit"}
