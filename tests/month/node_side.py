"""What the month does to a node, and looks up behind its back: crashes, bytes on its disk, its blocks."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.embedded.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.month.site import Site
    from tests.month.upstream import PeerUpstream
    from tests.nodes.running_kubo import KuboDaemon
    from tests.simulators.forked_program import Running

_LARGEST_DIRECTORY = 10_000
"""Bytes of a block; those of wheels have more, but for the last of a large one."""
_EMPTY_DIRECTORY = Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")


class NodeSide(Protocol):
    """One node."""

    cut_codes: frozenset[int]
    """What a run ends with whose node crashed."""

    async def crash(self, running: Running) -> None:
        """SIGKILL of all that the node is made of, while a run uses it."""

    async def come_back(self) -> None:
        """Run again."""

    def wheel_bytes(self) -> int:
        """Bytes of payload on its disk."""

    def digests(self) -> set[bytes]:
        """Of every block that it stores."""


class EmbeddedSide:
    """The embedded node lives in the programs that use it."""

    cut_codes = frozenset({-9})

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _layout(self) -> Layout:
        (database,) = self._site.data.rglob("node.sqlite")
        return Layout(database.parent)

    async def crash(self, running: Running) -> None:
        running.kill()
        await self._site.kill_serving()

    async def come_back(self) -> None:
        await self._site.start_serving()

    def wheel_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._layout.wheels.rglob("*") if path.is_file())

    def digests(self) -> set[bytes]:
        if not any(self._site.data.rglob("node.sqlite")):
            return set()
        found = {digest for digest, _ in self._layout.finished()}
        with closing(sqlite3.connect(self._layout.database)) as connection:
            for table in ("blocks", "refs", "nodes", "files"):
                found.update(digest for (digest,) in connection.execute(f"SELECT digest FROM {table}"))
        return found


class KuboSide:
    """A daemon of its own."""

    cut_codes = frozenset({1, 3, 6})

    def __init__(self, daemon: KuboDaemon, upstream: PeerUpstream) -> None:
        self._daemon = daemon
        self._upstream = upstream

    async def crash(self, running: Running) -> None:
        await asyncio.to_thread(self._daemon.kill)

    async def come_back(self) -> None:
        await asyncio.to_thread(self._daemon.restart)
        await self._upstream.connect()

    def wheel_bytes(self) -> int:
        sizes = (path.stat().st_size for path in self._files())
        return sum(size for size in sizes if size > _LARGEST_DIRECTORY)

    def digests(self) -> set[bytes]:
        keys = (path.stem for path in self._files())
        found = {base64.b32decode(key + "=" * (-len(key) % 8))[2:] for key in keys}
        return found - {_EMPTY_DIRECTORY.digest, Cid.of(b"", RAW).digest}

    def _files(self) -> list[Path]:
        return list((self._daemon.repo_path / "blocks").rglob("*.data"))
