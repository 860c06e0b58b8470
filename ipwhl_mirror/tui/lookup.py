"""What filters and orders need to know of a release: made once, by `prepare` or when first needed.

A release never changes, so this can serve as long as it is shown, whatever becomes of its pins.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.domain.releases import Project, Release, Wheel
    from ipwhl_mirror.tui.widgets.filter_bar import Filter


class Order(Enum):
    """How projects are sorted; the value is the column that shows it."""

    NAME = 0
    LARGEST = 3
    WHEELS = 2


class Lookup:
    """The texts of a release's projects and wheels, and the orders of its projects.

    Projects and wheels are told by their numbers, in release order.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._orders: dict[Order, tuple[int, ...]] = {}

    def prepare(self) -> None:
        """Make everything that would be made when first needed; can be done in a thread."""
        _ = self._wheel_texts, self._project_texts, self._owners
        for order in Order:
            self.ordered(order)

    def ordered(self, order: Order) -> tuple[int, ...]:
        """The numbers of the projects in this order; by name where they are equal."""
        known = self._orders.get(order)
        if known is None:
            numbers = range(len(self.release.projects))
            known = self._orders[order] = tuple(sorted(numbers, key=self._rank(order)))
        return known

    def projects(self, wanted: Filter) -> set[int]:
        """The numbers of the projects whose names pass."""
        return set(wanted.select(self._project_texts))

    def wheels(self, wanted: Filter) -> dict[int, list[Wheel]]:
        """The wheels that pass, by the number of their project."""
        wheels, owners = self.release.wheels, self._owners
        found: dict[int, list[Wheel]] = {}
        last = -1
        for at in wanted.select(self._wheel_texts):
            if owners[at] != last:
                last = owners[at]
                found[last] = []
            found[last].append(wheels[at])
        return found

    @cached_property
    def _project_texts(self) -> list[str]:
        return [project.name.lower() for project in self.release.projects]

    @cached_property
    def _wheel_texts(self) -> list[str]:
        families = {tags.text: " ".join(sorted(tags.families)) for tags in self.release.tag_sets}
        return [f"{wheel.filename.lower()} {families[wheel.tags.text]}" for wheel in self.release.wheels]

    @cached_property
    def _owners(self) -> list[int]:
        """The number of each wheel's project."""
        return [at for at, project in enumerate(self.release.projects) for _ in project.wheels]

    def _rank(self, order: Order) -> Callable[[int], int] | None:
        projects = self.release.projects
        if order is Order.LARGEST:
            return lambda at: -_bytes(projects[at])
        if order is Order.WHEELS:
            return lambda at: -len(projects[at].wheels)
        return None


def _bytes(project: Project) -> int:
    return sum(wheel.tsize or 0 for wheel in project.wheels)
