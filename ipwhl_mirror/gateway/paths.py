"""Request targets: what a client asked for, as names, or an error that says why it cannot be that.

A target is read once, from the bytes the client sent, and nothing later decodes again: percent-escapes are
decoded a segment at a time, so no escape can make a slash, and `.`, `..`, empty names, control characters
and what is not UTF-8 are refused. What leaves here is only ever compared with names of a directory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway.errors import BadRequest

MAX_PATH_BYTES = 4096
MAX_SEGMENTS = 32
MAX_FIELDS = 16

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A request target.

    Attributes:
        authority: host[:port] of an absolute-form target; None for the usual form.
        segments: the path's names, decoded.
        slash: whether the path ends in a slash.
        query: the fields of the query, each at most once.
    """

    authority: str | None
    segments: tuple[str, ...]
    slash: bool
    query: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str | None:
        """The value of a query field; None when it is absent or empty."""
        return dict(self.query).get(name) or None


def parse_target(raw: str) -> Target:
    """Read a request target as the client sent it.

    Args:
        raw: origin-form or absolute-form; bytes that are no UTF-8 as surrogate escapes.

    Raises:
        BadRequest: it is neither form, too long, or has a name that no directory entry here has.
    """
    authority = None
    if not raw.startswith("/"):
        authority, raw = _split_absolute(raw)
    if "#" in raw:
        raise BadRequest("a request has no fragment (#)")
    path, _, query = raw.partition("?")
    if len(path) > MAX_PATH_BYTES:
        raise BadRequest(f"the path is longer than {MAX_PATH_BYTES} bytes")
    names = path[1:].split("/") if path != "/" else []
    slash = path.endswith("/")
    if slash and names:
        names.pop()
    if len(names) > MAX_SEGMENTS:
        raise BadRequest(f"the path has more than {MAX_SEGMENTS} names")
    segments = tuple(_decode_segment(name) for name in names)
    return Target(authority=authority, segments=segments, slash=slash, query=_parse_query(query))


def encode_path(segments: tuple[str, ...], *, slash: bool = False) -> str:
    """The percent-encoded absolute path of these names; ASCII, safe in a header and in HTML."""
    return "/" + "/".join(map(encode_segment, segments)) + ("/" if slash and segments else "")


def encode_segment(name: str) -> str:
    """One name, percent-encoded so that it can be no more than one name of a relative reference.

    >>> encode_segment("a:b/c?d#e")
    'a%3Ab%2Fc%3Fd%23e'
    """
    return quote(name, safe="")


def _split_absolute(raw: str) -> tuple[str, str]:
    scheme, colon, rest = raw.partition("://")
    if not colon or scheme.lower() not in ("http", "https"):
        raise BadRequest("the request target is neither a path nor an http URL")
    end = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
    path = rest[end:]
    return rest[:end], path if path.startswith("/") else "/" + path


def _decode_segment(raw: str) -> str:
    if _BAD_ESCAPE.search(raw):
        raise BadRequest(f"bad percent-escape in the path: {safe_text(raw, 80)}")
    data = unquote_to_bytes(raw.encode("utf-8", "surrogatepass"))
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"a name in the path is not UTF-8: {safe_text(raw, 80)}") from None
    if not name or name in (".", ".."):
        raise BadRequest("the path has an empty name, or . or ..")
    if "/" in name or _CONTROL.search(name):
        raise BadRequest(f"a name in the path holds a slash or a control character: {safe_text(raw, 80)}")
    return name


def _parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    fields: dict[str, str] = {}
    pairs = [pair for pair in raw.split("&") if pair]
    if len(pairs) > MAX_FIELDS:
        raise BadRequest(f"the query has more than {MAX_FIELDS} fields")
    for pair in pairs:
        name, value = (_decode_field(part) for part in pair.partition("=")[::2])
        if name in fields:
            raise BadRequest(f"{safe_text(name, 80)} is given twice in the query")
        fields[name] = value
    return tuple(fields.items())


def _decode_field(raw: str) -> str:
    if _BAD_ESCAPE.search(raw):
        raise BadRequest("bad percent-escape in the query")
    data = unquote_to_bytes(raw.replace("+", " ").encode("utf-8", "surrogatepass"))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the query is not UTF-8") from None
