"""Pictures of the screens, so that a change of their looks is seen. Update: `pytest --snapshot-update`.

Every view and every dialog at the three sizes the screens are made for; what is between at the smallest,
where it is hardest; a few in other dresses: light, without colours, with 16 colours, in ASCII.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.tui.glyphs import ASCII, UNICODE
from tests.tui import scenes
from tests.tui.scenes import BY_NAME, Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.tui.app import MirrorApp

SMALL, MIDDLE, BIG = (80, 24), (120, 36), (200, 50)
DRESSED = tuple(BY_NAME[name] for name in ("contents", "platforms", "pins", "plan"))


def cases(group: tuple[Scene, ...], *sizes: tuple[int, int]) -> list[object]:
    """Each scene at each size, named by both."""
    return [
        pytest.param(scene, size, id=f"{scene.name}-{size[0]}x{size[1]}") for scene in group for size in sizes
    ]


def names(scene: object) -> str:
    """What a parameter is called."""
    assert isinstance(scene, Scene)
    return scene.name


def quiet(app: MirrorApp) -> MirrorApp:
    """Without notifications: they go by a clock; run_test leaves them out the same way."""
    app._disable_notifications = True
    return app


@pytest.mark.parametrize(
    ("scene", "size"),
    [
        *cases(scenes.VIEWS, SMALL, MIDDLE, BIG),
        *cases(scenes.DIALOGS, SMALL, MIDDLE, BIG),
        *cases(scenes.STATES, SMALL),
        *cases(scenes.LONG, BIG),
        *cases((scenes.LARGE,), SMALL),
    ],
)
def test_screen(snap_compare: Callable[..., bool], scene: Scene, size: tuple[int, int]) -> None:
    """The screen looks as it did."""
    app = quiet(scene.app())
    assert snap_compare(app, terminal_size=size, run_before=partial(scenes.play, scene=scene))


@pytest.mark.parametrize("scene", DRESSED, ids=names)
def test_light_screen(snap_compare: Callable[..., bool], scene: Scene) -> None:
    """The same on a light ground."""
    app = quiet(scene.app())
    app.theme = "textual-light"
    assert snap_compare(app, terminal_size=SMALL, run_before=partial(scenes.play, scene=scene))


@pytest.mark.parametrize("scene", DRESSED, ids=names)
def test_screen_in_ascii(snap_compare: Callable[..., bool], scene: Scene) -> None:
    """The same with nothing but ASCII."""
    app = quiet(scene.app(ASCII))
    assert snap_compare(app, terminal_size=SMALL, run_before=partial(scenes.play, scene=scene))


@pytest.mark.parametrize(
    ("setting", "value"), [("NO_COLOR", "1"), ("COLORTERM", "")], ids=["no-colours", "16-colours"]
)
@pytest.mark.parametrize("scene", DRESSED, ids=names)
def test_screen_with_fewer_colours(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, scene: Scene, setting: str, value: str
) -> None:
    """The same in shades of grey, and in the colours of an old terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv(setting, value)
    app = quiet(scene.app(UNICODE))
    assert snap_compare(app, terminal_size=SMALL, run_before=partial(scenes.play, scene=scene))
