"""Names resolved and published by a Kubo daemon, which checks and signs the records itself.

`name/resolve` tells only where a name leads. The record that says so is asked for beside it and checked
here, for its sequence and its end; where it cannot be had, or says something else, these are not known.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidName, InvalidRecord
from ipwhl_mirror.ipld.names import KeyName, parse_name, parse_path
from ipwhl_mirror.nodes.base import PUBLISH_NAME_S, RESOLVE_S, ResolvedName
from ipwhl_mirror.nodes.errors import NameUnresolved, NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.answers import read
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.ipns_records import Record
    from ipwhl_mirror.ipld.names import Name
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_RECORD_LATER_S = 2.0
"""How long the record is waited for once it is known where the name leads."""
_GRACE_S = 1.0
"""Kubo's own bound is shorter than ours by this, so that its words are heard."""
_ANSWER_LIMIT = 64 << 10
_SHOWN = 300


class _Resolved(msgspec.Struct):
    """`name/resolve`."""

    Path: str


class _Key(msgspec.Struct):
    """One key of `key/list`."""

    Name: str
    Id: str


class _Keys(msgspec.Struct):
    """`key/list`."""

    Keys: list[_Key] | None = None


class _Value(msgspec.Struct):
    """`routing/get`."""

    Extra: str = ""


async def resolve(rpc: Rpc, text: str) -> ResolvedName:
    """See `Node.resolve_name`; silence for the deadline of other calls ends it too, where that is shorter.

    Raises:
        NameUnresolved: the daemon cannot tell where it leads, or not in time.
        NodeUnreachable, NodeRefused: see `Rpc.call`.
    """
    try:
        name = parse_name(text)
    except InvalidName as error:
        raise NameUnresolved(str(error)) from error
    bound_s = min(RESOLVE_S, rpc.stall_s)
    asking = asyncio.create_task(_record(rpc, name, bound_s))
    try:
        async with asyncio.timeout(bound_s) as bound:
            cid = await _target(rpc, name, bound_s)
            left_s = (bound.when() or 0) - asyncio.get_running_loop().time()
            bound.reschedule(None)
        await asyncio.wait([asking], timeout=min(_RECORD_LATER_S, max(left_s, 0)))
    except TimeoutError as error:
        raise NameUnresolved(f"{name} was not resolved within {bound_s:g} s") from error
    finally:
        asking.cancel()
        await asyncio.wait([asking])
    record = None if asking.cancelled() else asking.result()
    if record is None or (isinstance(record.target, Cid) and record.target.digest != cid.digest):
        return ResolvedName(cid=cid)
    return ResolvedName(cid=cid, sequence=record.sequence, valid_until=record.valid_until)


async def keys(rpc: Rpc) -> dict[str, str]:
    """See `Node.name_keys`."""
    answer = await rpc.call("key/list", ipns_base="base36")
    return {key.Name: key.Id for key in read("key/list", answer, _Keys).Keys or ()}


async def publish(rpc: Rpc, key: str, cid: Cid) -> None:
    """See `Node.publish_name`."""
    # not `resolve`, which looks for the CID on the network; a daemon that knows nobody refuses by itself
    await rpc.call(
        "name/publish",
        f"/ipfs/{cid}",
        limit=_ANSWER_LIMIT,
        stall_s=PUBLISH_NAME_S,
        key=key,
        resolve=False,
        timeout=f"{PUBLISH_NAME_S - _GRACE_S:g}s",
    )


async def _target(rpc: Rpc, name: Name, bound_s: float) -> Cid:
    # with the limit as `timeout` too: a daemon goes on with what nobody waits for otherwise
    limit_s = max(bound_s - _GRACE_S, bound_s / 2)
    try:
        answer = await rpc.call(
            "name/resolve",
            f"/ipns/{name}",
            limit=_ANSWER_LIMIT,
            stall_s=bound_s,
            recursive=True,
            nocache=True,
            dht_timeout=f"{limit_s:g}s",
            timeout=f"{limit_s:g}s",
        )
    except RpcFailed as error:
        raise NameUnresolved(f"{name} cannot be resolved: {safe_text(error.reason, _SHOWN)}") from error
    path = read("name/resolve", answer, _Resolved).Path
    try:
        target = parse_path(path)
    except InvalidName as error:
        raise NameUnresolved(f"{name} leads nowhere a release could be: {error}") from error
    if not isinstance(target, Cid):
        raise NameUnresolved(f"{name} leads to {target}, and nobody knows where that leads")
    return target


async def _record(rpc: Rpc, name: Name, bound_s: float) -> Record | None:
    """The name's own record; None where it cannot be had, or not be checked here."""
    if not isinstance(name, KeyName) or name.ed25519 is None:
        return None
    from ipwhl_mirror.ipld.ipns_records import check_record  # signatures take a while to load

    try:
        answer = await rpc.call(
            "routing/get", f"/ipns/{name}", limit=_ANSWER_LIMIT, stall_s=bound_s, timeout=f"{bound_s:g}s"
        )
        data = b64decode(read("routing/get", answer, _Value).Extra, validate=True)
        return check_record(name, data, datetime.now(UTC))
    except (NodeRefused, NodeUnreachable, InvalidRecord, binascii.Error):
        return None
