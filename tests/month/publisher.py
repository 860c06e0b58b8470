"""A publisher that makes each release from the one before: wheels changed, added and removed, one platform
that joins on the way; and the signed statements of its feed, good and bad ones.

What it makes follows from the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from ipwhl_mirror.sources.announcements import Announcement, SignedStatement, feed_bytes, statement_text
from ipwhl_mirror.sources.keys import NAMESPACE
from tests.simulators.wheels import ANY, ARM, LINUX, WINDOWS, add_file, sample_release, wheel_bytes
from tests.sources.git_world import signature

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta
    from pathlib import Path
    from random import Random

    from tests.simulators.wheels import SampleRelease

TAGS = {"linux-x86_64": LINUX, "macos-arm64": ARM, "windows-amd64": WINDOWS}
"""The tag of a wheel of each platform."""
PURE = ("attrs-like", "flask-like", "pure-zero", "pure-one")
NATIVE = ("native-zero", "native-one", "native-two", "native-three", "native-four", "native-five")
SMALLEST, LARGEST = 24_000, 44_000
"""Bytes of the noise in a wheel; an index is smaller than the smallest."""
BIG = "native-big"
BIG_BYTES = 700_000
_IN_FEED = 4
_FEWEST = 8

Wheels = frozenset[tuple[str, str, str]]
"""(project, file name, SHA-256 as hex) of what a listing has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A release as published."""

    label: str
    sequence: int
    made: SampleRelease

    def seen(self, platforms: Collection[str]) -> Wheels:
        """What whoever takes these platforms has of it."""
        return frozenset(
            (project, filename, sha256(data).hexdigest())
            for (project, filename), data in self.taken(platforms).items()
        )

    def taken(self, platforms: Collection[str]) -> dict[tuple[str, str], bytes]:
        """Those wheels' files."""
        ends = tuple(f"-{tag}.whl" for tag in (ANY, *(TAGS[platform] for platform in platforms)))
        return {key: data for key, data in self.made.files.items() if key[1].endswith(ends)}

    def to_travel(self, platforms: Collection[str], here: Collection[bytes]) -> dict[bytes, int]:
        """Bytes of the blocks that whoever takes these platforms lacks, by digest: of wheels and of every
        directory.

        Args:
            here: digests of those that are there.
        """
        all_wheels: dict[bytes, bytes] = {}
        for data in self.made.files.values():
            add_file(data, all_wheels)
        wanted = {digest: block for digest, block in self.made.blocks.items() if digest not in all_wheels}
        for data in self.taken(platforms).values():
            add_file(data, wanted)
        return {digest: len(block) for digest, block in wanted.items() if digest not in here}


@dataclass
class Publisher:
    """Makes releases, and says so in a feed.

    Attributes:
        key: signs.
        stranger: a key that nobody accepted.
        versions: of every project that is in the newest release.
        tags: of the platforms that native projects have wheels for.
        said: the newest statements, good ones only.
    """

    random: Random
    key: Path
    stranger: Path
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*PURE, *NATIVE, BIG), 0))
    tags: tuple[str, ...] = (LINUX, ARM)
    said: list[SignedStatement] = field(default_factory=list)
    releases: int = 0
    sequence: int = 0
    _has_removed: bool = False
    _wheels: dict[tuple[str, int, str], bytes] = field(default_factory=dict)

    def first(self) -> Edition:
        """The first release."""
        return self._edition()

    def next(self) -> Edition:
        """A release in which a few projects changed, and now and then one came or went."""
        self._bump(self.random.sample(sorted(set(self.versions) - {BIG, *PURE[:2]}), 2))
        chance, has_removed = self.random.random(), False
        if chance < 0.3:
            self.versions[f"extra-{self.releases}"] = 0
        elif chance < 0.5 and len(self.versions) > _FEWEST and not self._has_removed:
            # two in a row would be too much of the pure ones for a mirror that did not see the first
            extras = [name for name in self.versions if name.startswith("extra")]
            for name in extras[:1]:
                del self.versions[name]
                has_removed = True
        self._has_removed = has_removed
        return self._edition()

    def large(self) -> Edition:
        """One in which most projects changed."""
        self._bump([name for name in self.versions if name != BIG])
        return self._edition()

    def with_big(self) -> Edition:
        """One with a wheel of several blocks for each platform."""
        self._bump([BIG])
        return self._edition()

    def lacking(self) -> Edition:
        """One without half of the native projects, by mistake: the next one has them again."""
        before = dict(self.versions)
        for name in NATIVE[:4]:
            del self.versions[name]
        edition = self._edition()
        self.versions = before
        return edition

    def bloated(self, size: int) -> Edition:
        """One with a wheel of so many bytes, by mistake."""
        files = self._files()
        name = f"bloat-1.{self.releases}-{ANY}.whl"
        files["bloat", name] = wheel_bytes("bloat", f"1.{self.releases}", ANY, padding=size)
        return self._of(files)

    def add_windows(self) -> Edition:
        """Native projects have wheels for one more platform from now on."""
        self.tags = (*self.tags, WINDOWS)
        return self._edition()

    def announce(self, edition: Edition, now: datetime, *, expires: timedelta | None = None) -> bytes:
        """The feed that says it."""
        said = self.statement(edition, now, expires=expires)
        self.said = [*self.said, said][-_IN_FEED:]
        return self.feed()

    def feed(self, *more: SignedStatement) -> bytes:
        """The feed with what was said so far, and these."""
        return feed_bytes([*self.said, *more])

    def statement(
        self, edition: Edition, now: datetime, *, key: Path | None = None, expires: timedelta | None = None
    ) -> SignedStatement:
        """A statement of a release, signed by `key` or by the right one."""
        said = Announcement(
            repository="campus",
            sequence=edition.sequence,
            label=edition.label,
            cid=edition.made.root,
            published_at=now,
            expires_at=None if expires is None else now + expires,
        )
        text = statement_text(said)
        return SignedStatement(text, signature(text, key or self.key, NAMESPACE))

    def unsigned(self, edition: Edition, now: datetime) -> SignedStatement:
        """The same, signed by nobody."""
        return replace(self.statement(edition, now), signature="")

    def _bump(self, names: Collection[str]) -> None:
        for name in names:
            self.versions[name] += 1

    def _edition(self) -> Edition:
        return self._of(self._files())

    def _of(self, files: dict[tuple[str, str], bytes]) -> Edition:
        self.releases += 1
        self.sequence += 1
        return Edition(label=f"r{self.releases}", sequence=self.sequence, made=sample_release(files))

    def _files(self) -> dict[tuple[str, str], bytes]:
        files = {}
        for name, version in self.versions.items():
            for tag in self.tags if name.startswith("native") else (ANY,):
                files[name, f"{_spelled(name)}-1.{version}-{tag}.whl"] = self._wheel(name, version, tag)
        return files

    def _wheel(self, name: str, version: int, tag: str) -> bytes:
        key = (name, version, tag)
        if key not in self._wheels:
            size = BIG_BYTES if name == BIG else self.random.randrange(SMALLEST, LARGEST)
            requires = ("attrs-like",) if name == "flask-like" else ()
            self._wheels[key] = wheel_bytes(name, f"1.{version}", tag, padding=size, requires=requires)
        return self._wheels[key]


def _spelled(name: str) -> str:
    return name.replace("-", "_")
