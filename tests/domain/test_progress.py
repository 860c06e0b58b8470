"""The meter, on a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.domain.progress import WINDOW_S, Meter


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_rate_and_time_to_go(clock: Clock) -> None:
    """A steady job has its rate, and the rest divided by it."""
    meter = Meter(1000, clock=clock)
    for done in (100, 200, 300):
        clock.now += 1
        meter.update(done)
    assert meter.rate == pytest.approx(100)
    assert meter.eta_s == pytest.approx(7)
    assert (meter.done, meter.stalled_s) == (300, 0)


def test_nothing_is_known_at_the_beginning(clock: Clock) -> None:
    """No rate, and no time to go that would be a guess."""
    meter = Meter(1000, clock=clock)
    assert (meter.rate, meter.eta_s, meter.stalled_s) == (0, None, 0)
    assert Meter(None, clock=clock).eta_s is None
    assert Meter(0, clock=clock).eta_s == 0


def test_the_rate_forgets_what_is_long_ago(clock: Clock) -> None:
    """Only the last ten seconds count."""
    meter = Meter(10_000, clock=clock)
    for second in range(60):
        clock.now += 1
        meter.update(1000 + second)
    assert meter.rate == pytest.approx(1, rel=0.2)


def test_a_burst_after_a_long_pause_is_not_thinned_out(clock: Clock) -> None:
    """The pause counts for the window, not for the hour it took."""
    meter = Meter(10_000, clock=clock)
    clock.now += 3600
    meter.update(1000)
    assert meter.rate == pytest.approx(1000 / WINDOW_S)


def test_a_stalled_job_says_for_how_long(clock: Clock) -> None:
    """The rate falls to nothing, and updates without a byte do not hide it."""
    meter = Meter(1000, clock=clock)
    clock.now += 1
    meter.update(500)
    for _ in range(30):
        clock.now += 1
        meter.update(500)
    assert meter.stalled_s == 30
    assert meter.rate == 0
    assert meter.eta_s is None


def test_a_total_that_becomes_known_later(clock: Clock) -> None:
    """It may be set at any time; more done than that is no negative time."""
    meter = Meter(None, clock=clock)
    clock.now += 1
    meter.update(100)
    meter.total = 300
    assert meter.eta_s == pytest.approx(2)
    meter.total = 50
    assert meter.eta_s == 0


def test_a_job_that_begins_again_has_no_negative_rate(clock: Clock) -> None:
    """Fewer bytes than before start the rate anew."""
    meter = Meter(1000, clock=clock)
    clock.now += 1
    meter.update(500)
    clock.now += 1
    meter.update(0)
    clock.now += 1
    meter.update(10)
    assert meter.rate == pytest.approx(10)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**12)), max_size=60))
def test_numbers_stay_sane(steps: list[tuple[float, int]]) -> None:
    """Whatever comes when: no negative rate or time, and memory is bounded by the window."""
    clock = Clock()
    meter = Meter(10**12, clock=clock)
    for seconds, done in steps:
        clock.now += seconds
        meter.update(done)
        assert meter.rate >= 0
        assert meter.stalled_s >= 0
        assert meter.eta_s is None or meter.eta_s >= 0


def test_a_great_many_updates_do_not_bend_the_rate(clock: Clock) -> None:
    """Updates that come faster than anybody looks leave the rate right."""
    meter = Meter(None, clock=clock)
    for done in range(5_000):
        clock.now += 0.001
        meter.update(done)
    assert meter.rate == pytest.approx(1000, rel=0.05)
