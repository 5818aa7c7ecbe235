"""A server on this machine that plays publishers: good, slow, truncated, and worse. Nothing here reaches further than 127.0.0.1."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the answer that stands for a path; of several the next one each time, the last for good."""

    protocol_version = "HTTP/1.1"
    publishers: Publishers

    def do_GET(self) -> None:
        path = unquote(self.path)
        self.publishers.asked.append((path, dict(self.headers)))
        answers = self.publishers.answers.get(path) or self.publishers.answers.get(path.partition("?")[0]) or [fails(404)]
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def reply(self, status: int, content: bytes = b"", **headers: str) -> None:
        """Send a whole answer; underscores of header names become hyphens."""
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        if "Content_Length" not in headers and status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class Publishers:
    """What the server answers, and what it was asked: paths with the headers of the request."""

    address: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def play(self, path: str, *answers: Answer) -> str:
        """Have these answers at a path; returns its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def times(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(one == path for one, _ in self.asked)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Nothing: clients that go away are meant."""


@contextmanager
def serve() -> Iterator[Publishers]:
    """Run a server until the end of the block."""
    publishers = Publishers()
    handler = type("_Handler", (Handler,), {"publishers": publishers})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    publishers.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield publishers
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def gives(content: bytes | str, **headers: str) -> Answer:
    """A good file."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda handler: handler.reply(200, raw, **headers)


def gives_if_changed(content: bytes | str, etag: str) -> Answer:
    """A good file with an entity tag; who has it already gets 304."""
    raw = content.encode() if isinstance(content, str) else content

    def answer(handler: Handler) -> None:
        if handler.headers.get("If-None-Match") == etag:
            handler.reply(304, ETag=etag)
        else:
            handler.reply(200, raw, ETag=etag)

    return answer


def fails(status: int, **headers: str) -> Answer:
    """An error, with a page that explains it."""
    return lambda handler: handler.reply(status, b"<html>sorry</html>", Content_Type="text/html", **headers)


def redirects(to: str) -> Answer:
    """A redirect."""
    return lambda handler: handler.reply(302, Location=to)


def cuts_short(content: bytes | str) -> Answer:
    """Half a file, though the whole was announced."""
    raw = content.encode() if isinstance(content, str) else content

    def answer(handler: Handler) -> None:
        handler.reply(200, raw[: len(raw) // 2], Content_Length=str(len(raw)))
        handler.close_connection = True

    return answer


def drips(seconds: float = 10.0) -> Answer:
    """A letter of a file now and then, for some seconds."""

    def answer(handler: Handler) -> None:
        handler.reply(200, Content_Length="1000000")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                handler.wfile.write(b"a")
            except OSError:
                return
            time.sleep(0.05)

    return answer


def says_nothing(seconds: float = 10.0) -> Answer:
    """No answer at all, for some seconds."""
    return lambda _: time.sleep(seconds)


def packs(content: bytes) -> Answer:
    """A file packed by gzip."""
    return gives(gzip.compress(content), Content_Encoding="gzip")
