"""One file over HTTP: what comes is whole or is refused, within the bounds, and no key is told."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from publisher_server import (
    Publishers,
    cuts_short,
    drips,
    fails,
    gives,
    gives_if_changed,
    packs,
    redirects,
    says_nothing,
    serve,
)

from ripeness.errors import UsageError
from ripeness.intake import download as module
from ripeness.intake.download import TRIES, DownloadError, Reply, download, open_client

FILE = b"Date,Price\n2026-10-05,91.5\n" * 20
NOTHING = Reply(None)


@pytest.fixture
def publishers() -> Iterator[Publishers]:
    with serve() as found:
        yield found


def fetch(
    address: str, known: Reply = NOTHING, most_bytes: int = 2**20, seconds: float = 20.0, contact: str | None = None, **headers: str
) -> Reply:
    client = open_client(contact)("127.0.0.1")
    return download(client, address, headers, known, most_bytes, time.monotonic() + seconds, pause_seconds=0.01)


def refused(address: str, **options: float) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        fetch(address, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_good_file_comes_as_it_is_and_is_asked_for_by_name(publishers: Publishers) -> None:
    address = publishers.play("/file.csv", gives(FILE, ETag='"a1"', Last_Modified="Mon, 05 Oct 2026 03:00:00 GMT"))
    assert fetch(address, contact="desk@example.org") == Reply(FILE, '"a1"', "Mon, 05 Oct 2026 03:00:00 GMT")
    (_, headers), *more = publishers.asked
    assert more == []
    assert re.fullmatch(r"ripeness/[\d.]+ \(published series for a forecast; desk@example\.org\) urllib3/[\d.]+", headers["User-Agent"])
    assert "If-None-Match" not in headers and "Cookie" not in headers and "Authorization" not in headers


def test_what_has_not_changed_is_not_sent_again(publishers: Publishers) -> None:
    address = publishers.play("/file.csv", gives_if_changed(FILE, '"a1"'))
    assert fetch(address, Reply(None, '"a1"')).content is None
    assert fetch(address, Reply(None, '"a0"')).content == FILE


def test_marks_that_a_spreadsheet_would_run_are_not_kept(publishers: Publishers) -> None:
    for etag, modified in (('=cmd("x")', "=1+1"), ('"a\x01b"', "yesterday"), ('"' + "a" * 999 + '"', "")):
        address = publishers.play("/file.csv", gives(FILE, ETag=etag, Last_Modified=modified))
        assert fetch(address) == Reply(FILE)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(publishers: Publishers, status: int) -> None:
    address = publishers.play("/file.csv", fails(status), fails(status), gives(FILE))
    assert fetch(address).content == FILE
    assert publishers.times("/file.csv") == 3


@pytest.mark.parametrize(("status", "times"), [(500, TRIES), (404, 1), (403, 1), (410, 1), (204, 1)])
def test_what_lasts_is_given_up(publishers: Publishers, status: int, times: int) -> None:
    error = refused(publishers.play("/file.csv", fails(status)))
    assert error.found.startswith(f"status {status}")
    assert error.status == (None if status == 500 else status)
    assert publishers.times("/file.csv") == times


def test_pauses_grow_and_a_publisher_may_ask_for_a_longer_one(publishers: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    refused(publishers.play("/file.csv", fails(503)))
    assert pauses == pytest.approx([0.01, 0.02, 0.04])
    pauses.clear()
    publishers.play("/file.csv", fails(429, Retry_After="7"), fails(503, Retry_After="999999"), fails(503, Retry_After="Mon"), gives(FILE))
    assert fetch(publishers.address + "/file.csv", seconds=600).content == FILE
    assert pauses == pytest.approx([7, module.LONGEST_PAUSE, 0.04])


def test_half_a_file_is_none(publishers: Publishers) -> None:
    address = publishers.play("/file.csv", cuts_short(FILE), gives(FILE))
    assert fetch(address).content == FILE
    error = refused(publishers.play("/file.csv", cuts_short(FILE)))
    assert error.found == f"a reply cut short after {len(FILE) // 2} bytes"


@pytest.mark.parametrize("answer", [drips(), says_nothing()])
def test_who_is_slow_is_left_by_the_deadline(publishers: Publishers, answer: object) -> None:
    begun = time.monotonic()
    error = refused(publishers.play("/file.csv", answer), seconds=0.5)  # type: ignore[arg-type]
    assert time.monotonic() - begun < 8  # the publisher would take 10
    assert error.found == "no whole file within the time for one source"


def test_a_packed_file_is_unpacked_up_to_the_limit(publishers: Publishers) -> None:
    assert fetch(publishers.play("/file.csv", packs(FILE))).content == FILE
    bomb = publishers.play("/bomb.csv", packs(bytes(2**26)))  # 64 MiB in 64 KiB
    assert refused(bomb).found == "more than 1 MiB"
    assert refused(publishers.play("/large.csv", gives(bytes(2**20 + 1)))).found == "more than 1 MiB"
    assert len(fetch(publishers.play("/large.csv", gives(bytes(2**20)))).content or b"") == 2**20
    broken = publishers.play("/broken.csv", gives(FILE, Content_Encoding="gzip"))
    assert refused(broken).found == "a reply that cannot be unpacked"


def test_redirects_are_followed_within_the_host_only(publishers: Publishers) -> None:
    publishers.play("/file.csv", gives(FILE))
    assert fetch(publishers.play("/old.csv", redirects("/file.csv"))).content == FILE
    with serve() as elsewhere:
        elsewhere.play("/file.csv", gives(FILE))
        error = refused(publishers.play("/away.csv", redirects(f"{elsewhere.address}/file.csv?key=secret")))
        assert error.found == "a redirect to http://127.0.0.1"
        assert elsewhere.asked == []
    for to in ("https://example.org/\x1b[31m", "file:///etc/passwd", "//example.org/file.csv", "http://[::1"):
        assert refused(publishers.play("/away.csv", redirects(to))).found.startswith("a redirect")
    assert refused(publishers.play("/round", redirects("/round"))).found == "more than 3 redirects"


def test_no_error_tells_the_key(publishers: Publishers) -> None:
    """Of an address with a key, whatever happens, the words of the error and what is logged have nothing of it."""
    for answer in (fails(500), fails(404), cuts_short(FILE), redirects("http://127.0.0.1:1/?key=SECRET"), packs(bytes(2**22))):
        address = publishers.play("/file.csv", answer) + "?key=SECRET"
        error = refused(address)
        assert "SECRET" not in f"{error.found}{error.expected}{error.mend}{error}"
    error = refused("http://127.0.0.1:1/?key=SECRET")
    assert error.found == "no connection"
    assert "SECRET" not in f"{error}"


def test_a_server_that_answers_no_http_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        import threading

        def answer() -> None:
            for _ in range(TRIES):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        error = refused(f"http://127.0.0.1:{listening.getsockname()[1]}/x")
    assert error.found == "a connection that failed (ProtocolError)"


def test_tls_is_on_and_checked(publishers: Publishers) -> None:
    client = open_client(None)("example.org")
    context = client.connection_pool_kw["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    error = refused(publishers.address.replace("http://", "https://") + "/file.csv")
    assert error.found.startswith("no trusted connection")


def test_a_proxy_is_signed_in_to_and_one_that_cannot_be_used_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "getproxies", lambda: {"https": "http://me:s%40cret@127.0.0.1:3128"})
    monkeypatch.setattr(module, "proxy_bypass", lambda host: host == "inside.example")
    client_of = open_client(None)
    behind = client_of("publisher.example")
    assert behind.proxy_headers == {"proxy-authorization": "Basic bWU6c0BjcmV0"}  # me:s@cret
    assert getattr(client_of("inside.example"), "proxy", None) is None
    for proxy in ("socks5://me:SECRET@127.0.0.1:1080", "http://me:SECRET@127.0.0.1:99999"):
        monkeypatch.setattr(module, "getproxies", lambda proxy=proxy: {"https": proxy})
        with pytest.raises(UsageError) as caught:
            open_client(None)
        assert "SECRET" not in str(caught.value)
