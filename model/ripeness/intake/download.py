"""One file over HTTP, bounded in time, size and number of tries; or why not, in words that hold no key.

TLS is checked against the system's certificates and certifi's. A redirect is followed within the host only. What fails for a moment (429, 500, 502,
503, 504, a connection refused or broken off, a reply cut short) is tried again with growing pauses, or after as long as the publisher asks for;
what does not (404, a certificate that does not fit) is not. Everything is over by a deadline, whatever the other side does: the
work is done on a thread that nobody waits for longer.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from ripeness.errors import UsageError, printable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

TRIES: Final = 4
PAUSE_SECONDS: Final = 1.0  # before the second try; twice as long before each further one
LONGEST_PAUSE: Final = 30.0
CONNECT_SECONDS, READ_SECONDS = 10.0, 20.0
MOST_REDIRECTS: Final = 3
MOMENTARY: Final = (429, 500, 502, 503, 504)
_CHUNK: Final = 2**16
_ETAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"')
_HTTP_DATE: Final = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


class DownloadError(Exception):
    """A file could not be had: what was found, what was expected, and how to mend it."""

    def __init__(self, found: str, expected: str, mend: str, status: int | None = None) -> None:
        super().__init__(found)
        self.found, self.expected, self.mend, self.status = found, expected, mend, status


class _Momentary(DownloadError):
    """What may be otherwise in a moment."""


@dataclass(frozen=True)
class Reply:
    """What a publisher answered.

    Attributes
    ----------
    content : bytes or None
        None: it is what it was.
    etag, last_modified : str
        By which to ask whether it has changed; empty if there are none.
    """

    content: bytes | None
    etag: str = ""
    last_modified: str = ""


def open_client(contact: str | None) -> Callable[[str], PoolManager]:
    """From a host to what its requests are sent with; honours the proxies of the environment.

    Raises
    ------
    UsageError
        If the environment names a proxy of another kind than HTTP; its address, which may hold a password, is not repeated.
    """
    import certifi
    import urllib3

    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings have addresses in them, and so keys
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    about = f"; {contact}" if contact else ""
    agent = f"ripeness/{version('ripeness')} (published series for a forecast{about}) urllib3/{version('urllib3')}"
    headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    direct = urllib3.PoolManager(headers=headers, ssl_context=context, timeout=timeout, retries=False)
    proxy = getproxies().get("https")
    if not proxy:
        return lambda _: direct
    try:
        login = urllib3.util.parse_url(proxy).auth
        signed = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        behind = urllib3.ProxyManager(proxy, headers=headers, proxy_headers=signed, ssl_context=context, timeout=timeout, retries=False)
    except ValueError:  # whose text has the address in it
        raise UsageError("HTTPS_PROXY names no proxy that can be used: set it to an address that begins with http:// or https://") from None
    return lambda host: direct if proxy_bypass(host) else behind


def download(
    client: PoolManager,
    address: str,
    headers: Mapping[str, str],
    known: Reply,
    most_bytes: int,
    deadline: float,
    pause_seconds: float = PAUSE_SECONDS,
) -> Reply:
    """Fetch one file.

    Parameters
    ----------
    client : PoolManager
        As `open_client` gives it.
    address : str
        With everything filled in.
    headers : mapping
        Further lines of the request.
    known : Reply
        By which to ask whether the file has changed.
    most_bytes : int
        How large it may be, unpacked.
    deadline : float
        On the clock of `time.monotonic`, in seconds.
    pause_seconds : float
        Before the second try.

    Raises
    ------
    DownloadError
        In words without the address.
    """
    outcome: list[Reply | BaseException] = []

    def work() -> None:
        try:
            outcome.append(_try_often(client, address, headers, known, most_bytes, deadline, pause_seconds))
        except BaseException as error:  # raised again below
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if not outcome:
        raise _too_slow()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _try_often(
    client: PoolManager, address: str, headers: Mapping[str, str], known: Reply, most_bytes: int, deadline: float, pause_seconds: float
) -> Reply:
    asked = dict(client.headers) | dict(headers)
    if known.etag:
        asked["If-None-Match"] = known.etag
    if known.last_modified:
        asked["If-Modified-Since"] = known.last_modified
    for tries in range(TRIES):
        wait = min(pause_seconds * 2**tries, LONGEST_PAUSE)
        try:
            return _follow(client, address, asked, most_bytes, deadline)
        except _Later as error:
            wait, failure = max(wait, min(error.seconds, LONGEST_PAUSE)), error.why
        except _Momentary as error:
            failure = error
        if tries + 1 < TRIES:
            if time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
    raise failure


class _Later(Exception):
    """The publisher asks to be asked again in some seconds."""

    def __init__(self, seconds: float, why: _Momentary) -> None:
        super().__init__(seconds)
        self.seconds, self.why = seconds, why


def _follow(client: PoolManager, address: str, headers: Mapping[str, str], most_bytes: int, deadline: float) -> Reply:
    """Ask once, and again where the publisher redirects within its host."""
    begun = urlsplit(address)
    for _ in range(MOST_REDIRECTS + 1):
        response = _ask(client, address, headers)
        try:
            if response.status not in (301, 302, 303, 307, 308):
                return _read(response, most_bytes, deadline)
            location = response.headers.get("Location", "")
        finally:
            response.close()
        try:
            address = urljoin(address, location)
            there = urlsplit(address)
        except ValueError:
            raise DownloadError("a redirect that is no address", "the file", "look the address up in a browser and correct it") from None
        if (there.scheme, there.netloc) != (begun.scheme, begun.netloc):
            where = printable(f"{there.scheme}://{there.hostname or ''}", 100)
            mend = "look whether the publisher has moved; if so, write its new address into the feed"
            raise DownloadError(f"a redirect to {where}", f"the file, or a redirect within {begun.hostname}", mend)
    raise DownloadError(f"more than {MOST_REDIRECTS} redirects", "the file", "write the address that they lead to into the feed")


def _ask(client: PoolManager, address: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
    from urllib3 import exceptions

    try:
        return client.request("GET", address, headers=dict(headers), redirect=False, preload_content=False)
    except exceptions.SSLError as error:
        reason = getattr(error.args[0] if error.args else None, "verify_message", "") or "TLS could not be agreed on"
        raise DownloadError(
            f"no trusted connection ({reason})",
            "a certificate of the publisher's",
            "look the address up in a browser; behind a firewall that opens TLS, name its certificate in SSL_CERT_FILE",
        ) from None
    except exceptions.NameResolutionError:
        raise _Momentary("no such host, or no network", "an answer", "look after the network and the address") from None
    except exceptions.NewConnectionError:
        raise _Momentary("no connection", "an answer", _LATER) from None
    except exceptions.ConnectTimeoutError:
        raise _Momentary(f"no connection within {CONNECT_SECONDS:g} s", "an answer", _LATER) from None
    except exceptions.ReadTimeoutError:
        raise _Momentary(f"no answer within {READ_SECONDS:g} s", "an answer", _LATER) from None
    except exceptions.LocationValueError:
        raise DownloadError("an address that cannot be read", "an address of the publisher", "correct it") from None
    except exceptions.HTTPError as error:
        raise _Momentary(f"a connection that failed ({type(error).__name__})", "an answer", _LATER) from None


_LATER: Final = "run the command again later; if it lasts, look the address up in a browser"


def _read(response: BaseHTTPResponse, most_bytes: int, deadline: float) -> Reply:
    """The answer's content, no more than may be and no longer than it may take."""
    from urllib3 import exceptions

    status = response.status
    if status == 304:
        response.release_conn()  # it has no content
        return Reply(None)
    if status != 200:
        name = response.reason if isinstance(response.reason, str) and re.fullmatch(r"[A-Za-z' -]{1,40}", response.reason) else ""
        found = f"status {status} {name}".strip()
        if status in MOMENTARY:
            failure = _Momentary(found, "the file", _LATER)
            asked = response.headers.get("Retry-After", "")
            raise _Later(float(asked), failure) if re.fullmatch(r"\d{1,6}", asked) else failure
        mend = "look the address up in a browser; if the publisher has moved the file, correct the feed"
        if status in (401, 403):
            mend = "look whether the publisher asks for a key, and name it in the feed; or ask more seldom"
        raise DownloadError(found, "the file", mend, status)
    content = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > most_bytes:
                mend = "look the file up in a browser; if it is the right one, give the feed more as most_mib"
                raise DownloadError(f"more than {most_bytes / 2**20:g} MiB", "a file of no more", mend)
            if time.monotonic() > deadline:
                raise _too_slow()
    except exceptions.ReadTimeoutError:
        raise _Momentary(f"a reply that stopped for {READ_SECONDS:g} s after {len(content)} bytes", "the whole file", _LATER) from None
    except exceptions.DecodeError:
        raise DownloadError("a reply that cannot be unpacked", "a file, plain or packed by gzip", _LATER) from None
    except (exceptions.HTTPError, OSError):
        raise _Momentary(f"a reply cut short after {len(content)} bytes", "the whole file", _LATER) from None
    etag, modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
    return Reply(bytes(content), etag if _ETAG.fullmatch(etag) else "", modified if _HTTP_DATE.fullmatch(modified) else "")


def _too_slow() -> DownloadError:
    return DownloadError("no whole file within the time for one source", "a file within it", _LATER)
