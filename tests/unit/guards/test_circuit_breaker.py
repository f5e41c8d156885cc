"""A circuit breaker stops calls to what keeps failing, in every form that calls take, and its state is a check."""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, suppress
from typing import Any

import pytest

from salus.errors import BulkheadFullError, SalusError
from salus.guards import CircuitBreaker, CircuitChange, CircuitOpenError, CircuitState
from salus.guards.breaker import CHANGES_KEPT, MOST_LISTENERS
from salus.model import Metric, Status
from tests.looks import look_once


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make(time: Time) -> Callable[..., CircuitBreaker]:
    def made(**limits: Any) -> CircuitBreaker:
        settings: dict[str, Any] = {
            "failure_threshold": 2,
            "recovery_timeout": "10s",
            "jitter": 0.0,
            "clock": time,
        } | limits
        return CircuitBreaker("payments", **settings)

    return made


Make = Callable[..., CircuitBreaker]


def state_of(breaker: CircuitBreaker) -> str:
    return breaker.state.value


def fail(error: BaseException | None = None) -> None:
    raise error or ConnectionError("no answer")


def fails(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with suppress(ConnectionError):
            breaker.call(fail)


def test_after_so_many_failures_in_a_row_nothing_is_called_any_more(make: Make) -> None:
    breaker = make(failure_threshold=3)
    fails(breaker, 2)
    breaker.call(int)
    fails(breaker, 2)
    assert state_of(breaker) == "closed"
    fails(breaker)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(pytest.fail, "it was called")
    assert str(caught.value) == "payments is not called: its circuit opened 0.0 ms ago (3 failures in a row)"
    assert caught.value.name == "payments"
    assert caught.value.retry_after == 10.0
    assert caught.value.remedy == "try again in 10 s, or give a fallback"
    assert isinstance(caught.value, SalusError)


def test_a_trial_that_succeeds_closes_it(make: Make, time: Time) -> None:
    breaker = make()
    fails(breaker, 2)
    time.now += 9.9
    assert state_of(breaker) == "open"
    time.now += 0.1
    assert state_of(breaker) == "half_open"
    assert breaker.call(lambda: 7) == 7
    assert state_of(breaker) == "closed"
    assert [(one.old.value, one.new.value, one.reason) for one in breaker.history] == [
        ("closed", "open", "2 failures in a row"),
        ("open", "half_open", "open for 10 s"),
        ("half_open", "closed", "it works again"),
    ]


def test_each_failed_trial_keeps_it_open_for_twice_as_long_up_to_a_bound(make: Make, time: Time) -> None:
    breaker = make(max_recovery_timeout=35)
    fails(breaker, 2)
    waits = []
    for _ in range(4):
        waits.append(breaker.retry_after)
        time.now += breaker.retry_after or 0.0
        fails(breaker)
    assert waits == [10.0, 20.0, 35.0, 35.0]
    time.now += 35.0
    breaker.call(int)
    fails(breaker, 2)
    assert breaker.retry_after == 10.0


@pytest.mark.parametrize("chance, wait", [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_the_wait_is_spread_so_that_many_processes_do_not_try_at_once(make: Make, chance: float, wait: float) -> None:
    breaker = make(jitter=0.2, random=lambda: chance)
    fails(breaker, 2)
    assert breaker.retry_after == pytest.approx(wait)


def test_half_open_lets_only_so_many_through_at_a_time(make: Make, time: Time) -> None:
    breaker = make(half_open_max_calls=2, success_threshold=3)
    fails(breaker, 2)
    time.now += 10
    one, two = breaker.enter(), breaker.enter()
    with pytest.raises(CircuitOpenError, match="half-open, and a trial has not ended yet"):
        breaker.enter()
    breaker.leave(one, None)
    three = breaker.enter()
    breaker.leave(two, None)
    assert state_of(breaker) == "half_open"
    breaker.leave(three, None)
    assert state_of(breaker) == "closed"


def test_a_trial_that_never_ends_does_not_keep_it_half_open_for_ever(make: Make, time: Time) -> None:
    breaker = make(trial_timeout=5)
    fails(breaker, 2)
    time.now += 10
    lost = breaker.enter()
    time.now += 5
    assert state_of(breaker) == "open"
    assert breaker.history[-1].reason == "a trial did not end within 5 s"
    time.now += 20
    assert state_of(breaker) == "half_open"
    breaker.leave(lost, ConnectionError())
    assert state_of(breaker) == "half_open"


def test_what_began_before_the_circuit_changed_moves_it_no_more(make: Make, time: Time) -> None:
    breaker = make()
    late = breaker.enter()
    fails(breaker, 2)
    time.now += 10
    assert state_of(breaker) == "half_open"
    breaker.leave(late, None)
    assert state_of(breaker) == "half_open"


def test_a_share_of_failed_calls_opens_it_once_there_are_enough(make: Make, time: Time) -> None:
    breaker = make(failure_threshold=0, failure_rate=0.5, min_calls=4, window_duration="1m")
    fails(breaker, 3)
    time.now += 60
    breaker.call(int)
    breaker.call(int)
    fails(breaker)
    assert state_of(breaker) == "closed"
    fails(breaker)
    assert breaker.history[-1].reason == "2 of the last 4 calls failed"


def test_calls_that_take_too_long_open_it_although_they_succeed(make: Make, time: Time) -> None:
    breaker = make(slow_call_duration="2s", slow_call_rate=0.5, min_calls=2)

    def slowly() -> None:
        time.now += 3

    breaker.call(int)
    breaker.call(slowly)
    assert breaker.history[-1].reason == "1 of the last 2 calls took longer than 2 s"
    assert breaker.totals.slow == 1


async def test_a_call_that_is_cancelled_says_nothing_unless_it_was_slow_by_then(make: Make, time: Time) -> None:
    breaker = make(failure_threshold=1, slow_call_duration=2, slow_call_rate=1.0, min_calls=1)

    async def hang(seconds: float) -> None:
        time.now += seconds
        raise asyncio.CancelledError

    for seconds, state in ((1, "closed"), (3, "open")):
        with pytest.raises(asyncio.CancelledError):
            await breaker.call(hang, seconds)
        assert state_of(breaker) == state


async def test_a_cancelled_trial_makes_room_for_the_next(make: Make, time: Time) -> None:
    breaker = make()
    fails(breaker, 2)
    time.now += 10
    trial = asyncio.create_task(breaker.call(asyncio.Event().wait))
    await asyncio.sleep(0)
    trial.cancel()
    with suppress(asyncio.CancelledError):
        await trial
    assert state_of(breaker) == "half_open"
    assert breaker.call(lambda: "next") == "next"
    assert state_of(breaker) == "closed"


def test_only_what_speaks_of_the_other_side_counts(make: Make) -> None:
    breaker = make(failure_threshold=1, expected_exceptions=(OSError,), exclude=FileNotFoundError)
    for error in (KeyError("ours"), FileNotFoundError(), BulkheadFullError(name="inner"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            breaker.call(fail, error)
        assert state_of(breaker) == "closed"
    assert (breaker.totals.calls, breaker.totals.successes, breaker.totals.failures) == (4, 1, 0)
    fails(breaker)
    assert state_of(breaker) == "open"


def test_an_answer_can_be_a_failure_too(make: Make) -> None:
    breaker = make(failure_threshold=1, failure_result=lambda status: status >= 500)
    assert breaker.call(lambda: 404) == 404
    assert state_of(breaker) == "closed"
    assert breaker.call(lambda: 503) == 503
    assert state_of(breaker) == "open"


def test_a_predicate_that_is_broken_hides_no_error(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    breaker = make(failure_threshold=1, expected_exceptions=lambda error: error.code > 500)
    with pytest.raises(ConnectionError):
        breaker.call(fail)
    assert state_of(breaker) == "closed"
    assert "cannot tell what ConnectionError('no answer') means" in caplog.text


# ── The forms of calls ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_that_is_decorated_stays_what_it_was(make: Make) -> None:
    breaker = make()

    @breaker
    def plain(one: int, *, two: int = 2) -> int:
        """Add."""
        return one + two

    @breaker(fallback=lambda: None)
    async def coroutine() -> None: ...

    @breaker
    def generator() -> Iterator[int]:
        yield 1

    @breaker
    async def asynchronous() -> AsyncIterator[int]:
        yield 1

    assert (plain(1), plain.__name__, plain.__doc__) == (3, "plain", "Add.")
    assert list(inspect.signature(plain).parameters) == ["one", "two"]
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(asynchronous)


async def test_a_fallback_answers_in_place_of_a_refusal_and_of_nothing_else(make: Make) -> None:
    breaker = make(fallback=lambda who: f"nobody knows {who}")

    @breaker
    async def greet(who: str) -> str:
        raise ConnectionError(who)

    @breaker(fallback=lambda who: iter([f"no {who}"]))
    def each(who: str) -> Iterator[str]:
        yield who

    async def nothing(who: str) -> AsyncIterator[str]:
        yield f"not {who}"

    @breaker(fallback=nothing)
    async def stream(who: str) -> AsyncIterator[str]:
        yield who

    for _ in range(2):
        with pytest.raises(ConnectionError):
            await greet("Ada")
    assert await greet("Ada") == "nobody knows Ada"
    assert list(each("Ada")) == ["no Ada"]
    assert [item async for item in stream("Ada")] == ["not Ada"]


async def test_blocks_and_plain_functions_that_hand_out_coroutines_are_guarded(make: Make) -> None:
    breaker = make(failure_threshold=3)
    with pytest.raises(ConnectionError), breaker:
        fail()
    with suppress(ConnectionError):
        async with breaker:
            async with breaker:
                await asyncio.sleep(0)
            fail()
    assert (breaker.totals.failures, breaker.totals.successes) == (2, 1)

    async def later() -> None:
        fail()

    def hand_out() -> Coroutine[Any, Any, None]:
        return later()

    breaker.reset()
    handed_out = breaker.call(hand_out)
    assert breaker.totals.calls == 3
    with pytest.raises(ConnectionError):
        await handed_out
    assert breaker.totals.failures == 3


async def test_a_coroutine_that_is_handed_out_and_then_refused_has_its_fallback_and_is_closed(make: Make) -> None:
    async def work() -> str:
        raise AssertionError("it was refused")

    async def instead(who: str) -> str:
        return f"nobody knows {who}"

    breaker, works = make(), list[Coroutine[Any, Any, str]]()

    def hand_out(who: str) -> Coroutine[Any, Any, str]:
        works.append(work())
        return works[-1]

    with_fallback, without = breaker(fallback=instead)(hand_out)("Ada"), breaker(hand_out)("Ada")
    fails(breaker, 2)
    assert await with_fallback == "nobody knows Ada"
    with pytest.raises(CircuitOpenError):
        await without
    assert [inspect.getcoroutinestate(one) for one in works] == [inspect.CORO_CLOSED] * 2


async def test_a_generator_counts_as_one_call_from_its_first_item_to_its_end(make: Make) -> None:
    breaker = make(failure_threshold=1)

    @breaker
    def numbers(count: int) -> Iterator[int]:
        yield from range(count)
        fail()

    taken = numbers(2)
    assert breaker.totals.calls == 0
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert (breaker.totals.calls, breaker.totals.successes) == (1, 1)
    with pytest.raises(ConnectionError):
        list(numbers(2))
    assert state_of(breaker) == "open"
    with pytest.raises(CircuitOpenError):
        next(numbers(2))


async def test_what_is_sent_and_thrown_into_an_asynchronous_generator_reaches_it(make: Make) -> None:
    breaker = make(failure_threshold=1)
    heard: list[object] = []

    @breaker
    async def listen() -> AsyncIterator[int]:
        try:
            heard.append((yield 1))
            try:
                yield 2
            except KeyError as error:
                heard.append(type(error))
            yield 3
        finally:
            heard.append("closed")

    items: Any = listen()
    assert await anext(items) == 1
    assert await items.asend("hello") == 2
    assert await items.athrow(KeyError()) == 3
    await items.aclose()
    assert heard == ["hello", KeyError, "closed"]
    assert breaker.totals.successes == 1
    async with aclosing(listen()) as again:  # type: ignore[type-var]
        assert [item async for item in again] == [1, 2, 3]
    assert breaker.totals.successes == 2


def test_methods_and_callable_objects_can_be_guarded(make: Make) -> None:
    breaker = make()

    class Client:
        @breaker
        def get(self, path: str) -> str:
            return path

        @staticmethod
        @breaker
        def ping() -> str:
            return "pong"

        async def __call__(self) -> str:
            return "called"

    client = Client()
    assert (client.get("/"), client.ping()) == ("/", "pong")
    assert asyncio.run(breaker.call(client)) == "called"
    assert breaker.totals.successes == 3
    with pytest.raises(TypeError, match="write @staticmethod above the guard 'payments', not below it"):
        breaker(staticmethod(int))


# ── People, listeners, the check ──────────────────────────────────────────────────────────────────────────────────────


def test_people_can_force_it_open_switch_it_off_and_reset_it(make: Make, time: Time) -> None:
    breaker = make()
    assert breaker.force_open() == "the circuit of payments is forced open: it was forced open"
    time.now += 3600
    with pytest.raises(CircuitOpenError, match="forced open 1h ago") as caught:
        breaker.call(int)
    assert (caught.value.retry_after, caught.value.remedy) == (None, "call reset() when it may be called again")
    breaker.disable()
    fails(breaker, 5)
    assert state_of(breaker) == "disabled"
    breaker.reset()
    fails(breaker)
    assert state_of(breaker) == "closed"


def test_listeners_hear_of_every_change_and_hurt_nobody(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    breaker = make()
    heard: list[CircuitChange] = []

    def broken(change: CircuitChange) -> None:
        raise RuntimeError(breaker.state)

    breaker.on_change(broken)
    end = breaker.on_change(heard.append)
    fails(breaker, 2)
    assert [(one.circuit, one.new, one.at) for one in heard] == [("payments", CircuitState.OPEN, 100.0)]
    assert "a listener of the circuit breaker payments failed" in caplog.text
    end()
    end()
    breaker.reset()
    assert len(heard) == 1
    for _ in range(MOST_LISTENERS - 1):
        breaker.on_change(heard.append)
    with pytest.raises(ValueError, match="payments has 32 listeners: end some"):
        breaker.on_change(heard.append)


def test_what_it_remembers_is_bounded(make: Make) -> None:
    breaker = make(window_size=5)
    for _ in range(3 * CHANGES_KEPT):
        breaker.force_open()
        breaker.reset()
    assert len(breaker.history) == CHANGES_KEPT
    for _ in range(100):
        breaker.call(int)
    assert breaker._circuit.window[0] == 5


async def test_its_check_says_what_state_it_is_in(make: Make, time: Time) -> None:
    breaker = make()
    assert breaker.check is breaker.check
    seen = await look_once(breaker.check)
    assert (seen.status, seen.message, seen.metadata) == (
        Status.HEALTHY,
        "the circuit is closed",
        {"state": "closed"},
    )
    fails(breaker, 2)
    with suppress(CircuitOpenError):
        breaker.call(int)
    time.now += 4
    seen = await look_once(breaker.check)
    assert seen.status is Status.UNHEALTHY
    assert seen.message == "the circuit is open since 4 s: 2 failures in a row; tried again in 6 s"
    assert seen.metrics["refused_total"] == Metric(1)
    assert seen.metrics["retry_after_seconds"] == Metric(6.0, "seconds")
    time.now += 6
    seen = await look_once(breaker.check)
    assert (seen.status, seen.message) == (Status.DEGRADED, "the circuit is half-open since 0.0 ms: open for 10 s")
    breaker.force_open()
    assert (await look_once(breaker.check)).status is Status.DEGRADED
    breaker.disable()
    assert (await look_once(breaker.check)).status is Status.HEALTHY


async def test_where_a_fallback_does_nearly_as_well_open_is_only_degraded(make: Make) -> None:
    breaker = make(status_when_open=Status.DEGRADED)
    fails(breaker, 2)
    assert (await look_once(breaker.check)).status is Status.DEGRADED


@pytest.mark.parametrize("plain", [True, False])
async def test_a_probe_closes_it_without_a_real_call(make: Make, time: Time, plain: bool) -> None:
    well, asked = False, 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if not well:
            fail()

    async def ask_soon() -> None:
        ask()

    breaker = make(probe=ask if plain else ask_soon)
    await look_once(breaker.check)
    fails(breaker, 2)
    await look_once(breaker.check)
    assert asked == 0  # only a half-open circuit waits for a trial
    time.now += 10
    seen = await look_once(breaker.check)
    assert (asked, seen.status, state_of(breaker)) == (1, Status.UNHEALTHY, "open")
    well = True
    time.now += 20
    seen = await look_once(breaker.check)
    assert (asked, seen.status, state_of(breaker)) == (2, Status.HEALTHY, "closed")


@pytest.mark.parametrize("plain", [True, False])
async def test_a_probe_that_does_not_answer_in_time_is_a_trial_that_failed(make: Make, time: Time, plain: bool) -> None:
    end = threading.Event()
    breaker = make(probe=(lambda: end.wait(10)) if plain else asyncio.Event().wait)
    fails(breaker, 2)
    time.now += 10
    seen = await look_once(breaker.check, timeout=1)
    end.set()
    assert (seen.status, state_of(breaker)) == (Status.UNHEALTHY, "open")
    assert breaker.retry_after == 20


async def test_a_probe_that_is_cancelled_gives_its_trial_back(make: Make, time: Time) -> None:
    async def never(asked: asyncio.Event) -> None:
        asked.set()
        await asyncio.Event().wait()

    asked = asyncio.Event()
    breaker = make(probe=lambda: never(asked))
    fails(breaker, 2)
    time.now += 10
    look = asyncio.create_task(look_once(breaker.check))
    await asked.wait()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert state_of(breaker) == "half_open"
    breaker.leave(breaker.enter(), None)
    assert state_of(breaker) == "closed"


@pytest.mark.parametrize(
    "limits, message",
    [
        ({"failure_threshold": -1}, "failure_threshold is -1, and must be 0 (never) or more"),
        ({"failure_rate": 1.5}, "failure_rate is 1.5, and must be a share above 0, such as 0.5"),
        ({"failure_threshold": 0}, "nothing would ever open this circuit: give failure_threshold, failure_rate or"),
        ({"max_recovery_timeout": 1}, "max_recovery_timeout is 1.0, and must be at least recovery_timeout"),
        ({"recovery_timeout": "soon"}, "'soon' is not a duration"),
        ({"status_when_open": Status.HEALTHY}, "status_when_open is healthy, and must be degraded or unhealthy"),
    ],
)
def test_limits_that_make_no_sense_are_refused_with_a_reason(make: Make, limits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**limits)


def test_threads_that_fail_and_succeed_at_once_lose_no_count(make: Make) -> None:
    breaker = make(failure_threshold=1_000_000)
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for turn in range(200):
            with suppress(ConnectionError), breaker:
                if (number + turn) % 2:
                    fail()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (breaker.totals.calls, breaker.totals.successes, breaker.totals.failures) == (1600, 800, 800)
    assert breaker._blocks == {}


def test_a_generator_that_is_forgotten_gives_back_its_trial(make: Make, time: Time) -> None:
    breaker = make()
    fails(breaker, 2)
    time.now += 10
    items = breaker.call(lambda: (number for number in range(3)))
    assert next(items) == 0
    assert state_of(breaker) == "closed"

    @breaker
    def numbers() -> Iterator[int]:
        yield from range(3)

    fails(breaker, 2)
    time.now += 10
    next(numbers())
    gc.collect()
    assert state_of(breaker) == "closed"
