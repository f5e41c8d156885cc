"""The HTTP client against servers that behave, and against those that do not."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest

from salus.httpclient import (
    AnswerError,
    ConnectError,
    Connection,
    HttpError,
    ProxyError,
    RedirectError,
    Request,
    ResolveError,
    TlsError,
    TlsOptions,
    fetch,
)
from tests.certificates import Authority
from tests.integration.network.conftest import Handler, Servers, answering, connected_to, ok, open_sockets, read_request
from tests.looks import eventually


def _at(port: int, path: str = "/") -> str:
    return f"http://127.0.0.1:{port}{path}"


# ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_plain_answer_arrives_whole(servers: Servers) -> None:
    port = await servers.tcp(answering(ok(b"hello", "X-One: 1", "X-One: 2")))
    response = await fetch(Request(url=_at(port)))
    assert (response.status, response.reason, response.body, response.truncated) == (200, "OK", b"hello", False)
    assert response.header("x-one") == "1, 2"
    assert ("X-One", "1") in response.headers
    assert response.timings.total >= response.timings.connect > 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"hello"),
    ],
    ids=["chunked", "until the end of the connection", "HTTP/1.0", "after interim responses"],
)
async def test_a_body_is_read_however_it_is_framed(servers: Servers, answer: bytes) -> None:
    port = await servers.tcp(answering(answer))
    response = await fetch(Request(url=_at(port)))
    assert (response.status, response.body) == (200, b"hello")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_status_without_body_needs_no_end(servers: Servers, status: str) -> None:
    port = await servers.tcp(_then_silent(f"HTTP/1.1 {status}\r\nX: y\r\n\r\n".encode()))
    assert (await fetch(Request(url=_at(port)))).body == b""


async def test_an_answer_to_head_has_no_body_whatever_its_length_says(servers: Servers) -> None:
    port = await servers.tcp(_then_silent(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    assert (await fetch(Request(url=_at(port), method="HEAD"))).body == b""


async def test_a_huge_body_is_read_only_as_far_as_asked(servers: Servers) -> None:
    async def endless(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    port = await servers.tcp(endless)
    response = await fetch(Request(url=_at(port), max_body=100_000))
    assert response.truncated
    assert len(response.body) == 100_000


async def test_the_request_goes_out_as_it_was_asked(servers: Servers) -> None:
    seen: list[bytes] = []

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ok())

    port = await servers.tcp(handler)
    url = f"http://joe:s%20t@127.0.0.1:{port}/a b/ü?q=1#there"
    await fetch(Request(url=url, method="POST", headers=(("X-Key", "v"), ("user-agent", "me")), body=b"data"))
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a%20b/%C3%BC?q=1 HTTP/1.1"
    assert {b"Host: 127.0.0.1:%d" % port, b"X-Key: v", b"user-agent: me", b"Content-Length: 4"} <= set(lines)
    assert b"Authorization: Basic am9lOnMgdA==" in lines
    assert b"Connection: close" in lines
    assert body == b"data"


# ── Ill manners ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _then_silent(answer: bytes) -> Handler:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await asyncio.Event().wait()

    return handler


@pytest.mark.parametrize(
    "answer,words",
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "middle of its headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "after 5 of 50 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "after 3 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\n", "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer in HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "speaks TLS"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 40_000, "without end"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000, "without end"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40_000, "without end"),
    ],
    ids=[
        "hangs up at once",
        "hangs up in the headers",
        "hangs up in the body",
        "hangs up in a chunk",
        "breaks its own framing",
        "another protocol",
        "TLS",
        "headers without end",
        "one header without end",
        "interim responses without end",
    ],
)
async def test_a_broken_answer_is_told_for_what_it_is(servers: Servers, answer: bytes, words: str) -> None:
    port = await servers.tcp(answering(answer))
    with pytest.raises(AnswerError, match=words) as caught:
        await fetch(Request(url=_at(port)))
    assert not caught.value.ours


async def test_framing_without_end_around_a_small_body_is_given_up(servers: Servers) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    port = await servers.tcp(handler)
    with pytest.raises(AnswerError):
        await fetch(Request(url=_at(port), max_body=1000))


async def test_a_reset_is_told_as_one(servers: Servers) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)
        held: socket.socket = writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    port = await servers.tcp(handler)
    with pytest.raises(HttpError, match=r"reset|closed the connection") as caught:
        await fetch(Request(url=_at(port), method="POST", body=b"x" * 100))
    assert not caught.value.ours


async def test_nobody_listening_is_a_refusal_with_a_remedy() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectError, match="refused the connection") as caught:
            await fetch(Request(url=_at(bound.getsockname()[1])))
    assert "running" in (caught.value.remedy or "")
    assert not caught.value.ours


async def test_a_name_that_does_not_exist_is_our_own_trouble() -> None:
    with pytest.raises(ResolveError) as caught:
        await fetch(Request(url="http://does-not-exist.invalid/"), resolve_within=20)
    assert caught.value.ours


# ── Names and addresses ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop's methods cannot be watched
async def test_localhost_is_found_without_a_resolver(servers: Servers) -> None:
    port = await servers.tcp(answering(ok()))
    loop = asyncio.get_running_loop()
    asked: list[object] = []
    loop.getaddrinfo = lambda *given, **_: asked.append(given)  # type: ignore[method-assign, assignment]
    assert (await fetch(Request(url=f"http://localhost:{port}/"))).status == 200
    assert asked == []


async def test_the_second_address_is_tried_where_the_first_refuses(servers: Servers) -> None:
    try:
        port = await servers.tcp(answering(ok()), host="::1")
    except OSError:
        pytest.skip("not on this platform: IPv6 is switched off")
    assert (await fetch(Request(url=f"http://localhost:{port}/"))).status == 200
    with pytest.raises(ConnectError, match="refused"):
        await fetch(Request(url=_at(port)))


async def test_a_unix_socket_is_spoken_to(servers: Servers, tmp_path: Path) -> None:
    path = await servers.unix(answering(ok(b"from the socket")), tmp_path / "s")
    response = await fetch(Request(url="http://app/health", unix_socket=path))
    assert response.body == b"from the socket"


async def test_a_unix_socket_that_is_not_there_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"gone\.sock is not there") as caught:
        await fetch(Request(url="http://app/", unix_socket=tmp_path / "gone.sock"))
    assert not caught.value.ours


# ── Kept connections ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_kept_connection_is_used_again(servers: Servers) -> None:
    port = await servers.tcp(answering(ok(b"1"), ok(b"2"), ok(b"3")))
    connection = Connection()
    bodies = [(await connection.fetch(Request(url=_at(port)))).body for _ in range(3)]
    connection.close()
    assert bodies == [b"1", b"2", b"3"]
    assert servers.connections == 1


async def test_a_kept_connection_that_the_server_gave_up_is_opened_again(servers: Servers) -> None:
    port = await servers.tcp(answering(ok(b"first and last")))
    connection = Connection()
    for _ in range(5):
        assert (await connection.fetch(Request(url=_at(port)))).body == b"first and last"
    connection.close()
    assert servers.connections == 5


async def test_a_server_that_says_close_is_not_asked_again_on_that_connection(servers: Servers) -> None:
    port = await servers.tcp(_then_silent(ok(b"once", "Connection: close")))
    connection = Connection()
    for _ in range(2):
        assert (await connection.fetch(Request(url=_at(port)))).body == b"once"
    connection.close()
    assert servers.connections == 2


async def test_what_comes_unasked_spoils_a_kept_connection(servers: Servers) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"asked") + ok(b"unasked"))
        await asyncio.Event().wait()

    port = await servers.tcp(handler)
    connection = Connection()
    for _ in range(2):
        assert (await connection.fetch(Request(url=_at(port)))).body == b"asked"
        await asyncio.sleep(0)
    connection.close()
    assert servers.connections == 2


async def test_a_kept_connection_survives_a_head_request(servers: Servers) -> None:
    port = await servers.tcp(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", ok(b"2")))
    connection = Connection()
    await connection.fetch(Request(url=_at(port), method="HEAD"))
    assert (await connection.fetch(Request(url=_at(port)))).body == b"2"
    connection.close()
    assert servers.connections == 1


# ── Redirects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _redirect(location: str, status: str = "302 Found") -> bytes:
    return ok(b"", f"Location: {location}", status=status)


async def test_a_redirect_is_followed_only_where_asked(servers: Servers) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        request = await read_request(reader)
        writer.write(_redirect("../there?x=1") if b"/a/b/c" in request else ok(request.split(b"\r\n")[0]))

    port = await servers.tcp(handler)
    assert (await fetch(Request(url=_at(port, "/a/b/c")))).status == 302
    response = await fetch(Request(url=_at(port, "/a/b/c"), follow_redirects=1))
    assert response.body == b"GET /a/there?x=1 HTTP/1.1"
    assert response.url == _at(port, "/a/there?x=1")
    assert response.redirects == 1


async def test_a_redirect_in_a_circle_is_an_error_after_the_limit(servers: Servers) -> None:
    port = await servers.tcp(answering(_redirect("/")))
    with pytest.raises(RedirectError, match="4 redirects"):
        await fetch(Request(url=_at(port), follow_redirects=4))
    assert servers.connections == 5


@pytest.mark.parametrize("location", ["ftp://example.org/", "mailto:a@b", "http://", "http://[bad"])
async def test_a_redirect_to_nowhere_is_an_error(servers: Servers, location: str) -> None:
    port = await servers.tcp(answering(_redirect(location)))
    with pytest.raises(RedirectError):
        await fetch(Request(url=_at(port), follow_redirects=5))


async def test_another_origin_is_not_told_our_secrets(servers: Servers) -> None:
    seen: list[bytes] = []

    async def other(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ok())

    second = await servers.tcp(other)
    first = await servers.tcp(answering(_redirect(_at(second))))
    headers = (("Authorization", "Bearer s3cret"), ("Cookie", "id=s3cret"), ("X-Plain", "yes"))
    await fetch(Request(url=_at(first), headers=headers, follow_redirects=3))
    assert b"s3cret" not in seen[0]
    assert b"X-Plain: yes" in seen[0]


async def test_the_same_origin_goes_on_being_told(servers: Servers) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        request = await read_request(reader)
        writer.write(ok(request) if b"/there" in request else _redirect("/there"))

    port = await servers.tcp(handler)
    response = await fetch(Request(url=f"http://joe:secret@127.0.0.1:{port}/", follow_redirects=3))
    assert b"Authorization: Basic " in response.body
    assert "secret" not in response.url


@pytest.mark.parametrize(
    "status,method,expected",
    [(303, "POST", "GET"), (303, "HEAD", "HEAD"), (302, "POST", "GET"), (301, "PUT", "PUT"), (307, "POST", "POST")],
)
async def test_the_method_follows_the_rules(servers: Servers, status: int, method: str, expected: str) -> None:
    seen: list[bytes] = []

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ok(b"") if b" /there " in seen[-1] else _redirect("/there", f"{status} Elsewhere"))

    port = await servers.tcp(handler)
    body = b"data" if method in ("POST", "PUT") else b""
    headers = (("Content-Type", "text/plain"),) if body else ()
    await fetch(Request(url=_at(port), method=method, body=body, headers=headers, follow_redirects=2))
    assert seen[1].startswith(f"{expected} ".encode())
    assert (b"data" in seen[1]) == (b"Content-Type" in seen[1]) == (expected in ("POST", "PUT"))


async def test_a_unix_socket_is_not_left_by_redirect(servers: Servers, tmp_path: Path) -> None:
    path = await servers.unix(answering(_redirect("http://elsewhere.example/")), tmp_path / "s")
    with pytest.raises(RedirectError, match="redirects away"):
        await fetch(Request(url="http://app/", unix_socket=path, follow_redirects=3))


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_trusted_certificate_is_accepted_and_its_end_told(servers: Servers, authority: Authority) -> None:
    port = await servers.tcp(answering(ok(b"safe")), tls=authority.issue().server())
    response = await fetch(Request(url=f"https://localhost:{port}/", tls=TlsOptions(ca_file=authority.file)))
    assert response.body == b"safe"
    assert response.peer_certificate_expires is not None
    assert response.timings.tls > 0


async def test_an_unknown_authority_is_refused_with_a_remedy(servers: Servers, authority: Authority) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue().server())
    with pytest.raises(TlsError, match="nobody here trusts") as caught:
        await fetch(Request(url=f"https://localhost:{port}/"))
    assert "ca_file" in (caught.value.remedy or "")


async def test_verification_can_be_switched_off(servers: Servers, authority: Authority) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue(host="other.example", self_signed=True).server())
    response = await fetch(Request(url=f"https://localhost:{port}/", tls=TlsOptions(verify=False)))
    assert response.status == 200
    assert response.peer_certificate_expires is not None


async def test_a_client_shows_its_own_certificate(servers: Servers, authority: Authority) -> None:
    server, client = authority.issue(), authority.issue(host="client.example")
    port = await servers.tcp(answering(ok()), tls=server.server(wants_clients_of=authority.file))
    url = f"https://localhost:{port}/"
    tls = TlsOptions(ca_file=authority.file, client_certificate=client.certificate, client_key=client.key)
    assert (await fetch(Request(url=url, tls=tls))).status == 200
    with pytest.raises(HttpError) as caught:
        await fetch(Request(url=url, tls=TlsOptions(ca_file=authority.file)))
    assert not caught.value.ours


async def test_a_missing_ca_file_is_our_own_trouble(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok()))
    tls = TlsOptions(ca_file=tmp_path / "gone.pem")
    with pytest.raises(HttpError, match=r"cannot read .*gone\.pem") as caught:
        await fetch(Request(url=f"https://localhost:{port}/", tls=tls))
    assert caught.value.ours


async def test_a_plain_server_asked_for_tls_is_told_as_such(servers: Servers) -> None:
    async def plain(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    port = await servers.tcp(plain)
    with pytest.raises(TlsError, match="does not speak TLS"):
        await fetch(Request(url=f"https://localhost:{port}/"))


async def test_a_kept_tls_connection_shakes_hands_once(servers: Servers, authority: Authority) -> None:
    port = await servers.tcp(answering(ok(b"1"), ok(b"2")), tls=authority.issue().server())
    request = Request(url=f"https://localhost:{port}/", tls=TlsOptions(ca_file=authority.file))
    connection = Connection()
    assert (await connection.fetch(request)).timings.tls > 0
    assert (await connection.fetch(request)).timings.tls == 0
    connection.close()
    assert servers.connections == 1


# ── Proxies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _tunnelling(reader: StreamReader, writer: StreamWriter) -> None:
    """Be a proxy: connect to what CONNECT names, and carry bytes both ways."""
    request = await read_request(reader)
    host, _, port = request.split(b" ")[1].rpartition(b":")
    there_reader, there_writer = await asyncio.open_connection(host.decode(), int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def carry(source: StreamReader, target: StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    try:
        await asyncio.gather(carry(reader, there_writer), carry(there_reader, writer), return_exceptions=True)
    finally:
        there_writer.close()


async def test_http_goes_through_a_proxy_in_absolute_form(servers: Servers) -> None:
    seen: list[bytes] = []

    async def proxy(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ok(b"through the proxy"))

    port = await servers.tcp(proxy)
    response = await fetch(Request(url="http://far.example/x?y", proxy=f"http://joe:pw@127.0.0.1:{port}"))
    assert response.body == b"through the proxy"
    assert seen[0].startswith(b"GET http://far.example/x?y HTTP/1.1\r\n")
    assert b"Host: far.example\r\n" in seen[0]
    assert b"Proxy-Authorization: Basic " in seen[0]


async def test_https_goes_through_a_tunnel(servers: Servers, authority: Authority) -> None:
    target = await servers.tcp(answering(ok(b"safe")), tls=authority.issue().server())
    proxy = await servers.tcp(_tunnelling)
    tls = TlsOptions(ca_file=authority.file)
    request = Request(url=f"https://127.0.0.1:{target}/", proxy=f"http://127.0.0.1:{proxy}", tls=tls)
    assert (await fetch(request)).body == b"safe"


async def test_the_environment_names_a_proxy_only_to_those_who_ask(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await servers.tcp(answering(ok(b"proxy")))
    target = await servers.tcp(answering(ok(b"target")))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert (await fetch(Request(url=_at(target)))).body == b"target"
    assert (await fetch(Request(url=_at(target), proxy="environment"))).body == b"proxy"
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    assert (await fetch(Request(url=_at(target), proxy="environment"))).body == b"target"


async def test_a_proxy_that_is_down_is_our_own_trouble() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{bound.getsockname()[1]}"
        for url in ("http://far.example/", "https://far.example/"):
            with pytest.raises(ProxyError, match="the proxy") as caught:
                await fetch(Request(url=url, proxy=proxy))
            assert caught.value.ours


@pytest.mark.parametrize("said,ours", [("502 Bad Gateway", False), ("407 Authentication", True), ("403 No", True)])
async def test_what_the_proxy_says_of_the_target_counts(servers: Servers, said: str, ours: bool) -> None:
    port = await servers.tcp(answering(ok(b"", status=said)))
    with pytest.raises(HttpError) as caught:
        await fetch(Request(url="https://far.example/", proxy=f"http://127.0.0.1:{port}"))
    assert caught.value.ours == ours


# ── Cancellation ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _silent(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(1)
    await asyncio.Event().wait()


async def _dripping(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("scheme,handler", [("http", _silent), ("https", _silent), ("http", _dripping)])
@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
async def test_a_cancellation_leaves_no_socket_open(
    servers: Servers, scheme: str, handler: Handler, kept: bool
) -> None:
    port = await servers.tcp(handler)
    send = Connection().fetch if kept else fetch
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await send(Request(url=f"{scheme}://127.0.0.1:{port}/"))
    await eventually(lambda: servers.connections == 1, "the server to see who came")
    await eventually(lambda: connected_to(port) == 0, "our end to be closed")


@pytest.mark.parametrize("after", [0.0, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002])
async def test_a_cancellation_at_any_moment_leaves_no_socket_open(
    servers: Servers, authority: Authority, after: float
) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue().server())
    tls = TlsOptions(ca_file=authority.file)
    for host in ("127.0.0.1", "localhost"):
        for _ in range(5):
            task = asyncio.get_running_loop().create_task(fetch(Request(url=f"https://{host}:{port}/", tls=tls)))
            await asyncio.sleep(after)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await eventually(lambda: connected_to(port) == 0, "our end to be closed")


async def test_connecting_can_be_cancelled() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        before = open_sockets()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await fetch(Request(url=_at(address[1])))
        await eventually(lambda: open_sockets() <= before, "all sockets to be closed")
        for filler in fillers:
            filler.close()
