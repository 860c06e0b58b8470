"""Releases as signed tags of a git repository, as IPWHL publishes them.

Real git does the transport, into a bare repository of our own, bounded: no hooks, no submodules, no user or
system configuration, no prompt, https, ssh and files only, no tree or file of a commit where the server can
leave them out, and caps on refs, bytes, memory and time. What the tags say is read by `tags`, and signatures
are checked by `signing`. A tag counts only if its commit descends from the last one that was accepted.

Left out: which addresses git connects to. It is told the configured one and follows no redirect.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.sources.announcements import Announcement
from ipwhl_mirror.sources.base import Answer, Problem
from ipwhl_mirror.sources.errors import KeyUnusable, NotTrusted, SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.signing import check_signature
from ipwhl_mirror.sources.tags import TAG_LIMIT, Tag, announced_cid, read_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.sources.trust import SourceTrust

NAMESPACE = "git"
"""Of signatures that git makes."""
TAGS = 1000
"""Annotated tags of a repository, at most."""
_TOTAL_S = 120.0
_IDLE_S = 30
_LISTING_LIMIT = 1 << 20
_PACK_LIMIT = 256 << 20
_MEMORY_LIMIT = 1 << 30
_COMMITS = 1_000_000
_PROTOCOLS = ("https", "ssh", "file")
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
_LISTED = re.compile(rf"([0-9a-f]{{40}}|[0-9a-f]{{64}})\trefs/tags/({LABEL.pattern})(\^\{{\}})?")
"""A tag whose name could be a label; the second line of an annotated one names its commit."""
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "pack.threads=1",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    f"http.lowSpeedTime={_IDLE_S}",
    "protocol.allow=never",
    *(f"protocol.{name}.allow=always" for name in _PROTOCOLS),
)


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
        out = await self._git("ls-remote", "--tags", "--", self._address, limit=_LISTING_LIMIT)
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
        tags: dict[str, bytes] = {}
        for name in listed:
            head, _, out = out.partition(b"\n")
            parts = head.split(b" ")
            if len(parts) != 3 or parts[1] != b"tag":
                continue
            size = int(parts[2])
            tags[name], out = out[:size], out[size + 1 :]
        return tags

    async def _commits(self, commit: str) -> int:
        out = await self._git("rev-list", "--count", f"--max-count={_COMMITS}", commit)
        return int(out)

    async def _descends(self, commit: str, ancestor: str) -> bool:
        code, _, _ = await self._run(("merge-base", "--is-ancestor", ancestor, commit), b"", 1 << 10)
        return code == 0

    @property
    def _address(self) -> str:
        return self.url.removeprefix("git+")

    async def _git(self, *arguments: str, data: bytes = b"", limit: int = _LISTING_LIMIT) -> bytes:
        code, out, complaint = await self._run(arguments, data, limit)
        if len(out) > limit:
            raise SourceMalformed(f"git {arguments[0]} answers more than {limit} bytes")
        if code != 0:
            raise SourceUnreachable(f"git {arguments[0]}: {_reason(complaint) or f'ended with {code}'}")
        return out

    async def _run(self, arguments: Sequence[str], data: bytes, limit: int) -> tuple[int, bytes, bytes]:
        program = shutil.which("git")
        if program is None:
            raise KeyUnusable("git is not installed", hint="install git, or follow a feed instead")
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        # the shell's limits are those of every child of git too: files in blocks of 512 bytes (POSIX), memory
        # in KiB where the system has such a limit; git keeps every ref that a server lists
        script = f'ulimit -f {_PACK_LIMIT // 512}; ulimit -v {_MEMORY_LIMIT >> 10} 2>/dev/null; exec "$@"'
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            script,
            "git",
            program,
            *settings,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.directory if self.directory.is_dir() else None,
            env=_environment(os.environ),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self.total_s):
                out, complaint = await _communicate(process, data, limit)
        except TimeoutError as error:
            raise SourceUnreachable(f"git {arguments[0]} takes longer than {self.total_s:g} s") from error
        finally:
            _end(process)
            await process.wait()
        assert process.returncode is not None
        return process.returncode, out, complaint


def repository_address(url: str) -> str:
    """The address of a `git+` URL, checked.

    Raises:
        SourceMalformed: no protocol that is allowed, or something that git would read as an option.
    """
    scheme, separator, rest = url.removeprefix("git+").partition("://")
    if not url.startswith("git+") or not separator or scheme not in _PROTOCOLS or not rest:
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


async def _communicate(process: asyncio.subprocess.Process, data: bytes, limit: int) -> tuple[bytes, bytes]:
    """Feed a process, read what it says up to a limit each way; one byte more tells that there was more."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    async def feed(stdin: asyncio.StreamWriter) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(data)
            await stdin.drain()
            stdin.close()

    async def read(stream: asyncio.StreamReader, most: int) -> bytes:
        said = bytearray()
        while piece := await stream.read(1 << 16):
            said += piece
            if len(said) > most:
                _end(process)
                break
        return bytes(said)

    _, out, complaint = await asyncio.gather(
        feed(process.stdin), read(process.stdout, limit), read(process.stderr, 1 << 16)
    )
    await process.wait()
    return out, complaint


def _reason(complaint: bytes) -> str:
    """The first thing that git or ssh complains of; the lines after it are advice."""
    lines = complaint.decode("utf-8", "replace").splitlines()
    reasons = (line for line in map(str.strip, lines) if line and not line.lower().startswith("warning"))
    return safe_text(next(reasons, ""), 200)


def _end(process: asyncio.subprocess.Process) -> None:
    """End git and what it has started, unless it ended by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS),
        "GIT_SSH_COMMAND": f"ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval={_IDLE_S}",
        **{name: environ[name] for name in _PASSED_ON if name in environ},
    }
