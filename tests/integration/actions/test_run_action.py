from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from salus.actions.run import Run
from salus.errors import ActionError
from salus.model import Effect
from salus.processes import _trust
from salus.units import Size
from tests.unit.actions.scenes import FakeService, make_scene

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose here")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_a_command_runs_and_its_output_is_kept() -> None:
    result = await Run(command=("sh", "-c", "echo one; echo two; echo three >&2")).run(make_scene())
    assert result.message.startswith("sh exited with 0 after ")
    assert result.message.endswith(": two")
    assert result.evidence["stdout"] == "one\ntwo\n"
    assert result.evidence["stderr"] == "three\n"
    assert result.evidence["exit_code"] == 0


async def test_the_failing_check_is_in_the_environment_and_little_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never passed on")
    action = Run(command=("env",), environment={"MODE": "fast"})
    result = await action.run(make_scene(service=FakeService(), message="down\0\nSALUS_RULE=forged"))
    found = dict(line.split("=", 1) for line in str(result.evidence["stdout"]).splitlines())
    assert found["SALUS_CHECK"] == "web-http"
    assert found["SALUS_STATUS"] == "unhealthy"
    assert found["SALUS_MESSAGE"] == "down\ufffd SALUS_RULE=forged"
    assert found["SALUS_RULE"] == "web-http"
    assert found["SALUS_RECOVERY"] == "r1"
    assert found["SALUS_ATTEMPT"] == "1"
    assert found["SALUS_SERVICE"] == "web"
    assert found["SALUS_PID"] == "100"
    assert found["SALUS_METRIC_LATENCY_SECONDS"] == "0.25"
    assert found["SALUS_METRIC_FREE_RATIO_ROOT"] == "0.5"
    assert found["SALUS_CHILD"] == "test:action:web-http"
    assert found["MODE"] == "fast"
    assert "AWS_SECRET_ACCESS_KEY" not in found


async def test_everything_known_comes_as_json_on_request() -> None:
    result = await Run(command=("cat",), stdin="json").run(make_scene(service=FakeService()))
    given = json.loads(str(result.evidence["stdout"]))
    assert given["check"] == "web-http"
    assert given["pid"] == 100
    assert given["observation"]["metrics"]["latency_seconds"] == {"value": 0.25, "unit": "seconds"}
    assert (await Run(command=("cat",)).run(make_scene())).evidence["stdout"] == ""


async def test_another_exit_code_fails_with_its_last_words() -> None:
    with pytest.raises(ActionError) as caught:
        await Run(command=("sh", "-c", "seq 100; echo no room left >&2; exit 3")).run(make_scene())
    assert "sh exited with 3 after " in str(caught.value)
    assert str(caught.value).endswith(": no room left")
    with pytest.raises(ActionError, match=r"of 100 lines, the last 10") as caught:
        await Run(command=("sh", "-c", "seq 100; exit 1")).run(make_scene())
    assert str(caught.value).endswith("99\n100")
    with pytest.raises(ActionError, match="without a word"):
        await Run(command=("false",)).run(make_scene())


async def test_other_codes_can_mean_success() -> None:
    result = await Run(command=("sh", "-c", "exit 3"), ok_codes=(0, 3)).run(make_scene())
    assert result.evidence["exit_code"] == 3


async def test_a_signal_is_said() -> None:
    with pytest.raises(ActionError, match="was killed by signal 9"):
        await Run(command=("sh", "-c", "kill -9 $$")).run(make_scene())


async def test_output_is_bounded_and_last_words_too() -> None:
    chatty = ("sh", "-c", f"{sys.executable} -c \"print('x' * 1000000)\"; exit $CODE")
    result = await Run(command=chatty, max_output=Size(1000), environment={"CODE": "0"}).run(make_scene())
    assert result.evidence["truncated"] is True
    assert len(str(result.evidence["stdout"])) < 1100
    assert len(result.message) < 2100
    with pytest.raises(ActionError) as caught:
        await Run(command=chatty, environment={"CODE": "1"}).run(make_scene())
    assert len(str(caught.value)) < 2200


async def test_it_runs_where_it_is_told_to(tmp_path: Path) -> None:
    script(tmp_path / "here", "pwd")
    result = await Run(command=("./here",), directory=tmp_path).run(make_scene())
    assert result.evidence["stdout"] == f"{tmp_path}\n"


async def test_what_is_not_there_is_said_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="no program 'no-such-program' in PATH") as caught:
        await Run(command=("no-such-program",)).run(make_scene())
    assert caught.value.remedy is not None
    with pytest.raises(ActionError, match="no folder"):
        await Run(command=("true",), directory=tmp_path / "nowhere").run(make_scene())
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    with pytest.raises(ActionError, match="no program"):
        await Run(command=(str(plain),)).run(make_scene())
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(ActionError, match="cannot be run: No such file"):
        await Run(command=(str(broken),)).run(make_scene())


# ── Cancellation ──────────────────────────────────────────────────────────────────────────────────────────────────────


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_cancelling_kills_everything_a_forking_script_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    forking = script(
        tmp_path / "forking",
        f"""
        trap '' TERM HUP INT
        (echo $$ >> {pids}; (sh -c 'echo $$ >> {pids}; exec sleep 600') &
            exec setsid sh -c 'echo $$ >> {pids}; sleep 600') &
        nohup sh -c 'echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait' > /dev/null 2>&1 &
        echo $$ >> {pids}
        sleep 600
        """,
    )
    task = asyncio.create_task(Run(command=(str(forking),)).run(make_scene()))
    async with asyncio.timeout(20):
        while not pids.exists() or len(pids.read_text().split()) < 6:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    started = {int(pid) for pid in pids.read_text().split()}
    assert len(started) >= 5
    assert [pid for pid in started if alive(pid)] == []


async def test_a_deadline_around_it_kills_it_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    sleeper = script(tmp_path / "sleeper", f"echo $$ > {pid}; sleep 600 & wait")
    deadlines: list[asyncio.Timeout] = []

    async def act() -> None:
        async with asyncio.timeout(None) as deadline:
            deadlines.append(deadline)
            await Run(command=(str(sleeper),)).run(make_scene())

    task = asyncio.create_task(act())
    async with asyncio.timeout(20):
        while not pid.exists() or not pid.read_text():
            await asyncio.sleep(0.01)
    deadlines[0].reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await task
    assert not alive(int(pid.read_text()))


# ── Trust ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trusted() -> frozenset[int]:
    return frozenset({0, os.getuid()})


def test_a_program_of_our_own_in_folders_of_our_own_is_trusted(tmp_path: Path, trusted: frozenset[int]) -> None:
    assert _trust.why_not_trusted(script(tmp_path.resolve() / "heal", ""), trusted) is None


def test_a_program_that_everybody_can_write_to_is_not(tmp_path: Path, trusted: frozenset[int]) -> None:
    heal = script(tmp_path.resolve() / "heal", "")
    heal.chmod(0o757)
    assert _trust.why_not_trusted(heal, trusted) == f"everybody can write to {heal}"


def test_a_folder_on_the_way_that_everybody_can_write_to_is_as_bad(tmp_path: Path, trusted: frozenset[int]) -> None:
    folder = tmp_path.resolve() / "open"
    folder.mkdir()
    heal = script(folder / "heal", "")
    folder.chmod(0o777)
    assert _trust.why_not_trusted(heal, trusted) == f"everybody can write to {folder}"
    folder.chmod(0o777 | stat.S_ISVTX)
    assert _trust.why_not_trusted(heal, trusted) is None


def test_a_link_is_followed_step_by_step(tmp_path: Path, trusted: frozenset[int]) -> None:
    base = tmp_path.resolve()
    (base / "open").mkdir()
    (base / "own").mkdir()
    heal = script(base / "open" / "heal", "")
    (base / "own" / "link").symlink_to("../open/heal")
    assert _trust.why_not_trusted(base / "own" / "link", trusted) is None
    (base / "open").chmod(0o777)
    assert _trust.why_not_trusted(base / "own" / "link", trusted) == f"everybody can write to {heal.parent}"
    (base / "ring").symlink_to(base / "ring")
    assert "too many links" in str(_trust.why_not_trusted(base / "ring", trusted))


def test_what_belongs_to_somebody_else_is_not_trusted(tmp_path: Path) -> None:
    heal = script(tmp_path.resolve() / "heal", "")
    assert "belongs to the user" in str(_trust.why_not_trusted(heal, {4711}))
    assert "No such file" in str(_trust.why_not_trusted(tmp_path.resolve() / "gone", {0, os.getuid()}))


@ROOT
async def test_root_refuses_a_program_that_others_can_write_to(tmp_path: Path) -> None:
    heal = script(tmp_path / "heal", "echo healed")
    heal.chmod(0o757)
    with pytest.raises(ActionError, match="everybody can write to") as caught:
        await Run(command=(str(heal),)).run(make_scene())
    assert "chmod go-w" in str(caught.value.remedy)
    heal.chmod(0o755)
    assert (await Run(command=(str(heal),)).run(make_scene())).message.endswith("healed")


@ROOT
async def test_root_refuses_a_script_handed_to_an_interpreter_too(tmp_path: Path) -> None:
    heal = script(tmp_path / "heal.sh", "echo healed")
    heal.chmod(0o666)
    with pytest.raises(ActionError, match="refused to run"):
        await Run(command=("sh", "-e", str(heal))).run(make_scene())


@ROOT
async def test_what_runs_as_its_owner_may_belong_to_its_owner(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    heal = script(tmp_path / "heal", "id -un")
    os.chown(heal, 65534, 65534)
    with pytest.raises(ActionError, match="belongs to the user nobody"):
        await Run(command=(str(heal),)).run(make_scene())
    assert (await Run(command=(str(heal),), user="nobody").run(make_scene())).message.endswith("nobody")
    with pytest.raises(ActionError, match="no user 'nobody-here'"):
        await Run(command=(str(heal),), user="nobody-here").run(make_scene())


# ── Options ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "action, field",
    [
        (Run(command=()), "command"),
        (Run(command=("systemctl restart nginx",)), "command"),
        (Run(command=("a", "b\0")), "command"),
        (Run(command=("true",), environment={"A=B": ""}), "environment"),
        (Run(command=("true",), ok_codes=()), "ok_codes"),
        (Run(command=("true",), ok_codes=(256,)), "ok_codes"),
        (Run(command=("true",), effect=Effect.WAITS), "effect"),
    ],
)
def test_options_that_make_no_sense_are_problems(action: Run, field: str) -> None:
    assert [name for name, _ in action.problems()] == [field]


def test_a_command_line_in_one_word_is_taken_apart_for_the_user() -> None:
    ((_, what),) = Run(command=("systemctl restart nginx",)).problems()
    assert what.endswith("[systemctl, restart, nginx]")


def test_the_effect_is_for_the_user_to_say() -> None:
    assert Run(command=("true",)).effect is Effect.CHANGES
    assert Run(command=("true",), effect=Effect.REPLACES).effect is Effect.REPLACES


def test_its_repr_hides_what_may_be_secret() -> None:
    shown = repr(Run(command=("heal", "--token", "abc"), environment={"KEY": "hidden"}))
    assert shown == "Run(command=['heal', '--token', '***'])"
