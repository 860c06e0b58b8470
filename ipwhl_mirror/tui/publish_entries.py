"""What a person types to publish a release, line by line, and the request that it is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid
from ipwhl_mirror.services.requests import PublishRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipwhl_mirror.tui.backend import ReleaseSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEntries:
    """The lines of the form, as typed; empty: none.

    Attributes:
        inputs: paths and releases, quoted as for a shell.
        only: options of a selection.
        without: projects.
        supported: a file of environments.
        expires: days.
    """

    inputs: str = ""
    only: str = ""
    without: str = ""
    supported: str = ""
    label: str = ""
    feed: str = ""
    git_tag: str = ""
    ipns: str = ""
    key: str = ""
    expires: str = ""


def names_of(releases: Iterable[ReleaseSummary]) -> Mapping[str, Cid]:
    """The tracked releases by what people call them: a label, `source/label`; what two have leads nowhere."""
    found: dict[str, Cid] = {}
    twice = set()
    for release in releases:
        if release.label is None:
            continue
        names = [release.label]
        if release.source is not None:
            names.append(f"{release.source}/{release.label}")
        for name in names:
            if found.setdefault(name, release.cid) != release.cid:
                twice.add(name)
    return {name: cid for name, cid in found.items() if name not in twice}


def read_entries(entries: PublishEntries, releases: Mapping[str, Cid]) -> PublishRequest:
    """Read what was typed. A path wins over a release of the same name, as on the command line.

    Raises:
        ValueError: in words what is wrong.
    """
    inputs = tuple(_input(text, releases) for text in _words("wheels", entries.inputs))
    if not inputs:
        raise ValueError("wheels: files, directories, locks or releases are needed")
    label = entries.label.strip() or None
    if label is not None and not LABEL.fullmatch(label):
        raise ValueError(f"label {label!r}: 1 to 64 of A-Z a-z 0-9 . _ + - are allowed")
    feed = _path(entries.feed)
    if feed is not None and not feed.parent.is_dir():
        raise ValueError(f"feed: {feed.parent} is no directory")
    git_tag = _path(entries.git_tag)
    if git_tag is not None and not git_tag.is_dir():
        raise ValueError(f"git tag: {git_tag} is no directory")
    return PublishRequest(
        inputs=inputs,
        selection=Selection.from_cli_text(entries.only).cli_text(),
        drop=tuple(map(_project, _words("without", entries.without))),
        supported=_file("environments", entries.supported),
        label=label,
        feed=_text(feed),
        git_tag=_text(git_tag),
        ipns=entries.ipns.strip() or None,
        key=_file("key", entries.key),
        expires_days=_days(entries.expires.strip()),
    )


def arguments_of(request: PublishRequest) -> list[str]:
    """The arguments of `publish` that ask for the same."""
    options: Sequence[tuple[str, str | None]] = (
        ("--supported", request.supported),
        ("--label", request.label),
        ("--feed", request.feed),
        ("--git-tag", request.git_tag),
        ("--ipns", request.ipns),
        ("--key", request.key),
        ("--expires", None if request.expires_days is None else f"{request.expires_days:g}"),
    )
    return [
        *request.inputs,
        *shlex.split(request.selection),
        *(word for project in request.drop for word in ("--drop", project)),
        *(word for rule in request.allowed for word in ("--allow", rule.value)),
        *(word for option, value in options if value is not None for word in (option, value)),
    ]


def _words(what: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{what}: a quotation mark is not closed") from error


def _input(text: str, releases: Mapping[str, Cid]) -> str:
    path = _path(text)
    if path is not None and _is_there(path):
        return str(path)
    if (cid := releases.get(text)) is not None:
        return str(cid)
    try:
        return str(Cid.parse(text))
    except InvalidCid:
        raise ValueError(f"wheels: {text!r} is neither there nor a tracked release") from None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise ValueError(f"wheels: {path}: {error.strerror}") from error


def _path(text: str) -> Path | None:
    if not text.strip():
        return None
    try:
        return Path(text.strip()).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{text.strip()!r}: {error}") from error


def _file(what: str, text: str) -> str | None:
    path = _path(text)
    if path is not None and not path.is_file():
        raise ValueError(f"{what}: there is no file {text.strip()!r}")
    return _text(path)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _project(text: str) -> str:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise ValueError(f"without: {text!r} is no name of a project") from None


def _days(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expires: {text!r} is no number of days") from None
