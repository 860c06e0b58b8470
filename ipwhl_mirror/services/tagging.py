"""Announce a release by a signed tag of a git repository of this machine, as `sources.git` reads it.

The tag is what `git tag -s` with `gpg.format=ssh` makes: of the commit that is checked out, its message names
the CID. It is written last, signed and whole, and never over another; nothing else of the repository changes,
and no program that its configuration names is run. Pushing it stays the user's.

Followers let a tag in only if its commit comes after that of the release before, so each needs a commit.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.sources.errors import SourceMalformed, SourceUnreachable
from ipwhl_mirror.sources.git import NAMESPACE
from ipwhl_mirror.sources.git_program import (
    Bounds,
    Configuration,
    ask_git,
    read_batch,
    reason,
    run_git,
)
from ipwhl_mirror.sources.keys import read_signature
from ipwhl_mirror.sources.signing import sign
from ipwhl_mirror.sources.tags import TAG_LIMIT, announced_cid, read_tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_BOUNDS = Bounds(seconds=60.0)
_NOTHING = Cid.of(b"", RAW)
_IDENTITY = re.compile(r"([^<>\n]* <[^<>\n]*>) \d+ [+-]\d{4}\n?")
_LISTED = re.compile(rf"tag ([0-9a-f]{{40,64}}) ({LABEL.pattern})")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitTag:
    """A tag that is to be.

    Attributes:
        directory: a git repository: its work tree, or itself where it is bare.
        key: the SSH private key that signs, or its public half while an agent has the other.
        label: of the release, and the name of the tag.
    """

    directory: Path
    key: Path
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedRelease:
    """A release that a tag announces.

    Attributes:
        commit: that it tags, in hex.
        signer: fingerprint of the key that signed it, as the signature says; None without one of SSH.
    """

    label: str
    cid: Cid
    commit: str
    signer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a repository announces now; none of it is checked, it is one's own.

    Attributes:
        releases: by label.
        newest: the one with the longest history; None before any.
        commit: that is checked out.
        tagger: who tags: `NAME <EMAIL>`.
        follows: whether the commit comes after that of `newest`, or there is none.
    """

    releases: dict[str, TaggedRelease]
    newest: TaggedRelease | None
    commit: str
    tagger: str
    follows: bool


async def read_tags(target: GitTag) -> Tags:
    """What a repository announces, to find out before anything is published that it can be added to.

    Raises:
        UsageProblem: it is no repository, nobody is named in it, or the label cannot be the name of a tag
            that announces a release.
        KeyUnusable: there is no git.
    """
    shown = safe_text(str(target.directory))
    if not LABEL.fullmatch(target.label) or not await _is_name(target):
        raise UsageProblem(
            f"{safe_text(target.label, 80)!r} cannot be the name of a git tag",
            hint="use 1 to 64 of A-Z a-z 0-9 . _ + -, no dots in a row, none at an end",
        )
    await _check_top(target)
    try:
        head = await _git(target, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except SourceUnreachable as error:
        raise UsageProblem(f"{shown} has no commit to tag", hint=_commit_hint(target)) from error
    commit = head.decode().strip()
    tagger = await _tagger(target)
    if _release(target.label, _payload(target, commit, tagger, _NOTHING, 0)) is None:
        raise UsageProblem(f"{target.label!r} reads as a CID", hint="choose another --label")
    releases = await _releases(target)
    there = releases.get(target.label)
    if there is not None and there.signer is None:
        raise UsageProblem(
            f"{shown}: tag {target.label} is there and not signed by an SSH key",
            hint=f"remove it (git -C {_quoted(target)} tag -d {target.label}), or choose another --label",
        )
    taken = await _git(target, "for-each-ref", f"refs/tags/{target.label}")
    if taken and target.label not in releases:
        raise UsageProblem(
            f"{shown}: the tag {target.label} is there and announces no release",
            hint="choose another --label",
        )
    newest = await _newest(target, list(releases.values()))
    follows = newest is None or (newest.commit != commit and await _descends(target, commit, newest.commit))
    return Tags(releases=releases, newest=newest, commit=commit, tagger=tagger, follows=follows)


def find_tag(known: Tags, target: GitTag, cid: Cid) -> TaggedRelease | None:
    """The tag that announces this already: of this label, or the newest; None where one is to be made.

    Raises:
        UsageProblem: followers would refuse it: the label is another release's, or the commit does not come
            after that of the newest release.
    """
    shown = safe_text(str(target.directory))
    there = known.releases.get(target.label)
    if there is not None and there.cid.digest != cid.digest:
        raise UsageProblem(
            f"{shown}: tag {target.label} is {there.cid} already",
            hint="choose another --label: whoever follows the repository refuses a tag that was moved",
        )
    if there is not None:
        return there
    newest = known.newest
    if newest is not None and newest.signer is not None and newest.cid.digest == cid.digest:
        return newest
    if newest is not None and not known.follows:
        raise UsageProblem(
            f"{shown}: commit {known.commit[:12]}, which is checked out, does not come after "
            f"{newest.commit[:12]} of release {newest.label}, and followers refuse that",
            hint=_commit_hint(target),
        )
    return None


async def tag_release(target: GitTag, cid: Cid, now: datetime) -> TaggedRelease:
    """Announce a release; nothing where it is announced already.

    Args:
        now: by this machine's clock, UTC.

    Returns:
        the tag that announces it.

    Raises:
        UsageProblem: see `read_tags` and `find_tag`.
        KeyUnusable: the key does not sign.
        SourceUnreachable: git cannot write.
    """
    known = await read_tags(target)
    there = find_tag(known, target, cid)
    if there is not None:
        return there
    payload = _payload(target, known.commit, known.tagger, cid, int(now.timestamp()))
    signature = await sign(payload, target.key, NAMESPACE)
    written = await _git(target, "mktag", data=payload + signature.encode())
    object_id = written.decode().strip()
    # an old value of zeros: only where there is none yet
    await _git(target, "update-ref", f"refs/tags/{target.label}", object_id, "0" * len(object_id))
    signer = read_signature(signature).fingerprint
    return TaggedRelease(label=target.label, cid=cid, commit=known.commit, signer=signer)


def _payload(target: GitTag, commit: str, tagger: str, cid: Cid, seconds: int) -> bytes:
    return (
        f"object {commit}\ntype commit\ntag {target.label}\ntagger {tagger} {seconds} +0000\n\n"
        f"Release {target.label}\n\nIPFS: /ipfs/{cid}\n"
    ).encode()


def _commit_hint(target: GitTag) -> str:
    return f"commit first: git -C {_quoted(target)} commit --allow-empty -m {target.label}"


def _quoted(target: GitTag) -> str:
    return shlex.quote(safe_text(str(target.directory)))


async def _is_name(target: GitTag) -> bool:
    asked = ("check-ref-format", f"refs/tags/{target.label}")
    return (await run_git(target.directory, asked, bounds=_BOUNDS)).code == 0


async def _check_top(target: GitTag) -> None:
    """Make sure that a repository begins here, not somewhere above.

    Raises:
        UsageProblem: it does not.
    """
    complaint = ""
    for asked in ("--show-toplevel", "--absolute-git-dir") if target.directory.is_dir() else ():
        answer = await run_git(target.directory, ("rev-parse", asked), bounds=_BOUNDS)
        found = Path(os.fsdecode(answer.out.removesuffix(b"\n")))
        if answer.code == 0 and found.is_dir() and found.samefile(target.directory):
            is_bare = await _git(target, "rev-parse", "--is-bare-repository")
            if asked == "--show-toplevel" or is_bare == b"true\n":
                return
        complaint = reason(answer.complaint) or complaint
    raise UsageProblem(
        f"{safe_text(str(target.directory))} is not the top of a git repository",
        hint=f"give the directory that has .git, or make it one: git init {_quoted(target)}",
        details=[complaint] if complaint else (),
    )


async def _tagger(target: GitTag) -> str:
    asked = ("var", "GIT_COMMITTER_IDENT")
    answer = await run_git(target.directory, asked, bounds=_BOUNDS, configuration=Configuration.USERS)
    found = _IDENTITY.fullmatch(answer.out.decode("utf-8", "replace"))
    if answer.code != 0 or found is None:
        raise UsageProblem(
            "git does not know who tags",
            hint="git config --global user.name NAME, and user.email ADDRESS",
        )
    return found[1]


async def _releases(target: GitTag) -> dict[str, TaggedRelease]:
    """What annotated tags announce; other tags are left aside."""
    listing = ("for-each-ref", "--format=%(objecttype) %(objectname) %(refname:strip=2)", "refs/tags")
    lines = (await _git(target, *listing)).decode("utf-8", "replace").splitlines()
    ids = {found[2]: found[1] for line in lines if (found := _LISTED.fullmatch(line))}
    limit = len(ids) * (TAG_LIMIT + 256) + 1
    asked = "".join(f"{object_id}\n" for object_id in ids.values())
    out = await _git(target, "cat-file", "--batch", data=asked.encode(), limit=limit)
    found_here = (_release(name, raw) for name, raw in read_batch(out, list(ids), b"tag").items())
    return {release.label: release for release in found_here if release is not None}


def _release(name: str, raw: bytes) -> TaggedRelease | None:
    try:
        tag = read_tag(raw)
        cid = announced_cid(tag.message)
        signer = None if tag.signature is None else read_signature(tag.signature).fingerprint
    except SourceMalformed:
        return None
    return TaggedRelease(label=name, cid=cid, commit=tag.commit, signer=signer)


async def _newest(target: GitTag, releases: Sequence[TaggedRelease]) -> TaggedRelease | None:
    histories = [
        (int(await _git(target, "rev-list", "--count", release.commit)), release) for release in releases
    ]
    return max(histories, key=lambda pair: pair[0])[1] if histories else None


async def _descends(target: GitTag, commit: str, ancestor: str) -> bool:
    asked = ("merge-base", "--is-ancestor", ancestor, commit)
    return (await run_git(target.directory, asked, bounds=_BOUNDS)).code == 0


async def _git(target: GitTag, *arguments: str, data: bytes = b"", limit: int = 1 << 20) -> bytes:
    return await ask_git(target.directory, arguments, bounds=_BOUNDS, data=data, limit=limit)
