"""Pictures of the screens, so that a change of their looks is seen. Update: `pytest --snapshot-update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.scripted import (
    ScriptedBackend,
    app_on,
    empty_backend,
    filled_backend,
    half_done,
    node_down,
    two_pinned,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)], ids=["80x24", "120x36", "200x50"])
Compare = "Callable[..., bool]"


@SIZES
@pytest.mark.parametrize(
    ("make", "keys"),
    [
        pytest.param(empty_backend, (), id="empty"),
        pytest.param(filled_backend, (), id="releases"),
        pytest.param(filled_backend, ("enter", "down", "down", "space"), id="contents"),
        pytest.param(filled_backend, ("enter", "a", "p"), id="plan"),
        pytest.param(filled_backend, ("u",), id="confirm"),
        pytest.param(filled_backend, ("t",), id="track"),
        pytest.param(half_done, ("V", "down", "V", "5", "end"), id="jobs"),
        pytest.param(filled_backend, ("enter", "question_mark"), id="help"),
        pytest.param(filled_backend, ("3", "down", "right"), id="platforms"),
        pytest.param(two_pinned, ("4", "down"), id="pins"),
        pytest.param(two_pinned, ("4", "P"), id="keep"),
        pytest.param(two_pinned, ("4", "P", "enter"), id="prune"),
        pytest.param(two_pinned, ("4", "c"), id="gc"),
        pytest.param(two_pinned, ("d",), id="diff"),
        pytest.param(filled_backend, ("enter", "a", "x"), id="export"),
        pytest.param(filled_backend, ("P",), id="publish"),
        pytest.param(node_down, (), id="down"),
    ],
)
def test_screen(
    snap_compare: Callable[..., bool],
    make: Callable[[], ScriptedBackend],
    keys: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    """The screen looks as it did."""
    app: App[None] = app_on(make())
    app._disable_notifications = True  # they go by a clock; run_test leaves them out the same way
    assert snap_compare(app, press=keys, terminal_size=size)
