"""A campus that follows a source: releases on a gateway, a signed feed, and a mirror of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.config import Config, MirrorConfig, NodeConfig, StorageConfig
from ipwhl_mirror.services import sources, syncing
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.sources.announcements import Announcement, SignedStatement, feed_bytes, statement_text
from ipwhl_mirror.sources.keys import read_key_file
from ipwhl_mirror.sources.signing import sign
from tests.simulators.wheels import sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.mirror_events import Event
    from tests.simulators.gateway import SimulatedGateway
    from tests.simulators.wheels import SampleRelease

LINUX, ARM, WINDOWS = "linux-x86_64", "macos-arm64", "windows-amd64"
DAY = timedelta(days=1)


@dataclass
class Campus:
    """A data directory that follows one feed.

    Attributes:
        origin: where the wheels come from.
        key: signs the feed.
        node: its node, as `--node` says it.
        now: the time in its sessions; a test moves it.
        mirror: `[mirror.campus]`.
        storage: `[storage]`.
    """

    directory: Path
    origin: SimulatedGateway
    key: Path
    mirror: MirrorConfig = field(default_factory=lambda: MirrorConfig(source="campus", platforms=(LINUX,)))
    others: dict[str, MirrorConfig] = field(default_factory=dict)
    storage: StorageConfig = field(default_factory=lambda: StorageConfig(reserve_free=0))
    node: str = "embedded"
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    said: list[SignedStatement] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def feed(self) -> Path:
        """The file of the feed."""
        return self.directory / "feed.json"

    @property
    def settings(self) -> Settings:
        """Of its sessions."""
        node = NodeConfig(spec=self.node, gateways=(self.origin.url,), stall_timeout=10.0)
        mirrors = {"campus": self.mirror, **self.others}
        return Settings(
            data_dir=self.directory / "data",
            config=Config(node=node, storage=self.storage, mirror=mirrors),
            lock_wait_s=0.2,
        )

    def configure(self, **changes: object) -> None:
        """Change what `[mirror.campus]` says."""
        self.mirror = msgspec.structs.replace(self.mirror, **changes)

    async def follow(self) -> None:
        """Accept the feed and its key."""
        async with self.session() as session:
            keys = read_key_file(self.key.with_suffix(".pub"))
            await sources.add_source(session, "campus", self.feed.as_uri(), keys)

    async def announce(self, label: str, release: SampleRelease, *, sequence: int | None = None) -> None:
        """Have the origin hold a release, and the feed say so."""
        self.origin.blocks.update(release.blocks)
        await self.announce_cid(label, release.root, sequence=sequence)

    async def announce_cid(self, label: str, cid: Cid, *, sequence: int | None = None) -> None:
        """Have the feed say so of a release that the origin has already."""
        text = statement_text(
            Announcement(
                repository="campus",
                sequence=sequence or len(self.said) + 1,
                label=label,
                cid=cid,
                published_at=self.now,
            )
        )
        self.said.append(SignedStatement(text, await sign(text.encode(), self.key)))
        self.write_feed()

    def write_feed(self) -> None:
        """Let the feed say all of it."""
        self.feed.write_bytes(feed_bytes(self.said))

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session whose clock is the campus'."""
        async with Session.open(self.settings) as session:
            session.clock = lambda: self.now
            yield session

    async def sync(self, *names: str, to: str | None = None) -> syncing.SyncReport:
        """One run of `campus`, or of the mirrors that are named; the report of the first."""
        async with self.session() as session:
            reports = await syncing.sync(session, names, to=to, on_event=self.events.append)
            return reports[0]


def release(version: str, **versions: str) -> SampleRelease:
    """The sample release; of the projects named, another version."""
    files = {}
    for (project, filename), data in sample_wheels(version).items():
        if project not in versions:
            files[project, filename] = data
    for project, other in versions.items():
        files.update({key: data for key, data in sample_wheels(other).items() if key[0] == project})
    return sample_release(files)


def without(made: SampleRelease, *parts: str) -> SampleRelease:
    """The same without the wheels whose file name has one of these parts."""
    return sample_release(
        {key: data for key, data in made.files.items() if not any(part in key[1] for part in parts)}
    )


def with_storage(campus: Campus, **changes: object) -> None:
    """Change what `[storage]` says."""
    campus.storage = msgspec.structs.replace(campus.storage, **changes)
