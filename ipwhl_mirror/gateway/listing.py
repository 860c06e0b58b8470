"""Directory listings for pip and uv: a pure function from a directory's links to a page, HTML or JSON.

Only what an installer may use is linked: wheels as files and projects as directories, by the shape of their
names (reading 10,000 blocks to tell would be no listing any more; an address that turns out to be something
else answers 404). Other entries, `.ipwhl` among them, are left out. Hrefs are relative, percent-encoded and
ASCII; texts are HTML-escaped. Of wheels whose facts are known, hash, METADATA's hash (under the name that
is used now and the older one) and the Pythons they are for stand beside the name. JSON is of version 1.1
where the size of every file is known exactly, else of 1.0.

Spec: PEP 503, 658, 691, 700, 714, https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name
from ipwhl_mirror.gateway.paths import encode_segment
from ipwhl_mirror.ipld.cid import DAG_PB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipwhl_mirror.domain.wheel_facts import WheelFacts
    from ipwhl_mirror.ipld.dagpb import Link

LISTING_FORMAT = 1
"""Part of a listing's entity tag: a change of the page's form gives other tags."""

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_FILE_SUFFIXES = (
    ".whl", ".metadata", ".zip", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".lz", ".tlz", ".lzma", ".tar",
)  # fmt: skip
_METADATA_NAMES = ("core-metadata", "dist-info-metadata")
_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="1.0">
<title>{title}</title>
</head>
<body>
{body}</body>
</html>
"""
METADATA_SUFFIX = ".metadata"
"""After a wheel's name: the address of its METADATA."""
NO_FACTS: Mapping[str, WheelFacts] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a listing.

    Attributes:
        name: as shown, not yet escaped.
        href: relative or absolute reference, percent-encoded.
        facts: of a wheel, where they are known.
        has_metadata: whether METADATA is offered beside it.
    """

    name: str
    href: str
    facts: WheelFacts | None = None
    has_metadata: bool = False

    @property
    def is_project(self) -> bool:
        """Whether it leads to a directory."""
        return self.href.endswith("/")


def is_project_name(name: str) -> bool:
    """Whether a directory of this name can be a project of a release."""
    return _PROJECT.fullmatch(name) is not None


def release_entries(links: Iterable[Link]) -> tuple[Entry, ...]:
    """What a directory reached by its own CID offers: projects, and wheels should it be a project itself.

    Args:
        links: of the directory, in the order of the listing.
    """
    entries = []
    for link in links:
        if is_wheel_name(link.name, None):
            entries.append(Entry(link.name, encode_segment(link.name)))
        elif link.cid.codec == DAG_PB and is_project_name(link.name) and not _looks_like_file(link.name):
            entries.append(Entry(link.name, encode_segment(link.name) + "/"))
    return tuple(entries)


def project_entries(
    links: Sequence[Link], project: str, *, base: str = "", facts: Mapping[str, WheelFacts] = NO_FACTS
) -> tuple[Entry, ...]:
    """The wheels of a project.

    Args:
        links: of the project's directory, in the order of the listing.
        project: the directory's name.
        base: what the hrefs begin with, ending in a slash; empty for the listing's own address.
        facts: by file name, as far as they are known.
    """
    names = {link.name for link in links}
    return tuple(
        Entry(
            link.name,
            base + encode_segment(link.name),
            known := facts.get(link.name),
            # an entry of that name is what its address leads to, whatever it holds
            known is not None
            and known.metadata_sha256 is not None
            and link.name + METADATA_SUFFIX not in names,
        )
        for link in project_wheels(links, project)
    )


def project_wheels(links: Iterable[Link], project: str) -> tuple[Link, ...]:
    """Those of a directory's links that are wheels of the project."""
    return tuple(link for link in links if is_wheel_name(link.name, project))


def render(title: str, entries: Iterable[Entry]) -> bytes:
    """The page, UTF-8.

    Args:
        title: as shown, not yet escaped.
        entries: its lines.
    """
    return _PAGE.format(title=html.escape(title), body="".join(map(_line, entries))).encode()


def render_project(project: str, entries: Iterable[Entry]) -> bytes:
    """The JSON document of a project's wheels; it is ASCII."""
    wheels = tuple(entries)
    versions = {parse_wheel_name(entry.name, project).version for entry in wheels}
    is_exact = all(entry.facts is not None for entry in wheels)
    return _json(
        {
            "meta": {"api-version": "1.1" if is_exact else "1.0"},
            "name": normalize_name(project),
            "versions": sorted(versions),
            "files": [_file(entry) for entry in wheels],
        }
    )


def render_projects(entries: Iterable[Entry]) -> bytes:
    """The JSON document of a release's projects; it is ASCII."""
    names = [{"name": entry.name} for entry in entries if entry.is_project]
    return _json({"meta": {"api-version": "1.1"}, "projects": names})


def facts_tag(entries: Iterable[Entry]) -> str:
    """Tells listings of the same directory apart that say different facts; empty where they say none."""
    told = [(entry.name, entry.facts, entry.has_metadata) for entry in entries if entry.facts is not None]
    return sha256(repr(told).encode()).hexdigest()[:16] if told else ""


def is_wheel_name(name: str, project: str | None) -> bool:
    """Whether this is a wheel's name.

    Args:
        name: of the entry.
        project: whose wheel it must be; None where the directory's name is not known.
    """
    if not name.endswith(".whl"):
        return False
    try:
        parse_wheel_name(name, project if project is not None else name.partition("-")[0])
    except InvalidWheelName:
        return False
    return True


def _looks_like_file(name: str) -> bool:
    return name.lower().endswith(_FILE_SUFFIXES)


def _line(entry: Entry) -> str:
    href, attributes = entry.href, ""
    if entry.facts is not None:
        if entry.facts.sha256 is not None:
            href += f"#sha256={entry.facts.sha256.hex()}"
        if entry.facts.requires_python is not None:
            attributes += f' data-requires-python="{html.escape(entry.facts.requires_python)}"'
        if entry.has_metadata and entry.facts.metadata_sha256 is not None:
            digest = entry.facts.metadata_sha256.hex()
            attributes += "".join(f' data-{name}="sha256={digest}"' for name in _METADATA_NAMES)
    return f'<a href="{html.escape(href)}"{attributes}>{html.escape(entry.name)}</a><br>\n'


def _file(entry: Entry) -> dict[str, object]:
    """A wheel in JSON."""
    told: dict[str, object] = {"filename": entry.name, "url": entry.href, "hashes": {}}
    facts = entry.facts
    if facts is None:
        return told
    told["size"] = facts.size
    if facts.sha256 is not None:
        told["hashes"] = {"sha256": facts.sha256.hex()}
    if facts.requires_python is not None:
        told["requires-python"] = facts.requires_python
    if entry.has_metadata and facts.metadata_sha256 is not None:
        digest = facts.metadata_sha256.hex()
        told |= {name: {"sha256": digest} for name in _METADATA_NAMES}
    return told


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")
