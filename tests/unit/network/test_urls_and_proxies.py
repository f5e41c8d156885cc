"""URLs taken apart, joined, and sent through proxies or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.httpclient import RequestError, urls
from salus.httpclient.proxies import choose
from salus.httpclient.redaction import Redactor, of_place


@pytest.mark.parametrize(
    "text,shown",
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a b", "http://example.org/a%20b"),
        ("https://example.org:443?q=a b", "https://example.org/?q=a%20b"),
        ("http://[::1]:8000/%7Ejoe#part", "http://[::1]:8000/%7Ejoe"),
        ("http://joe:pw@example.org/", "http://example.org/"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("  http://example.org/  ", "http://example.org/"),
    ],
)
def test_urls_are_brought_into_one_form(text: str, shown: str) -> None:
    assert str(urls.parse(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "/x", "example.org", "ftp://x/", "http://", "http://:80/", "http://[::1", "http://x:y/"]
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        urls.parse(text)


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    for candidate in (text, f"http://{text}", f"http://example.org/{text}"):
        try:
            url = urls.parse(candidate)
        except RequestError:
            continue
        line = f"GET {url.target} HTTP/1.1 {url.authority}"
        assert line.isascii()
        assert line.count(" ") == 3
        assert "\n" not in line
        assert "\r" not in line


@pytest.mark.parametrize(
    "location,target",
    [
        ("/c", "http://example.org/c"),
        ("c?d", "http://example.org/a/c?d"),
        ("../c", "http://example.org/c"),
        ("//other.example/c", "http://other.example/c"),
        ("https://other.example", "https://other.example/"),
        ("?only", "http://example.org/a/b?only"),
    ],
)
def test_a_location_is_resolved_against_where_it_came_from(location: str, target: str) -> None:
    assert str(urls.join(urls.parse("http://example.org/a/b"), location)) == target


ENVIRONMENT = {"HTTP_PROXY": "http://proxy:3128", "https_proxy": "secure-proxy:3129"}


@pytest.mark.parametrize(
    "url,exempt,taken",
    [
        ("http://a.example/", "", "http://proxy:3128/"),
        ("https://a.example/", "", "http://secure-proxy:3129/"),
        ("http://a.example/", "*", None),
        ("http://a.example/", "b.example, a.example", None),
        ("http://x.a.example/", ".a.example", None),
        ("http://x.a.example/", "a.example", None),
        ("http://xa.example/", "a.example", "http://proxy:3128/"),
        ("http://a.example:81/", "a.example:80", "http://proxy:3128/"),
        ("http://a.example:81/", "a.example:81", None),
        ("http://10.1.2.3/", "10.0.0.0/8", None),
        ("http://11.1.2.3/", "10.0.0.0/8", "http://proxy:3128/"),
        ("http://[2001:db8::1]/", "2001:db8::/32", None),
        ("http://[::1]:80/", "[::1]:80", None),
    ],
)
def test_the_environment_decides_with_its_exceptions(url: str, exempt: str, taken: str | None) -> None:
    found = choose("environment", urls.parse(url), {**ENVIRONMENT, "NO_PROXY": exempt})
    assert (str(found) if found else None) == taken


def test_without_a_word_there_is_no_proxy() -> None:
    assert choose("", urls.parse("http://a.example/"), ENVIRONMENT) is None
    assert choose("environment", urls.parse("http://a.example/"), {}) is None


@pytest.mark.parametrize("proxy", ["https://proxy:1", "socks5://proxy:1", "http://"])
def test_a_proxy_of_another_kind_is_refused(proxy: str) -> None:
    with pytest.raises(RequestError, match="proxy"):
        choose(proxy, urls.parse("http://a.example/"), {})


def test_of_a_url_that_says_where_something_is_only_the_secrets_are_taken_out() -> None:
    url = "postgresql://salus:pa55word@/shop?host=/run/postgresql-15&sslmode=verify-full&options=-c%20token%3Dt0psecret"
    hide = Redactor(of_place(url))
    assert (
        hide("/run/postgresql-15/.s.PGSQL.5432 wants verify-full")
        == "/run/postgresql-15/.s.PGSQL.5432 wants verify-full"
    )
    assert hide("pa55word, -c token=t0psecret, -c%20token%3Dt0psecret") == "***, ***, ***"
