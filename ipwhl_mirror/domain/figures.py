"""Numbers as people read them: bytes, counts, durations, ages.

Bytes are decimal (1 GB = 10^9) with one digit after the point, as the command line prints them. A size
that is only a repository's claim (a link's Tsize of a wheel never read here) is marked by `~`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import humanize

if TYPE_CHECKING:
    from datetime import timedelta

    from ipwhl_mirror.domain.plans import Amount


def size(count: int) -> str:
    """`41.2 GB`; below a kilobyte `812 B`."""
    return humanize.naturalsize(count, format="%.1f").replace(" Bytes", " B").replace(" Byte", " B")


def claimed_size(count: int, *, known: int) -> str:
    """A size of which `known` bytes were read here; `~` where that is not all of it."""
    return size(count) if known >= count else f"~{size(count)}"


def count(number: int) -> str:
    """`8 403`: thousands apart."""
    return f"{number:,}".replace(",", " ")


def plural(number: int, thing: str) -> str:
    """`1 wheel`, `8 403 wheels`."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def amount(value: Amount) -> str:
    """`31 wheels 46.3 MB`."""
    return f"{plural(value.wheels, 'wheel')} {size(value.bytes)}"


def duration(seconds: float) -> str:
    """The largest unit, and minutes from two on: `45 s`, `14 min`, `3 h`, `2 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def age(span: timedelta) -> str:
    """How long ago: `3 d`, `33 d`; `now` below a minute."""
    seconds = span.total_seconds()
    return "now" if seconds < 60 else duration(max(seconds, 120)) if seconds < 120 else duration(seconds)


def of_total(done: int, total: int) -> str:
    """`3.9 of 10.2 GB`: one unit where both have the same."""
    first, last = size(done), size(total)
    number, _, unit = first.rpartition(" ")
    return f"{number} of {last}" if last.endswith(f" {unit}") else f"{first} of {last}"
