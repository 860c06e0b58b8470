"""Numbers as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ipwhl_mirror.domain import figures


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (126_315_092, "126.3 MB"),
        (41_200_000_000, "41.2 GB"),
    ],
)
def test_sizes_are_decimal_with_one_digit(count: int, text: str) -> None:
    """Bytes in powers of 1000."""
    assert figures.size(count) == text


def test_claimed_sizes_are_marked_until_all_is_known() -> None:
    """`~` stands before a size that was not read here."""
    assert figures.claimed_size(2_000, known=1_999) == "~2.0 kB"
    assert figures.claimed_size(2_000, known=2_000) == "2.0 kB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_have_one_unit(seconds: float, text: str) -> None:
    """From two of a unit on, that unit."""
    assert figures.duration(seconds) == text


def test_ages_begin_with_now() -> None:
    """Below a minute it was now."""
    assert figures.age(timedelta(seconds=59)) == "now"
    assert figures.age(timedelta(minutes=5)) == "5 min"
    assert figures.age(timedelta(days=33)) == "33 d"


def test_parts_of_a_total_share_their_unit() -> None:
    """The unit is said once where it is the same."""
    assert figures.of_total(3_900_000_000, 10_200_000_000) == "3.9 of 10.2 GB"
    assert figures.of_total(0, 10_200_000_000) == "0 B of 10.2 GB"
    assert figures.of_total(900_000_000, 10_200_000_000) == "900.0 MB of 10.2 GB"


def test_counts_are_grouped() -> None:
    """Thousands stand apart; one thing is singular."""
    assert figures.count(8403) == "8 403"
    assert (figures.plural(1, "wheel"), figures.plural(50_000, "wheel")) == ("1 wheel", "50 000 wheels")
