"""Which form of a content a request asks for: as files, one raw block, or a CAR.

`format` in the query wins over `Accept`. CARs are version 1, depth first, without duplicates, and no other:
a request that insists on another gets 406, one for an unknown version 400.

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/ and, for CAR parameters, IPIP-412.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway.errors import BadRequest, NotAcceptable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ipwhl_mirror.gateway.errors import Refused
    from ipwhl_mirror.gateway.paths import Target

_Offer: TypeAlias = "tuple[str, Mapping[str, str], float]"

RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"
CAR_CONTENT_TYPE = f"{CAR_TYPE}; version=1; order=dfs; dups=n"

_UNMADE_TYPES = frozenset(
    (
        "application/x-tar",
        "application/vnd.ipld.dag-json",
        "application/vnd.ipld.dag-cbor",
        "application/json",
        "application/cbor",
        "application/vnd.ipfs.ipns-record",
    )
)
_CAR_PARAMETERS = ("version", "order", "dups")
_ENTITY_BYTES = re.compile(r"(-?[0-9]{1,18}):(-?[0-9]{1,18}|\*)", re.ASCII)


class Format(Enum):
    """The form of an answer."""

    FILES = "files"
    RAW = "raw"
    CAR = "car"


class Scope(Enum):
    """How much of the DAG at the end of the path a CAR has (`dag-scope`)."""

    BLOCK = "block"
    ENTITY = "entity"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class EntityBytes:
    """A byte range of a file for `entity-bytes`; both ends inclusive, negative ones count from the end.

    Attributes:
        first: of the range.
        last: of the range; None for the end of the file.
    """

    first: int
    last: int | None

    def within(self, size: int) -> tuple[int, int]:
        """The part [start, end) of it that a file of `size` bytes has; start == end when none."""
        start = self.first if self.first >= 0 else max(0, size + self.first)
        last = size - 1 if self.last is None else self.last if self.last >= 0 else size + self.last
        end = min(size, last + 1)
        return (start, end) if start < end else (0, 0)

    def __str__(self) -> str:
        return f"{self.first}:{'*' if self.last is None else self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The form a request asks for.

    Attributes:
        format: of the answer.
        scope: of a CAR.
        entity_bytes: of a CAR with the scope `ENTITY`; None for the whole file.
        named: whether the URL itself says so (no Content-Location is needed then).
    """

    format: Format
    scope: Scope = Scope.ALL
    entity_bytes: EntityBytes | None = None
    named: bool = True

    @property
    def query(self) -> str:
        """The query that asks for the same without headers."""
        if self.format is not Format.CAR:
            return f"format={self.format.value}"
        part = f"&entity-bytes={self.entity_bytes}" if self.entity_bytes is not None else ""
        return f"format=car&dag-scope={self.scope.value}{part}"


def negotiate(target: Target, accept: str | None) -> Wanted:
    """What a request asks for.

    Raises:
        BadRequest: a parameter that is no value of its kind, or an unknown CAR version.
        NotAcceptable: only forms that this gateway does not make.
    """
    name = target.field("format")
    asked = {key: target.field(f"car-{key}") for key in _CAR_PARAMETERS}
    if name is None:
        form = _best_of(media_types(accept or "*/*"), asked)
    elif name == Format.RAW.value:
        form = Format.RAW
    elif name == Format.CAR.value:
        offers = [offer for offer in media_types(accept or "") if offer[0] == CAR_TYPE]
        form = _best_of(offers or [(CAR_TYPE, {}, 1.0)], asked)
    else:
        raise NotAcceptable(f"format={safe_text(name, 40)} is not offered: raw and car are")
    named = name is not None or form is Format.FILES
    if form is not Format.CAR:
        return Wanted(format=form, named=named)
    span = _entity_bytes(target.field("entity-bytes"))
    scope = Scope.ENTITY if span is not None else _scope(target.field("dag-scope"))
    return Wanted(format=form, scope=scope, entity_bytes=span, named=named)


def _scope(text: str | None) -> Scope:
    try:
        return Scope(text or "all")
    except ValueError:
        raise BadRequest(f"dag-scope={safe_text(text or '', 40)}: expected block, entity or all") from None


def _entity_bytes(text: str | None) -> EntityBytes | None:
    if text is None:
        return None
    match = _ENTITY_BYTES.fullmatch(text)
    if match is None:
        raise BadRequest(f"entity-bytes={safe_text(text, 40)}: expected from:to or from:*")
    first, last = int(match[1]), None if match[2] == "*" else int(match[2])
    if last is not None and (first < 0) == (last < 0) and first > last:
        raise BadRequest(f"entity-bytes={text}: it ends before it begins")
    return EntityBytes(first, last)


def _best_of(offers: Iterable[_Offer], asked: Mapping[str, str | None]) -> Format:
    """The best offer of an Accept header that can be made: by weight, then as written.

    Args:
        offers: (media type, parameters, weight) each.
        asked: CAR parameters of the query, which win over those of an offer.
    """
    refusal: Refused | None = None
    for media_type, parameters, weight in sorted(offers, key=lambda offer: -offer[2]):
        if weight <= 0:
            continue
        if media_type == RAW_TYPE:
            return Format.RAW
        if media_type == CAR_TYPE:
            try:
                return _checked_car({key: asked[key] or parameters.get(key) for key in _CAR_PARAMETERS})
            except (BadRequest, NotAcceptable) as error:
                refusal = refusal or error
        elif media_type in _UNMADE_TYPES:
            refusal = refusal or NotAcceptable(f"this gateway makes files, {RAW_TYPE} and {CAR_TYPE}")
        else:
            return Format.FILES
    if refusal is not None:
        raise refusal
    return Format.FILES


def _checked_car(parameters: Mapping[str, str | None]) -> Format:
    version, order, dups = (parameters[key] for key in _CAR_PARAMETERS)
    if version not in (None, "1"):
        raise BadRequest(f"CAR version {safe_text(version or '', 40)}: only version 1 is known")
    if order not in (None, "", "dfs", "unk") or dups not in (None, "", "n"):
        raise NotAcceptable(f"this gateway makes CARs as {CAR_CONTENT_TYPE}")
    return Format.CAR


def media_types(header: str) -> Iterator[_Offer]:
    """What an Accept header offers to take: (media type in lower case, parameters, weight) each."""
    for offer in header.split(","):
        media_type, *rest = (part.strip() for part in offer.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        if media_type:
            yield media_type.lower(), parameters, _weight(parameters.pop("q", "1"))


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
