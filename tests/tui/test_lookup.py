"""The contents' filter and orders: made once for a release, and the same as looking at every wheel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.domain.releases import PlatformRow
from ipwhl_mirror.tui.content_rows import ReleaseRows, Row
from ipwhl_mirror.tui.lookup import Lookup, Order
from ipwhl_mirror.tui.widgets.filter_bar import Filter
from tests.simulators.releases import read_release
from tests.tui.scripted import filled_backend

RELEASE = read_release("small-v0")
NAMES = [str(project.name) for project in RELEASE.projects]
WORDS = ["num", "linux", "cp311", "any", "!win", "!linux", "numpy", "a", "zzz", "macos", "!py3"]


async def made() -> ReleaseRows:
    """The rows of the small release."""
    return ReleaseRows(await filled_backend().load(RELEASE.root))


def expected(rows: ReleaseRows, wanted: Filter, opened: set[str], names: list[str]) -> list[Row]:
    """What should be listed, wheel by wheel."""
    listed: list[Row] = [row for row in rows.platforms if wanted.passes(row.platform.lower())]
    projects = {str(project.name): project for project in RELEASE.projects}
    for name in names:
        project = projects[name]
        passing = [
            wheel
            for wheel in project.wheels
            if wanted.passes(f"{wheel.filename.lower()} {' '.join(sorted(wheel.tags.families))}")
        ]
        if wanted.passes(name.lower()):
            listed += (project, *(project.wheels if name in opened else ()))
        elif passing:
            listed += (project, *passing)
    return listed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=3), st.frozensets(st.sampled_from(NAMES)), st.booleans())
async def test_what_is_listed_is_what_passes(words: list[str], opened: frozenset[str], reverse: bool) -> None:
    """Whatever is typed and opened, in either direction."""
    rows = await made()
    wanted = Filter.parse(" ".join(words))
    names = NAMES[::-1] if reverse else NAMES
    listed = rows.rows(opened, wanted, Order.NAME, reverse=reverse)
    assert listed == expected(rows, wanted, set(opened), names)


@pytest.mark.parametrize("order", list(Order))
async def test_orders_keep_all_projects_and_sort_them(order: Order) -> None:
    """The largest first, or those with the most wheels; equal ones by name."""
    listed = [row for row in (await made()).rows(set(), Filter(), order) if not isinstance(row, PlatformRow)]
    ranks = {
        Order.NAME: lambda project: 0,
        Order.LARGEST: lambda project: -sum(wheel.bytes for wheel in project.wheels),
        Order.WHEELS: lambda project: -len(project.wheels),
    }
    assert listed == sorted(RELEASE.projects, key=ranks[order])


async def test_a_lookup_serves_as_long_as_the_release_is_the_same() -> None:
    """Other pins do not change it; another release has its own."""
    first = await made()
    again = ReleaseRows(replace(first.view, free_bytes=1), first)
    assert again.lookup is first.lookup
    other = replace(first.view, release=read_release("small-v0-next"))
    assert ReleaseRows(other, first).lookup is not first.lookup


def test_what_is_prepared_gives_the_same() -> None:
    """Preparing changes nothing but the time at which things are made."""
    prepared, lazy = Lookup(RELEASE), Lookup(RELEASE)
    prepared.prepare()
    wanted = Filter.parse("linux")
    assert prepared.wheels(wanted) == lazy.wheels(wanted)
    assert prepared.projects(wanted) == lazy.projects(wanted)
    assert [prepared.ordered(order) for order in Order] == [lazy.ordered(order) for order in Order]
