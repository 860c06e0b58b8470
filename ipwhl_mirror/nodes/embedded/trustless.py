"""One request to one trustless gateway: what is asked, and what its answer means.

Promised: an answer is read as it comes and never past what it may be; lengths it claims are not believed.
Silence for the stall time-out ends it, and so does less than 4 KiB in that time. At most 5 redirects are
followed. All that can go wrong with a gateway becomes AttemptFailed, with a reason in our own words; no httpx
error leaves this module.

Left out: reading a CAR (`ipld/car.py`), and what to do when an attempt failed (`gateways.py`).

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import MAX_BLOCK
from ipwhl_mirror.ipld.errors import HashMismatch
from ipwhl_mirror.nodes.embedded.addresses import redirect_target
from ipwhl_mirror.nodes.embedded.gateways import CONNECT_TIMEOUT_S
from ipwhl_mirror.nodes.embedded.health import AttemptFailed, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
    from ipwhl_mirror.nodes.embedded.health import Gateway

CAR_TYPE = "application/vnd.ipld.car"
RAW_TYPE = "application/vnd.ipld.raw"
MAX_REDIRECTS = 5

_DRIP = 4096
_SETTLE_BYTES = 4096
_SETTLE_S = 0.5
_ABSENT = {404: "does not have it", 410: "says it is gone", 451: "may not give it for legal reasons"}
_NO_CAR = {400, 404, 406, 415, 501}


class Answer:
    """A 200 answer whose body was not read yet."""

    def __init__(self, pool: GatewayPool, response: httpx.Response) -> None:
        self._pool = pool
        self._response = response
        self._body = self._read()
        media_type, _, parameters = response.headers.get("content-type", "").lower().partition(";")
        self.media_type = media_type.strip()
        self.is_ordered = "order=dfs" in parameters.replace(" ", "").split(";")

    @property
    def has_end(self) -> bool:
        """Whether a cut connection can be told from the end of the body."""
        headers = self._response.headers
        return "content-length" in headers or "transfer-encoding" in headers

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces as it comes; called again, the rest of it.

        Raises:
            AttemptFailed: it stalled, dripped, or was cut.
        """
        return self._body

    def header(self, name: str) -> str:
        """A header of the answer, as the gateway wrote it; empty where there is none."""
        return str(self._response.headers.get(name, ""))

    async def aclose(self) -> None:
        """Drop what was not read."""
        await self._body.aclose()
        with suppress(httpx.HTTPError):
            await self._response.aclose()

    async def _read(self) -> AsyncGenerator[bytes, None]:
        clock, patience_s = self._pool.clock, self._pool.transfer.stall_timeout_s
        since, size = clock(), 0
        with _http_faults():
            async for piece in self._response.aiter_raw():
                self._pool.count_received(len(piece))
                size += len(piece)
                came = clock()
                if size >= _DRIP:
                    since, size = came, 0
                elif came - since > patience_s:
                    raise AttemptFailed(Verdict.UNWELL, f"sent only {size} bytes in {patience_s:g} s")
                yield piece
                since += clock() - came  # the reader's own time is not the gateway's

    async def settle(self) -> None:
        """Read the little that may be left, so that the connection can be used again; never fails."""
        left = _SETTLE_BYTES
        with suppress(AttemptFailed, TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                async for piece in self.pieces():
                    left -= len(piece)
                    if left < 0:
                        return


async def get_block(pool: GatewayPool, gateway: Gateway, cid: Cid) -> bytes:
    """One block, hashed.

    Raises:
        AttemptFailed: the gateway did not give it.
    """
    async with asked(pool, gateway, f"/ipfs/{cid}?format=raw", RAW_TYPE) as answer:
        if answer.media_type not in (RAW_TYPE, "application/octet-stream", ""):
            shown = safe_text(answer.media_type, 60)
            raise AttemptFailed(Verdict.UNWELL, f"answered with {shown} instead of a block")
        buffer = bytearray()
        async for piece in answer.pieces():
            buffer += piece
            if len(buffer) > MAX_BLOCK:
                raise AttemptFailed(Verdict.LIED, f"sent more than {MAX_BLOCK} bytes as block {cid}")
        block = bytes(buffer)
        try:
            cid.check(block)
        except HashMismatch as error:
            if answer.media_type == RAW_TYPE and answer.has_end:
                raise AttemptFailed(Verdict.LIED, f"sent bytes that are not block {cid}") from error
            raise AttemptFailed(Verdict.REFUSED, f"gave something else than block {cid}") from error
        return block


@asynccontextmanager
async def open_car(pool: GatewayPool, gateway: Gateway, root: Cid, start: int) -> AsyncIterator[Answer]:
    """A CAR of the file under `root`, from byte `start` of its payload to its end.

    Raises:
        AttemptFailed: the gateway gives none.
    """
    # Gateways apply entity-bytes only beside an explicit dag-scope, and some cannot do it at all.
    part = f"&entity-bytes={start}:*" if start else ""
    target = f"/ipfs/{root}?format=car&dag-scope=entity{part}"
    async with asked(pool, gateway, target, f"{CAR_TYPE};version=1;order=dfs;dups=n") as answer:
        if answer.media_type != CAR_TYPE:
            raise AttemptFailed(Verdict.NO_CAR, "answered with something else than a CAR")
        yield answer


@asynccontextmanager
async def asked(pool: GatewayPool, gateway: Gateway, target: str, accept: str) -> AsyncIterator[Answer]:
    """A gateway's answer to one request.

    Args:
        target: path and query, below the gateway's address.
        accept: the media type asked for.

    Raises:
        AttemptFailed: it is none of status 200.
    """
    response = await _send(pool, gateway, target, accept)
    async with aclosing(Answer(pool, response)) as answer:
        if response.status_code != 200:
            await answer.settle()
            raise _failure(response, accept)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise AttemptFailed(Verdict.REFUSED, "answers compressed, although it was asked not to")
        yield answer


async def _send(pool: GatewayPool, gateway: Gateway, target: str, accept: str) -> httpx.Response:
    client, patience_s = pool.client, pool.transfer.stall_timeout_s
    home = gateway.address.url
    url = httpx.URL(f"{gateway.address}{target}")
    limits = httpx.Timeout(patience_s, connect=CONNECT_TIMEOUT_S, pool=None)
    for _ in range(MAX_REDIRECTS + 1):
        own = (url.scheme, url.netloc) == (home.scheme, home.netloc)
        request = client.build_request("GET", url, headers={"Accept": accept}, timeout=limits)
        with _http_faults():
            try:
                # httpx bounds each read; headers that never end are many reads.
                async with asyncio.timeout(CONNECT_TIMEOUT_S + patience_s):
                    response = await client.send(
                        request,
                        stream=True,
                        auth=gateway.address.auth if own else None,
                        follow_redirects=False,
                    )
            except TimeoutError as error:
                raise AttemptFailed(Verdict.UNWELL, f"did not answer in {patience_s:g} s") from error
        if not response.has_redirect_location:
            return response
        async with aclosing(Answer(pool, response)) as answer:
            await answer.settle()
        try:
            url = redirect_target(home, url, response.headers["location"])
        except ValueError as error:
            raise AttemptFailed(Verdict.REFUSED, str(error)) from error
    raise AttemptFailed(Verdict.REFUSED, f"redirects more than {MAX_REDIRECTS} times")


def _failure(response: httpx.Response, accept: str) -> AttemptFailed:
    status = response.status_code
    if accept.startswith(CAR_TYPE) and status in _NO_CAR:
        return AttemptFailed(Verdict.NO_CAR, f"gives no CAR (HTTP {status})")
    if status in _ABSENT:
        return AttemptFailed(Verdict.ABSENT, f"{_ABSENT[status]} (HTTP {status})")
    wait_s = _retry_after(response)
    if status == 429 or (status >= 500 and wait_s is not None):
        until = "" if wait_s is None else f" and asks to be left alone for {wait_s:g} s"
        return AttemptFailed(Verdict.BUSY, f"is busy (HTTP {status}){until}", wait_s=wait_s)
    if status >= 500:
        return AttemptFailed(Verdict.UNWELL, f"failed (HTTP {status})")
    return AttemptFailed(Verdict.REFUSED, f"refused (HTTP {status})")


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        # Both times are the gateway's: this machine's clock may be wrong.
        then = parsedate_to_datetime(text)
        return max(0.0, (then - parsedate_to_datetime(response.headers["date"])).total_seconds())
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


@contextmanager
def _http_faults() -> Iterator[None]:
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise AttemptFailed(Verdict.UNWELL, f"did not connect in {CONNECT_TIMEOUT_S:g} s") from error
    except httpx.TimeoutException as error:
        raise AttemptFailed(Verdict.UNWELL, "sent nothing until the stall time-out") from error
    except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
        reason = safe_text(str(error), 120) or type(error).__name__
        raise AttemptFailed(Verdict.UNWELL, f"cannot be reached: {reason}") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise AttemptFailed(Verdict.UNWELL, f"broke off ({type(error).__name__})") from error
