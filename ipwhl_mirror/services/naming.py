"""Announce a release by an IPNS name: a key that the node holds says where the newest is.

The node signs, and publishes the name again for as long as it runs; nobody is to trust it for more than a
hint (`sources.names`). Only a Kubo holds such keys.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.errors import InvalidName
from ipwhl_mirror.ipld.names import parse_name
from ipwhl_mirror.services.errors import UsageProblem

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session

_LISTED = 10


@dataclass(frozen=True, slots=True)
class NameKey:
    """A key of the node.

    Attributes:
        key: what the node calls it.
        name: that it signs for, `k51...`.
    """

    key: str
    name: str


async def find_key(session: Session, text: str) -> NameKey:
    """The key of the node that is meant, to find out before anything is published that it is there.

    Args:
        text: what the node calls it, or its name.

    Raises:
        UsageProblem: the node has no such key, or none at all.
        NodeError: the node does not answer.
    """
    keys = await session.node.name_keys()
    if text in keys:
        return NameKey(text, keys[text])
    for key, name in keys.items():
        if _is_same(name, text):
            return NameKey(key, name)
    if not keys:
        raise UsageProblem(
            "this node publishes no names: --ipns needs a Kubo",
            hint="give one with --node, or announce in a feed: --feed FILE --key K",
        )
    raise UsageProblem(
        f"the node has no IPNS key {safe_text(text, 80)!r}",
        hint=f"make it: ipfs key gen {shlex.quote(safe_text(text, 80))}",
        details=[f"it has {safe_text(key, 80)}" for key in sorted(keys)[:_LISTED]],
    )


async def publish_name(session: Session, key: NameKey, cid: Cid) -> None:
    """Let the name lead to a release. Said once more, it is no news: the name's sequence stays.

    Raises:
        NodeError: the node cannot make it known.
    """
    await session.node.publish_name(key.key, cid)


def _is_same(name: str, text: str) -> bool:
    try:
        return parse_name(name) == parse_name(text)
    except InvalidName:
        return False
