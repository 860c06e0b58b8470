"""Of the wheels of one version of a project, those that a release takes: in each environment one installs.

A publisher makes many wheels of a version, and two of them often install on one machine (for an older and a
newer glibc, for a platform and for any). A release has one for each system, so wheels are chosen such that,
in this order:

1. every environment in which one of the wheels runs has a chosen one;
2. as few environments as possible have several;
3. environments have the wheel that an installer prefers (`preferences`): the sum over them of its place in
   the installer's list is the least;
4. the wheels are few, and the first by name.

The choice depends on the set of wheels and the set of environments alone. It is an exact cover, which takes
exponential time on input made for it; after MOST_STEPS the best that was found until then is taken, so that
2 to 4 may not be the best possible, while 1 holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.preferences import build_rank, rank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.wheels import WheelName, WheelTags

MOST_STEPS = 5_000
"""Of the search, for one project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen of a project.

    Attributes:
        filenames: the chosen, sorted.
        uncovered: environments in which none of the wheels runs, sorted.
        several: environments in which more than one of the chosen, and of those there, runs; sorted.
    """

    filenames: tuple[str, ...]
    uncovered: tuple[Environment, ...]
    several: tuple[Environment, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A wheel, the environments it runs in as bits, and its place in the installer's list of each."""

    filename: str
    runs: int
    places: Mapping[int, int]


def choose(
    wheels: Mapping[str, WheelName], environments: Collection[Environment], there: Iterable[WheelTags] = ()
) -> Choice:
    """Choose of a project's wheels.

    Args:
        wheels: of one version, by file name.
        environments: those that count.
        there: tags of wheels of the project that are in the release anyway; where they run, none is needed.
    """
    ordered = sorted(environments)
    held = [bits for tags in there if (bits := _runs(tags, ordered))]
    covered = _union(held)
    candidates = _candidates(wheels, ordered)
    chosen: list[_Candidate] = []
    steps = MOST_STEPS
    for group in _connected(candidates):
        search = _Search(group, covered, steps)
        chosen += search.best
        steps = max(0, search.steps)
    masks = [*held, *(candidate.runs for candidate in chosen)]
    return Choice(
        filenames=tuple(sorted(candidate.filename for candidate in chosen)),
        uncovered=tuple(each for bit, each in enumerate(ordered) if not _union(masks) >> bit & 1),
        several=tuple(each for bit, each in enumerate(ordered) if sum(mask >> bit & 1 for mask in masks) > 1),
    )


def _runs(tags: WheelTags, environments: list[Environment]) -> int:
    return sum(1 << bit for bit, each in enumerate(environments) if each.runs(tags))


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _candidates(wheels: Mapping[str, WheelName], environments: list[Environment]) -> list[_Candidate]:
    """The wheels that run anywhere; of those that run in the same environments the preferred one."""
    places: dict[str, dict[int, int]] = {filename: {} for filename in sorted(wheels)}
    for bit, environment in enumerate(environments):
        ranks = {filename: rank(environment, wheels[filename].tags) for filename in places}
        running = [(found, filename) for filename, found in ranks.items() if found is not None]
        running.sort(key=lambda pair: pair[1])
        running.sort(key=lambda pair: build_rank(wheels[pair[1]]), reverse=True)
        running.sort(key=lambda pair: pair[0])
        for place, (_, filename) in enumerate(running):
            places[filename][bit] = place
    best: dict[int, _Candidate] = {}
    for filename, found in places.items():
        candidate = _Candidate(filename, sum(1 << bit for bit in found), found)
        other = best.get(candidate.runs)
        if found and (other is None or sum(found.values()) < sum(other.places.values())):
            best[candidate.runs] = candidate
    return sorted(best.values(), key=lambda each: each.filename)


def _connected(candidates: list[_Candidate]) -> Iterator[list[_Candidate]]:
    """The candidates in groups that share no environment."""
    left = candidates
    while left:
        group, reach = [left[0]], left[0].runs
        while more := [each for each in left if each.runs & reach and each not in group]:
            group += more
            reach = _union(each.runs for each in group)
        left = [each for each in left if each not in group]
        yield sorted(group, key=lambda each: each.filename)


Cost = tuple[int, int, int, tuple[str, ...]]
"""Environments with several, the sum of places, wheels, their names; the smaller is better."""


@dataclass(slots=True)
class _Search:
    """Branch and bound over one group: of the uncovered environment with the fewest wheels, try each.

    Attributes:
        best: what was found.
        steps: that are left.
    """

    candidates: list[_Candidate]
    covered: int
    steps: int
    best: tuple[_Candidate, ...] = ()
    _cost: Cost | None = None
    _by_bit: dict[int, list[_Candidate]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = _union(each.runs for each in self.candidates)
        self._by_bit = {
            bit: [each for each in self.candidates if each.runs >> bit & 1]
            for bit in _bits(wanted & ~self.covered)
        }
        self._extend((), self.covered, 0, wanted & ~self.covered)

    def _extend(self, chosen: tuple[_Candidate, ...], covered: int, several: int, left: int) -> None:
        self.steps -= 1
        if not left:
            self._offer(chosen, several)
            return
        bit = min(_bits(left), key=lambda each: (self._ways(each, covered), each))
        options = sorted(
            self._by_bit[bit],
            key=lambda each: ((each.runs & covered).bit_count(), each.places[bit], each.filename),
        )
        for option in options:
            more = several | (option.runs & covered)
            if self._cost is not None and (self.steps <= 0 or not self._may_be_better(more, chosen, option)):
                continue
            self._extend((*chosen, option), covered | option.runs, more, left & ~option.runs)

    def _ways(self, bit: int, covered: int) -> int:
        """How many wheels cover an environment without making several in another."""
        return sum(not each.runs & covered for each in self._by_bit[bit])

    def _may_be_better(self, several: int, chosen: tuple[_Candidate, ...], option: _Candidate) -> bool:
        assert self._cost is not None
        count = several.bit_count()
        if count != self._cost[0]:
            return count < self._cost[0]
        # no further environment may get several, so that what the chosen cost stays
        return _places((*chosen, option)) <= self._cost[1]

    def _offer(self, chosen: tuple[_Candidate, ...], several: int) -> None:
        names = tuple(sorted(each.filename for each in chosen))
        cost = (several.bit_count(), _places(chosen), len(chosen), names)
        if self._cost is None or cost < self._cost:
            self._cost, self.best = cost, chosen


def _places(chosen: tuple[_Candidate, ...]) -> int:
    """The sum over environments of the place of the wheel that an installer takes."""
    found: dict[int, int] = {}
    for each in chosen:
        for bit, place in each.places.items():
            found[bit] = min(place, found.get(bit, place))
    return sum(found.values())
