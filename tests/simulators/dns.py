"""Domains with DNSLinks, for a program that asks by DNS over HTTPS (RFC 8484), here without the S.

with SimulatedDns() as dns:
    dns.links["example.org"] = "/ipfs/bafy..."      # TXT of _dnslink.example.org; any other: no such name
    ... a resolver at dns.url ...
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

_TXT = b"\x00\x10"
_HEADER = 12
_PREFIX = "_dnslink."


class SimulatedDns:
    """A server on loopback, in a thread of its own; a context manager.

    Attributes:
        links: path of each domain's DNSLink.
    """

    def __init__(self) -> None:
        self.links: dict[str, str] = {}
        domains = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                answer = domains.answer(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/dns-message")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}/dns-query"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, query: bytes) -> bytes:
        """The answer to one question (RFC 1035, 4)."""
        labels: list[str] = []
        at = _HEADER
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[_HEADER : at + 5]
        link = self.links.get(".".join(labels).lower().removeprefix(_PREFIX))
        found = labels[0] == _PREFIX[:-1] and question[-4:-2] == _TXT and link is not None
        flags = b"\x81\x80" if found else b"\x81\x83"
        head = query[:2] + flags + b"\x00\x01" + (b"\x00\x01" if found else b"\x00\x00") + bytes(4)
        if not found:
            return head + question
        text = f"dnslink={link}".encode()
        value = bytes([len(text)]) + text
        record = b"\xc0\x0c" + _TXT + b"\x00\x01" + bytes(4) + len(value).to_bytes(2) + value
        return head + question + record
