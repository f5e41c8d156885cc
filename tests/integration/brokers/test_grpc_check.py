"""The `grpc` check before real gRPC servers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from salus.checks.grpc import Grpc
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.units import Duration
from tests.certificates import Authority
from tests.looks import Prober


class Guarded(health.HealthServicer):  # type: ignore[misc]
    """Wants a token, and repeats it when it is wrong."""

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        given = dict(context.invocation_metadata()).get("authorization", "")
        if given == "Bearer slow down":
            threading.Event().wait(0.05)
        elif given != "Bearer let me in":
            code = grpc.StatusCode.PERMISSION_DENIED if given == "Bearer weak" else grpc.StatusCode.UNAUTHENTICATED
            context.abort(code, f"not with {given}")
        return super().Check(request, context)


async def test_what_a_server_says_is_what_is_reported(grpc_port: int, look: Prober) -> None:
    target = f"127.0.0.1:{grpc_port}"
    seen = await look(Grpc(target=target))
    assert seen.status is Status.HEALTHY
    assert seen.message.startswith(f"{target} says SERVING, in ")
    assert (await look(Grpc(target=target, service_name="up"))).status is Status.HEALTHY
    seen = await look(Grpc(target=target, service_name="down"))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "grpc_not_serving")
    assert seen.message == f"down at {target} says NOT_SERVING"


@pytest.mark.parametrize(
    "service, said", [("unsure", "says UNKNOWN"), ("missing", "does not know the service 'missing'")]
)
async def test_a_service_that_nobody_knows_of_is_no_verdict(
    grpc_port: int, look: Prober, service: str, said: str
) -> None:
    with pytest.raises(CheckBrokenError, match=said) as caught:
        await look(Grpc(target=f"127.0.0.1:{grpc_port}", service_name=service))
    assert caught.value.cause == Cause.NOT_KNOWN
    assert caught.value.remedy


async def test_a_server_without_a_health_service_is_no_verdict(look: Prober) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(CheckBrokenError, match="has no health service") as caught:
        await look(Grpc(target=f"127.0.0.1:{port}"))
    assert caught.value.cause == Cause.NOT_KNOWN
    server.stop(0)


async def test_metadata_lets_us_in_and_stays_secret(look: Prober) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(Guarded(), server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        assert (
            await look(Grpc(target=target, metadata={"authorization": "Bearer let me in"}))
        ).status is Status.HEALTHY
        wrong = Grpc(target=target, metadata={"authorization": "Bearer wrongsecret"})
        seen = await look(wrong)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "wrongsecret" not in seen.message + repr(wrong)
        with pytest.raises(CheckBrokenError) as caught:
            await look(Grpc(target=target, metadata={"authorization": "Bearer weak"}))
        assert caught.value.cause == Cause.PERMISSION
        slow = Grpc(target=target, metadata={"authorization": "Bearer slow down"}, latency_below=Duration(0.04))
        assert (await look(slow)).status is Status.DEGRADED
    finally:
        server.stop(0)


async def test_tls_is_verified_and_a_client_certificate_is_shown(look: Prober, tmp_path: Path) -> None:
    authority = Authority(tmp_path, look.site.clock.now())
    identity, ours = authority.issue(), authority.issue(host="salus")
    pairs = [(identity.key.read_bytes(), identity.certificate.read_bytes())]
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    root = authority.file.read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pairs, root, require_client_auth=True))
    server.start()
    try:
        known: dict[str, Any] = {
            "ca_file": authority.file,
            "client_certificate": ours.certificate,
            "client_key": ours.key,
        }
        seen = await look(Grpc(target=f"127.0.0.1:{port}", tls=True, **known))
        assert seen.status is Status.HEALTHY, seen.message
        seen = await look(Grpc(target=f"127.0.0.1:{port}", tls=True), timeout=3)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
        assert "was signed by an authority that nobody here trusts" in seen.message
        seen = await look(Grpc(target=f"127.0.0.1:{port}", tls=True, server_name="elsewhere", **known), timeout=3)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
        with pytest.raises(CheckBrokenError, match="cannot read"):
            await look(Grpc(target=f"127.0.0.1:{port}", tls=True, ca_file=tmp_path / "none.pem"))
    finally:
        server.stop(0)


async def test_a_unix_socket_is_asked(look: Prober, tmp_path: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    server.start()
    assert (await look(Grpc(target=f"unix:{tmp_path / 's'}"))).status is Status.HEALTHY
    server.stop(0)
    seen = await look(Grpc(target=f"unix:{tmp_path / 'none'}"))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)


async def test_a_server_that_speaks_something_else_is_said_to(look: Prober, nats_port: int) -> None:
    seen = await look(Grpc(target=f"127.0.0.1:{nats_port}"), timeout=3)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.PROTOCOL)
    assert "does not speak gRPC" in seen.message


async def test_a_name_that_does_not_exist_is_no_verdict(look: Prober) -> None:
    with pytest.raises(CheckBrokenError) as caught:
        await look(Grpc(target="no-such-host.invalid:1"))
    assert caught.value.cause == Cause.DNS


async def test_an_application_may_use_grpc_on_a_loop_of_its_own(
    look: Prober, grpc_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """grpc.aio binds itself to a loop; two of them in one process complain of each other. Ours is not one."""

    async def ask(target: str) -> None:
        async with grpc.aio.insecure_channel(target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for _ in range(20):
                await stub.Check(health_pb2.HealthCheckRequest())

    target = f"127.0.0.1:{grpc_port}"
    check = Grpc(target=target).build(look.site)
    beside = asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(ask(target)))
    for _ in range(20):
        assert (await look.look(check)).status is Status.HEALTHY
    await beside
    await check.aclose()
    assert caplog.records == []
