from __future__ import annotations

from datetime import timedelta

import pytest

from salus.model import Overall, Status
from salus.surfaces.health import HealthApp
from tests.asgi import ask
from tests.fake_agent import API, DISK, NEW, NOW, WEB, FakeControl, FakeView, FixedClock, check

PROBE_PATHS = [
    "/health",
    "/healthz",
    "/livez",
    "/health/live",
    "/readyz",
    "/health/ready",
    "/startupz",
    "/health/started",
]


def app(view: FakeView, *, details: bool | None = None, control: FakeControl | None = None) -> HealthApp:
    return HealthApp(view, control, details=details, clock=FixedClock())


@pytest.mark.parametrize(
    "reports, code, status",
    [
        ([DISK], 200, "healthy"),
        ([DISK, API], 200, "degraded"),
        ([DISK, API, WEB], 503, "unhealthy"),
    ],
)
async def test_health_is_200_while_healthy_or_degraded_and_503_when_unhealthy(
    reports: list[object], code: int, status: str
) -> None:
    view = FakeView()
    view.reports = list(reports)  # type: ignore[arg-type]
    answer = await ask(app(view), "/health")
    assert (answer.code, answer.json) == (code, {"status": status})


@pytest.mark.parametrize("path", PROBE_PATHS)
async def test_every_probe_and_alias_answers_with_the_bare_status_and_forbids_caching(path: str) -> None:
    answer = await ask(app(FakeView([DISK])), path)
    assert answer.code == 200
    assert answer.json == {"status": "healthy"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


async def test_readiness_says_no_before_anything_was_looked_at_and_liveness_says_yes() -> None:
    view = FakeView([NEW], ready=False)
    assert (await ask(app(view), "/readyz")).code == 503
    assert (await ask(app(view), "/startupz")).code == 503
    assert (await ask(app(view), "/livez")).code == 200


async def test_liveness_names_only_checks_that_say_liveness() -> None:
    answer = await ask(app(FakeView(), details=True), "/livez")
    assert answer.code == 200
    assert list(answer.json["checks"]) == ["api"]


async def test_the_whole_document_has_exactly_the_agreed_shape() -> None:
    answer = await ask(app(FakeView(), details=True), "/health")
    document = answer.json
    assert answer.code == 503
    assert list(document) == [
        "status", "timestamp", "version", "uptime", "checks", "summary", "system_info", "environment",
    ]  # fmt: skip
    assert document["timestamp"] == "2026-03-01T12:00:00Z"
    assert document["uptime"] == 11520
    assert document["environment"] == "test"
    assert document["checks"]["web"] == {
        "name": "web",
        "status": "unhealthy",
        "message": "expected status 200, got 500",
        "last_checked": "2026-03-01T11:59:56Z",
        "duration": 0.012,
        "metadata": {},
        "critical": True,
    }
    assert document["summary"] == {
        "total": 3, "healthy": 1, "unhealthy": 1, "degraded": 1, "unknown": 0, "critical": 1,
    }  # fmt: skip
    assert list(document["system_info"]) == ["hostname", "platform", "python_version", "start_time", "pid"]
    assert document["system_info"]["start_time"] == "2026-03-01T08:48:00Z"


@pytest.mark.parametrize("show, whole", [("always", True), ("when_authorized", False), ("never", False)])
async def test_show_details_decides_what_the_network_is_told(show: str, whole: bool) -> None:
    answer = await ask(app(FakeView(show_details=show)), "/health")
    assert ("checks" in answer.json) is whole


async def test_verbose_prints_a_line_for_each_check_and_withholds_the_reasons() -> None:
    view = FakeView([API, DISK, NEW, WEB])
    answer = await ask(app(view), "/readyz?verbose")
    assert answer.code == 503
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == (
        "[!]api degraded: reason withheld\n"
        "[+]disk ok\n"
        "[?]new unknown: reason withheld\n"
        "[-]web failed: reason withheld\n"
        "readyz check failed\n"
    )


async def test_verbose_gives_the_reasons_where_details_may_be_told() -> None:
    view = FakeView([check("api", Status.DEGRADED, "slow:\n812 ms", healing=True), DISK])
    answer = await ask(app(view, details=True), "/health?verbose")
    assert answer.text == "[!]api degraded: slow: 812 ms (healing)\n[+]disk ok\nhealth check passed: degraded\n"


async def test_never_means_never_for_names_too() -> None:
    answer = await ask(app(FakeView(show_details="never")), "/health?verbose")
    assert answer.text == "checks withheld (show_details: never)\nhealth check failed\n"


async def test_excluded_checks_do_not_count_and_are_named() -> None:
    answer = await ask(app(FakeView()), "/readyz?verbose&exclude=web&exclude=api")
    assert answer.code == 200
    assert answer.text == "[+]disk ok\n[ ]api excluded\n[ ]web excluded\nreadyz check passed\n"


@pytest.mark.parametrize("query", ["exclude=nope", "exclude=web&exclude=nope", "exclude=", "exclude=web%2Cdisk"])
async def test_excluding_an_unknown_name_is_an_error_and_never_ok(query: str) -> None:
    answer = await ask(app(FakeView([DISK, WEB])), f"/readyz?{query}")
    assert answer.code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "to exclude" in answer.json["detail"]


async def test_health_json_of_the_draft_has_arrays_by_component_and_measurement() -> None:
    answer = await ask(app(FakeView(), details=True), "/health", accept="application/health+json")
    assert answer.headers["content-type"] == "application/health+json"
    document = answer.json
    assert (answer.code, document["status"], document["releaseId"]) == (503, "fail", "0.1.0")
    assert document["checks"]["disk:free_ratio"] == [
        {
            "componentId": "disk",
            "componentType": "system",
            "status": "pass",
            "time": "2026-03-01T11:59:56Z",
            "observedValue": 0.62,
            "observedUnit": "1",
        }
    ]
    assert document["checks"]["api:responseTime"][0]["status"] == "warn"
    assert document["checks"]["api:responseTime"][0]["output"] == "812 ms, expected below 500 ms"
    assert "observedUnit" not in document["checks"]["disk:files"][0]


async def test_bare_health_json_speaks_the_words_of_the_draft() -> None:
    answer = await ask(app(FakeView([API])), "/health", accept="application/health+json")
    assert answer.json == {"status": "warn"}


@pytest.mark.parametrize(
    "accept, media",
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/*;q=0.9, application/json;q=0.5", "text/plain; charset=utf-8"),
        ("application/*;q=0.1, application/json;q=0", "application/health+json"),
        ("application/health+json;q=1, application/json;q=1", "application/json"),
    ],
)
async def test_accept_chooses_the_form(accept: str | None, media: str) -> None:
    assert (await ask(app(FakeView([DISK])), "/health", accept=accept)).headers["content-type"] == media


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0, text/html", "application/json;q=x"])
async def test_a_form_we_do_not_have_is_406_and_says_which_there_are(accept: str) -> None:
    answer = await ask(app(FakeView([DISK])), "/health", accept=accept)
    assert answer.code == 406
    assert answer.json["remedy"] == "ask for application/json, application/health+json, text/plain"


async def test_one_check_can_be_asked_for() -> None:
    bare = await ask(app(FakeView()), "/health/checks/web")
    assert (bare.code, bare.json) == (503, {"status": "unhealthy"})
    whole = await ask(app(FakeView(), details=True), "/health/checks/disk")
    assert whole.code == 200
    assert whole.json["metrics"]["free_ratio"] == {"value": 0.62, "unit": "ratio"}
    text = await ask(app(FakeView(), details=True), "/health/checks/web?verbose")
    assert text.text == "[-]web failed: expected status 200, got 500\n"


@pytest.mark.parametrize(
    "target, code",
    [("/health/checks/nope", 404), ("/health/checks/", 404), ("/", 404), ("/health/", 404), ("/metrics", 404)],
)
async def test_what_is_not_there_is_404_with_a_remedy(target: str, code: int) -> None:
    answer = await ask(app(FakeView()), target)
    assert answer.code == code
    assert answer.json["status"] == code
    assert answer.json["title"] == "Not Found"
    assert answer.json["remedy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_another_method_is_405_and_allow_says_which_there_are(method: str) -> None:
    answer = await ask(app(FakeView()), "/health", method=method)
    assert (answer.code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    view = FakeView([DISK])
    get, head = await ask(app(view), "/health"), await ask(app(view), "/health", method="HEAD")
    assert (head.code, head.body) == (get.code, b"")
    assert head.headers == get.headers


async def test_an_answer_is_written_once_per_version_and_second() -> None:
    view, clock = FakeView([DISK]), FixedClock()
    health = HealthApp(view, None, clock=clock)
    for accept in ("*/*", "application/json", "*/*"):
        await ask(health, "/readyz", accept=accept)
    assert view.asked == 1
    await ask(health, "/health/ready")
    assert view.asked == 1
    view.version += 1
    await ask(health, "/readyz")
    assert view.asked == 2
    clock.at = NOW + timedelta(seconds=1)
    await ask(health, "/readyz")
    assert view.asked == 3


async def test_writing_takes_a_tenth_of_the_loop_at_most_however_fast_the_truth_changes() -> None:
    clock = FixedClock()

    class SlowView(FakeView):
        def overall(self, exclude: frozenset[str] = frozenset()) -> Overall:
            clock.at += timedelta(milliseconds=20)
            return super().overall(exclude)

    view = SlowView([DISK])
    health = HealthApp(view, None, clock=clock)
    for _ in range(900):
        view.version += 1
        clock.at += timedelta(milliseconds=1)
        await ask(health, "/readyz")
    assert view.asked == 5


async def test_a_change_is_seen_at_once() -> None:
    view = FakeView([DISK])
    health = app(view)
    assert (await ask(health, "/health")).code == 200
    view.reports = [WEB]
    view.version += 1
    assert (await ask(health, "/health")).code == 503


async def test_kept_answers_are_bounded_however_one_asks() -> None:
    health = app(FakeView())
    for number in range(2000):
        await ask(health, f"/health?x={number}")
    assert len(health._by_question) <= 256
    assert (await ask(health, "/health?" + "x" * 5000)).code == 400


@pytest.mark.parametrize(
    "target, signal, exit_code",
    [
        ("/ping/backup", "ok", None),
        ("/ping/backup/start", "start", None),
        ("/ping/backup/fail", "fail", None),
        ("/ping/backup/0", "exit", 0),
        ("/ping/backup/17", "exit", 17),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_job_reports_in(target: str, signal: str, exit_code: int | None, method: str) -> None:
    control = FakeControl()
    answer = await ask(app(FakeView(), control=control), target, method=method, body=b"3 files")
    assert answer.code == 200
    (beat,) = control.beats
    assert (beat.slug, beat.signal, beat.exit_code, beat.at) == ("backup", signal, exit_code, NOW)
    assert beat.message == ("3 files" if method == "POST" else "")


@pytest.mark.parametrize(
    "target, code",
    [
        ("/ping/nobody", 404),
        ("/ping/", 404),
        ("/ping/backup/1/2", 404),
        ("/ping/backup/999", 400),
        ("/ping/backup/x", 400),
    ],
)
async def test_a_report_nobody_can_take_is_an_error(target: str, code: int) -> None:
    answer = await ask(app(FakeView(), control=FakeControl()), target)
    assert answer.code == code
    assert answer.json["remedy"]


async def test_the_body_of_a_report_is_bounded() -> None:
    control = FakeControl()
    await ask(app(FakeView(), control=control), "/ping/backup", method="POST", body=b"x" * 100_000)
    assert len(control.beats[0].message) == 1024
