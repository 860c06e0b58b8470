"""Releases as signed tags of a git repository, as IPWHL publishes them.

Real git (`git_program`) does the transport, into a bare repository of our own, bounded: no submodules, no
tree or file of a commit where the server can leave them out, and caps on refs, bytes, memory and time. What
the tags say is read by `tags`, and signatures are checked by `signing`. A tag counts only if its commit
descends from the last one that was accepted.

Left out: which addresses git connects to. It is told the configured one and follows no redirect.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.sources.announcements import Announcement
from ipwhl_mirror.sources.base import Answer, Problem
from ipwhl_mirror.sources.errors import NotTrusted, SourceMalformed
from ipwhl_mirror.sources.git_program import (
    ANSWER_LIMIT,
    PROTOCOLS,
    Bounds,
    ask_git,
    read_batch,
    run_git,
)
from ipwhl_mirror.sources.signing import check_signature
from ipwhl_mirror.sources.tags import TAG_LIMIT, Tag, announced_cid, read_tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipwhl_mirror.sources.trust import SourceTrust

NAMESPACE = "git"
"""Of signatures that git makes."""
TAGS = 1000
"""Annotated tags of a repository, at most."""
_TOTAL_S = 120.0
_PACK_LIMIT = 256 << 20
_MEMORY_LIMIT = 1 << 30
_COMMITS = 1_000_000
_LISTED = re.compile(rf"([0-9a-f]{{40}}|[0-9a-f]{{64}})\trefs/tags/({LABEL.pattern})(\^\{{\}})?")
"""A tag whose name could be a label; the second line of an annotated one names its commit."""


@dataclass(frozen=True, slots=True)
class GitSource:
    """A repository at `git+https://`, `git+ssh://` or `git+file://`.

    Attributes:
        directory: keeps its tags.
        total_s: how long each call of git may take.
    """

    url: str
    directory: Path
    total_s: float = _TOTAL_S

    async def ask(self, trust: SourceTrust, memory: str = "") -> Answer:
        """See `base.Source`."""
        listed = await self._list()
        told = hashlib.sha256(repr(sorted(listed.items())).encode()).hexdigest()
        if told == memory:
            return Answer(memory=memory, unchanged=True)
        if len(listed) > TAGS:
            raise SourceMalformed(f"{len(listed)} annotated tags are more than {TAGS}")
        await self._fetch(listed)
        announcements: list[Announcement] = []
        problems: list[Problem] = []
        for name, raw in (await self._read(listed)).items():
            try:
                announcement, problem = await self._announcement(name, raw, trust)
                announcements.append(announcement)
                problems += problem
            except SourceMalformed as error:
                problems.append(Problem(name, str(error)))
        announcements.sort(key=lambda said: said.sequence or 0)
        return Answer(announcements=tuple(announcements), problems=tuple(problems), memory=told)

    async def _announcement(
        self, name: str, raw: bytes, trust: SourceTrust
    ) -> tuple[Announcement, list[Problem]]:
        tag = read_tag(raw)
        said = Announcement(
            label=name,
            cid=announced_cid(tag.message),
            sequence=await self._commits(tag.commit),
            published_at=tag.tagged_at,
            checkpoint=tag.commit,
            follows=trust.checkpoint is None or await self._descends(tag.commit, trust.checkpoint),
            signed_as=None if tag.name == name else tag.name,
        )
        try:
            return replace(said, signer=await _signer(tag, trust)), []
        except (NotTrusted, SourceMalformed) as error:
            if said.signed_as is not None:
                words = f"the tag says that it is {safe_text(tag.name, 64)!r}: it was renamed"
                raise SourceMalformed(words) from error
            return said, [Problem(name, str(error))]

    async def _list(self) -> dict[str, str]:
        """The annotated tags by name: the id of the tag object."""
        out = await self._git("ls-remote", "--tags", "--", self._address, limit=ANSWER_LIMIT)
        ids: dict[str, str] = {}
        annotated: set[str] = set()
        for line in out.decode("utf-8", "replace").splitlines():
            found = _LISTED.fullmatch(line)
            if found is None:
                continue
            if found[3]:
                annotated.add(found[2])
            else:
                ids[found[2]] = found[1]
        return {name: object_id for name, object_id in ids.items() if name in annotated}

    async def _fetch(self, listed: Mapping[str, str]) -> None:
        if not (self.directory / "HEAD").exists():
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            await self._git("init", "--quiet", "--bare", "--template=", ".")
        here = await self._git("for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags")
        known = set(here.decode("utf-8", "replace").splitlines())
        wanted = [name for name, object_id in listed.items() if f"{object_id} {name}" not in known]
        if not wanted:
            return
        refs = "".join(f"+refs/tags/{name}:refs/tags/{name}\n" for name in wanted)
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--stdin")
        await self._git("fetch", *options, "--filter=tree:0", "--", self._address, data=refs.encode())

    async def _read(self, listed: Mapping[str, str]) -> dict[str, bytes]:
        """The tag objects, by name."""
        asked = "".join(f"{object_id}\n" for object_id in listed.values())
        limit = len(listed) * (TAG_LIMIT + 256) + 1
        out = await self._git("cat-file", "--batch", data=asked.encode(), limit=limit)
        return read_batch(out, list(listed), b"tag")

    async def _commits(self, commit: str) -> int:
        out = await self._git("rev-list", "--count", f"--max-count={_COMMITS}", commit)
        return int(out)

    async def _descends(self, commit: str, ancestor: str) -> bool:
        asked = ("merge-base", "--is-ancestor", ancestor, commit)
        return (await run_git(self.directory, asked, bounds=self._bounds)).code == 0

    @property
    def _address(self) -> str:
        return self.url.removeprefix("git+")

    async def _git(self, *arguments: str, data: bytes = b"", limit: int = ANSWER_LIMIT) -> bytes:
        return await ask_git(self.directory, arguments, bounds=self._bounds, data=data, limit=limit)

    @property
    def _bounds(self) -> Bounds:
        # git keeps every ref that a server lists in memory
        return Bounds(seconds=self.total_s, file_bytes=_PACK_LIMIT, memory_bytes=_MEMORY_LIMIT)


def repository_address(url: str) -> str:
    """The address of a `git+` URL, checked.

    Raises:
        SourceMalformed: no protocol that is allowed, or something that git would read as an option.
    """
    scheme, separator, rest = url.removeprefix("git+").partition("://")
    if not url.startswith("git+") or not separator or scheme not in PROTOCOLS or not rest:
        raise SourceMalformed(
            f"{safe_text(url, 200)} is no address of a repository",
            hint="git+https://, git+ssh:// or git+file://",
        )
    if rest.startswith("-") or not rest.isprintable():
        raise SourceMalformed(f"{safe_text(url, 200)} is no address of a repository")
    return f"{scheme}://{rest}"


async def _signer(tag: Tag, trust: SourceTrust) -> str:
    if tag.signature is None:
        raise NotTrusted("it is not signed with an SSH key")
    return await check_signature(tag.payload, tag.signature, trust.keys, NAMESPACE)
