"""Names resolved by trustless gateways: IPNS records, which are checked here, and DNSLinks, which cannot be.

Every gateway is asked once, all at the same time. Of the records that are good the one with the highest
sequence counts, so one gateway alone cannot hold a name back. Of a DNSLink the answer of the first gateway
counts, in the order in which they are named.

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid, InvalidName, InvalidRecord
from ipwhl_mirror.ipld.ipns_records import RECORD_LIMIT, Record, check_record
from ipwhl_mirror.ipld.names import DnsName, KeyName, parse_name
from ipwhl_mirror.nodes.base import NAMES_DEEP, RESOLVE_S, ResolvedName
from ipwhl_mirror.nodes.embedded.health import AttemptFailed, Verdict
from ipwhl_mirror.nodes.embedded.trustless import RAW_TYPE, asked
from ipwhl_mirror.nodes.errors import NameUnresolved, NoSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ipwhl_mirror.ipld.names import Name
    from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
    from ipwhl_mirror.nodes.embedded.health import Gateway

RECORD_TYPE = "application/vnd.ipfs.ipns-record"
_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9]+)\.raw"')
_SHOWN = 100

_T = TypeVar("_T")


async def resolve(pool: GatewayPool, text: str, *, bound_s: float = RESOLVE_S) -> ResolvedName:
    """See `Node.resolve_name`.

    Raises:
        NameUnresolved: nobody says where it leads, or not in time.
        NoSource: there is no gateway.
    """
    try:
        name = parse_name(text)
    except InvalidName as error:
        raise NameUnresolved(str(error)) from error
    if not pool.gateways:
        raise NoSource(f"nobody to ask where {name} leads", hint="name a gateway with --gateway URL")
    try:
        async with asyncio.timeout(bound_s):
            return await _follow(pool, name)
    except TimeoutError as error:
        raise NameUnresolved(f"{name} was not resolved within {bound_s:g} s") from error


async def _follow(pool: GatewayPool, name: Name) -> ResolvedName:
    own: Record | None = None
    target: Cid | Name = name
    for step in range(NAMES_DEEP):
        if isinstance(target, KeyName):
            record = await _newest_record(pool, target)
            own = record if step == 0 else own
            target = record.target
        elif isinstance(target, DnsName):
            target = (await _ask_all(pool, target, partial(_get_link, pool, target)))[0]
        if isinstance(target, Cid):
            return ResolvedName(
                cid=target,
                sequence=None if own is None else own.sequence,
                valid_until=None if own is None else own.valid_until,
            )
    raise NameUnresolved(f"{name} leads over more than {NAMES_DEEP} names")


async def _newest_record(pool: GatewayPool, name: KeyName) -> Record:
    records = await _ask_all(pool, name, partial(_get_record, pool, name))
    return max(records, key=lambda record: (record.sequence, record.valid_until))


async def _ask_all(pool: GatewayPool, name: Name, ask: Callable[[Gateway], Awaitable[_T]]) -> list[_T]:
    """What the gateways give, in their order, at least one.

    Raises:
        NameUnresolved: none gave it; each one's reason is told.
    """

    async def attempt(gateway: Gateway) -> _T | AttemptFailed:
        try:
            return await ask(gateway)
        except AttemptFailed as failure:
            return failure

    said = await asyncio.gather(*map(attempt, pool.gateways))
    given = [one for one in said if not isinstance(one, AttemptFailed)]
    if given:
        return given
    reasons = "; ".join(
        f"{gateway.address}: {failure}" for gateway, failure in zip(pool.gateways, said, strict=True)
    )
    raise NameUnresolved(f"no gateway says where {name} leads ({reasons})")


async def _get_record(pool: GatewayPool, name: KeyName, gateway: Gateway) -> Record:
    async with asked(pool, gateway, f"/ipns/{name}?format=ipns-record", RECORD_TYPE) as answer:
        if answer.media_type != RECORD_TYPE:
            shown = safe_text(answer.media_type, 60)
            raise AttemptFailed(Verdict.REFUSED, f"answered with {shown} instead of an IPNS record")
        data = bytearray()
        async for piece in answer.pieces():
            data += piece
            if len(data) > RECORD_LIMIT:
                break
        try:
            return check_record(name, bytes(data), datetime.now(UTC))
        except InvalidRecord as error:
            raise AttemptFailed(Verdict.LIED, f"gave a record that does not count: {error.reason}") from error


async def _get_link(pool: GatewayPool, name: DnsName, gateway: Gateway) -> Cid:
    """What a gateway says that a domain means: its word, and no more."""
    async with asked(pool, gateway, f"/ipns/{name}?format=raw", RAW_TYPE) as answer:
        roots = answer.header("x-ipfs-roots").split(",")
        found = _ETAG.fullmatch(answer.header("etag"))
        told = roots[-1].strip() or (found[1] if found else "")
        if len([root for root in roots if root.strip()]) > 1:
            raise AttemptFailed(Verdict.REFUSED, "says that it leads into a directory")
        try:
            return Cid.parse(told)
        except InvalidCid as error:
            shown = safe_text(told, _SHOWN) or "nothing"
            raise AttemptFailed(
                Verdict.REFUSED, f"says that it leads to {shown}, no CID of a release"
            ) from error
