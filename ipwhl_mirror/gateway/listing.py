"""Directory listings for pip and uv: a pure function from a directory's links to a page.

Only what an installer may use is linked: wheels as files and projects as directories, by the shape of their
names (reading 10,000 blocks to tell would be no listing any more; an address that turns out to be something
else answers 404). Other entries, `.ipwhl` among them, are left out. Hrefs are relative, percent-encoded and
ASCII; texts are HTML-escaped.

Spec: PEP 503, https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.errors import InvalidWheelName
from ipwhl_mirror.domain.wheels import parse_wheel_name
from ipwhl_mirror.gateway.paths import encode_segment
from ipwhl_mirror.ipld.cid import DAG_PB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.ipld.dagpb import Link

LISTING_FORMAT = 1
"""Part of a listing's entity tag: a change of the page's form gives other tags."""

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_FILE_SUFFIXES = (
    ".whl", ".metadata", ".zip", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".lz", ".tlz", ".lzma", ".tar",
)  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a listing.

    Attributes:
        name: as shown, not yet escaped.
        href: relative or absolute reference, percent-encoded.
    """

    name: str
    href: str


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


def project_entries(links: Iterable[Link], project: str, *, base: str = "") -> tuple[Entry, ...]:
    """The wheels of a project.

    Args:
        links: of the project's directory, in the order of the listing.
        project: the directory's name.
        base: what the hrefs begin with, ending in a slash; empty for the listing's own address.
    """
    return tuple(
        Entry(link.name, base + encode_segment(link.name))
        for link in links
        if is_wheel_name(link.name, project)
    )


def render(title: str, entries: Iterable[Entry]) -> bytes:
    """The page, UTF-8.

    Args:
        title: as shown, not yet escaped.
        entries: its lines.
    """
    lines = (f'<a href="{html.escape(entry.href)}">{html.escape(entry.name)}</a><br>\n' for entry in entries)
    return _PAGE.format(title=html.escape(title), body="".join(lines)).encode()


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
