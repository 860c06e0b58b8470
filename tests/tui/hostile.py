"""A scripted backend in which every text from outside is as bad as a text can be.

`dressed` changes a backend: names of releases, projects, wheels, platforms and pins, words of the node,
notes, outcomes, errors and refusals become what `worst` makes of them, 10,000 characters long, with all that
could control a terminal or a widget at both ends. With `longest` they are only long and keep their
beginnings, so that rows stay in their order; with `mild` nothing changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.releases import ProjectName
from tests.tui.scenes import HinderedBackend
from tests.tui.scripted import Broken, ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.domain.releases import Project, Release, Wheel
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.domain.wheels import WheelTags
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.tui.backend import Overview, PinForecast, Storage

    Change = Callable[[str], str]

LENGTH = 10_000

KINDS = {
    "markup that closes nothing": "[/red]",
    "markup that acts": "[@click=app.quit]",
    "markup that is none": "[b +",
    "a link": "[link=http://127.0.0.1/]",
    "clear": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;aGFja2Vk\x07",
    "hyperlink": "\x1b]8;;http://127.0.0.1/\x1b\\",
    "title": "\x1b]2;evil\x07",
    "device control": "\x1bP+q544e\x1b\\",
    "reset": "\x1bc",
    "C1": "\x80\x9b31m\x9d52;c;x\x9c\x9f",
    "right to left": "\u202e\u2066\u200f",
    "zero width": "\u200b\u200d\u2060\ufeff",
    "combining": "e\u0301\u0335\u20dd\u0489",
    "wide": "\u6f22\uff21\U0001f600\U0001f468\u200d\U0001f4bb",
    "lines": "\r\n\x0b\x0c\u2028\u2029\x85",
    "tab and backspace": "\t\x08\x7f\x00",
    "lone surrogates": "\ud800\udc9b\udfff",
    "formats": "%s%n{0.__class__}$(id)`id`;id",
    "paths": "../../etc/passwd\\..\\x",
}
_BADS = tuple(KINDS.values())
_WHEELS = 6


def worst(text: str) -> str:
    """The text with all kinds of badness, each text another kind first and last."""
    at = crc32(text.encode("utf-8", "replace")) % len(_BADS)
    first, last = _BADS[at], _BADS[(at * 7 + 1) % len(_BADS)]
    middle = "".join(_BADS)
    return f"{first}{text[:40]}{middle}{'W' * (LENGTH - len(middle) - 100)}{last}"


def longest(text: str) -> str:
    """The text, and much more."""
    return f"{text} {'W' * LENGTH}"


def mild(text: str) -> str:
    """The text."""
    return text


def dressed(backend: ScriptedBackend, change: Change) -> ScriptedBackend:
    """The same backend with other texts."""
    releases = {id(release): dress_release(release, change) for _, release, _ in backend.tracked}
    pins, backend._pins = backend._pins, []
    backend.tracked = [
        (None if label is None else change(label), releases[id(release)], since)
        for label, release, since in backend.tracked
    ]
    for release, selection, _ in pins:
        backend.keep(releases[id(release)], _dress_selection(selection, release, change))
    backend.foreign = tuple(replace(entry, name=change(entry.name)) for entry in backend.foreign)
    backend.script = [replace(progress, note=change("a note")) for progress in backend.script]
    backend.unreachable = _dress_error(backend.unreachable, change)
    backend._error = _dress_error(backend._error, change)
    if isinstance(backend, HinderedBackend):
        backend.fails_at = {name: _bad_error(error, change) for name, error in backend.fails_at.items()}
    backend.__class__ = type("Dressed", (_Dressed, type(backend)), {"change": staticmethod(change)})
    return backend


class _Dressed(ScriptedBackend):
    """What a backend says beside its releases and pins."""

    change: Change

    async def overview(self) -> Overview:
        seen = await super().overview()
        # short, as the top line leaves out what is too long
        kind, version = (self.change(text)[:12] for text in (seen.node.kind, seen.node.version))
        return replace(seen, node=replace(seen.node, kind=kind, version=version))

    async def storage(self) -> Storage:
        kept = await super().storage()
        return replace(kept, pins=tuple(replace(pin, name=self.change(pin.name)) for pin in kept.pins))

    async def forecast_pin(self, cid: Cid, selection: Selection) -> PinForecast:
        forecast = await super().forecast_pin(cid, selection)
        return replace(forecast, refusal=None if forecast.refusal is None else self.change(forecast.refusal))

    async def pin(self, forecast: PinForecast, on_progress: ProgressSink) -> str:
        return self.change(await super().pin(forecast, on_progress))

    async def verify(self, cid: Cid, on_progress: ProgressSink) -> str:
        return self.change(await super().verify(cid, on_progress))

    async def untrack(self, cid: Cid) -> str:
        return self.change(await super().untrack(cid))


class DetailedError(Broken):
    """An error that names what is concerned."""

    def __init__(self, message: str, *, hint: str, details: tuple[str, ...]) -> None:
        self.details = details
        super().__init__(message, hint=hint)


def _bad_error(error: Exception, change: Change) -> Exception:
    return DetailedError(
        change(str(error)),
        hint=change(str(getattr(error, "hint", "a hint"))),
        details=tuple(change(f"detail {number}") for number in range(40)),
    )


def _dress_error(error: Exception | None, change: Change) -> Exception | None:
    return None if error is None else _bad_error(error, change)


def dress_release(release: Release, change_any: Change) -> Release:
    """The release with other names, in the same order, and few wheels of each project, as these are large.
    The names are in blocks too, so they can be encoded."""
    change = _encodable(change_any)
    tags = {wheel.tags.text: _dress_tags(wheel.tags, change) for wheel in release.wheels}
    return replace(
        release, projects=tuple(_dress_project(project, tags, change) for project in release.projects)
    )


def _dress_project(project: Project, tags: dict[str, WheelTags], change: Change) -> Project:
    name = ProjectName(change(project.name))

    def wheel(plain: Wheel) -> Wheel:
        return msgspec.structs.replace(
            plain,
            project=name,
            filename=change(plain.filename),
            version=change(plain.version),
            tags=tags[plain.tags.text],
        )

    return replace(project, name=name, wheels=tuple(map(wheel, project.wheels[:_WHEELS])))


def _dress_tags(tags: WheelTags, change: Change) -> WheelTags:
    return replace(tags, families=frozenset(_dress_platform(family, change) for family in tags.families))


def _dress_platform(platform: str, change: Change) -> str:
    # in lower case, as selections read them
    return platform if platform == ANY else change(platform).lower()


def _dress_selection(selection: Selection, of: Release, change_any: Change) -> Selection:
    change = _encodable(change_any)
    return replace(
        selection,
        platforms=tuple(
            _dress_platform(platform, change) if platform in of.families else platform
            for platform in selection.platforms
        ),
    )


def _encodable(change: Change) -> Change:
    return lambda text: change(text).encode("utf-8", "ignore").decode("utf-8")
