"""A feed over http on loopback, that can be told to misbehave; an async context manager.

async with FeedServer() as server:
    server.body = feed                  # what it says, with an ETag
    server.is_endless = True            # or zeros for ever
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from typing import Self

_PIECE = bytes(64 * 1024)


class FeedServer:
    """Serves one document.

    Attributes:
        body: the document.
        is_endless: send zeros for ever instead.
        status: 200, or that of a server that is in trouble.
        url: where the feed is.
    """

    def __init__(self) -> None:
        self.body = b""
        self.is_endless = False
        self.status = 200
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/feed.json", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/feed.json"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.is_endless:
            return await self._send_for_ever(request)
        etag = f'"{sha256(self.body).hexdigest()}"'
        if self.status == 200 and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=self.body, status=self.status, headers={"ETag": etag})

    async def _send_for_ever(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(_PIECE)
        except ConnectionError:
            return response
