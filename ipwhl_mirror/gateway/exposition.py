"""Figures in the Prometheus text format, for `/metrics` and for a textfile.

Every family stands together under its HELP and TYPE, its name begins with `ipwhl_mirror_`, and no text in a
label can end it.

Spec: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "ipwhl_mirror_"


class MetricType(Enum):
    """Whether a figure only grows while the program runs."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure.

    Attributes:
        labels: values by name; any text.
    """

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """Figures of one name, each with other labels.

    Attributes:
        name: without the prefix of this program; seconds and bytes are named at its end.
        about: one sentence.
    """

    name: str
    about: str
    samples: tuple[Sample, ...]
    type: MetricType = MetricType.GAUGE


def exposition(families: Iterable[Family]) -> str:
    r"""The families as text.

    >>> print(exposition([Family("up", "It answers.", (Sample(1, {"node": 'a"b'}),))]), end="")
    # HELP ipwhl_mirror_up It answers.
    # TYPE ipwhl_mirror_up gauge
    ipwhl_mirror_up{node="a\"b"} 1
    """
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    name = _PREFIX + family.name
    yield f"# HELP {name} {_escaped(family.about)}"
    yield f"# TYPE {name} {family.type.value}"
    for sample in family.samples:
        labels = ",".join(f"{label}={_quoted(text)}" for label, text in sample.labels.items())
        yield f"{name}{f'{{{labels}}}' if labels else ''} {sample.value!r}"


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
