"""Which boxes are on when a release is opened, from what is pinned of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipwhl_mirror.domain.releases import platform_rows
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.tui.content_totals import first_marks
from tests.simulators.releases import read_release
from tests.tui.scripted import ScriptedBackend, filled_backend

SMALL = read_release("small-v0")


async def marked_at_first(*pinned: Selection, but: int = 0) -> str:
    """The selection of the boxes where these parts are pinned, without so many of their `any` wheels."""
    tracked = filled_backend().tracked[:1]
    backend = ScriptedBackend(tracked)
    for part in pinned:
        backend.keep(SMALL, part)
    view = await backend.load(SMALL.root)
    pure = [wheel.cid.digest for wheel in select_wheels(SMALL, Selection.parse(platforms=["any"]))][:but]
    here = view.pinned - set(pure)
    rows = platform_rows(SMALL.wheels, here)
    marks = first_marks(replace(view, pinned=here, summary=replace(view.summary, platforms=rows)))
    return " ".join(sorted(marks.chosen)) + (" without any" if marks.drops_any else "")


LINUX = Selection.parse(platforms=["linux-x86_64"])


@pytest.mark.parametrize(
    ("pinned", "but", "marked"),
    [
        pytest.param((), 0, "", id="nothing"),
        pytest.param((LINUX,), 0, "linux-x86_64", id="a platform"),
        pytest.param(
            (Selection.parse(platforms=["linux-x86_64"], no_any=True),),
            0,
            "linux-x86_64 without any",
            id="a platform without any",
        ),
        pytest.param((LINUX,), 1, "linux-x86_64", id="a platform, and a part of any"),
        pytest.param((Selection.parse(platforms=["any"]),), 0, "any", id="any alone"),
    ],
)
async def test_what_is_marked_at_first(pinned: tuple[Selection, ...], but: int, marked: str) -> None:
    """`any` comes along unless not one wheel of it is pinned: a release that brings new ones is no reason to
    leave them out."""
    assert await marked_at_first(*pinned, but=but) == marked
