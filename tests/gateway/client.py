"""A client that sends exactly what a test says, and keeps all of what comes back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from html.parser import HTMLParser

_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Attributes:
        status: of it; 0 when the connection ended without any.
        headers: by lower-case name; the last of a repeated one.
        body: as far as it came, chunks joined.
        is_whole: whether it had the announced length, or its last chunk.
        was_reset: whether the connection ended with a reset.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool
    was_reset: bool = False

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def links(self) -> dict[str, str]:
        """Text -> href of a listing's links."""
        page = _Page()
        page.feed(self.text)
        page.close()
        return page.links


class _Page(HTMLParser):
    """What an HTML parser finds in a listing."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self._href: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))
        if tag == "a":
            self._href, self._text = dict(attrs)["href"], ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            assert self._href is not None
            self.links[self._text] = self._href
            self._href = None


def page_tags(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every tag of a page that opens, with the names of its attributes."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.tags


@dataclass(frozen=True, slots=True)
class Client:
    """Sends one request a connection to a gateway on loopback."""

    port: int
    address: str = "127.0.0.1"

    async def get(self, target: str, method: str = "GET", **headers: str) -> Answer:
        """Send a request.

        Args:
            target: as it goes on the wire.
            headers: underscores for dashes; `Host=""` sends none.
        """
        fields = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"} | headers
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value]
        return await self.send("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))

    async def head(self, target: str, **headers: str) -> Answer:
        """A HEAD request; the whole of the answer must be its head."""
        answer = await self.get(target, "HEAD", **headers)
        assert answer.body == b""
        return answer

    async def send(self, data: bytes) -> Answer:
        """Send these bytes and read until the gateway ends the connection."""
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(self.address, self.port)
            received, was_reset = bytearray(), False
            try:
                writer.write(data)
                while piece := await reader.read(1 << 16):
                    received += piece
            except ConnectionError:
                was_reset = True
            finally:
                writer.close()
        return replace(_read_answer(bytes(received), data.startswith(b"HEAD")), was_reset=was_reset)


def _read_answer(data: bytes, is_head: bool) -> Answer:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return Answer(0, {}, data, False)
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split()[1])
    if is_head or status == 304:
        return Answer(status, headers, body, True)
    if headers.get("transfer-encoding") == "chunked":
        payload, is_whole = _join_chunks(body)
        return Answer(status, headers, payload, is_whole)
    return Answer(status, headers, body, len(body) == int(headers.get("content-length", -1)))


def _join_chunks(data: bytes) -> tuple[bytes, bool]:
    payload = bytearray()
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size or b"0", 16)
        if length == 0:
            return bytes(payload), True
        payload += data[:length]
        data = data[length + 2 :]
    return bytes(payload), False
