"""What tests of `publish` share: wheels on disk, an index on loopback, and sessions that may ask it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.config import Config, NodeConfig, SourcesConfig, StorageConfig
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.wheels import wheel_bytes
from tests.sources.test_documents import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
NEWER_LINUX = "cp312-cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-cp312-win_amd64"
MAC = "cp312-cp312-macosx_11_0_arm64"
ANY = "py3-none-any"


def wheel(
    project: str, tag: str = ANY, version: str = "1.0", *, requires: Iterable[str] = (), padding: int = 500
) -> dict[str, bytes]:
    """A wheel by its file name."""
    name = f"{project.replace('-', '_')}-{version}-{tag}.whl"
    return {name: wheel_bytes(project, version, tag, padding=padding, requires=requires)}


def lay(directory: Path, *wheels: dict[str, bytes]) -> Path:
    """Write wheels into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for files in wheels:
        for name, data in files.items():
            (directory / name).write_bytes(data)
    return directory


@dataclass(slots=True)
class Index:
    """Files on loopback, with ranges.

    Attributes:
        files: by name.
        faults: status instead of a file, by its name.
        asked: names of files that were asked for, one a request, with the range.
        sent: bytes of bodies.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    knows_ranges: bool = True
    url: str = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls) -> AsyncIterator[Index]:
        """Start one."""
        index = cls()
        async with served(index.answer) as url:
            index.url = url
            yield index

    def offer(self, *wheels: dict[str, bytes]) -> None:
        """Have these files too."""
        for files in wheels:
            self.files.update(files)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        asked = request.headers.get("Range")
        self.asked.append((name, asked))
        if name in self.faults or name not in self.files:
            return web.Response(status=self.faults.get(name, 404))
        data, status, headers = self.files[name], 200, {}
        found = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", asked or "")
        if found and self.knows_ranges:
            start, whole = int(found[1]), len(data)
            data = data[start : int(found[2]) + 1 if found[2] else whole]
            status, headers = 206, {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{whole}"}
        self.sent += len(data)
        return web.Response(status=status, body=data, headers=headers)


def session_at(
    directory: Path, *, private_hosts: tuple[str, ...] = ("127.0.0.1",), reserve_free: int = 0
) -> contextlib.AbstractAsyncContextManager[Session]:
    """A session with a node of its own that may ask loopback."""
    config = Config(
        node=NodeConfig(spec="embedded", stall_timeout=10.0),
        storage=StorageConfig(reserve_free=reserve_free),
        sources=SourcesConfig(private_hosts=private_hosts),
    )
    return Session.open(Settings(data_dir=directory, config=config, lock_wait_s=0.2))
