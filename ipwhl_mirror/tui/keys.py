"""Every key of the terminal UI, once: bindings, key bar, help overlay, palette and README read it.

Keys are letters and digits where they can be. Nothing uses ctrl+a, ctrl+b, ctrl+j, ctrl+k, ctrl+l, ctrl+h,
ctrl+s: terminal multiplexers, line editing and flow control own those. A key that changes something is marked
so, and does not exist in a read-only run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from textual.binding import Binding, BindingType

from ipwhl_mirror.tui.key_names import show_key

QUIT_NOW = "app.quit_now"
"""The key that works whatever is in front."""


class Place(Enum):
    """Where a key works; the value is the heading in the help overlay."""

    ANYWHERE = "Everywhere"
    LIST = "In a list"
    RELEASES = "Releases"
    CONTENTS = "Contents"
    PLATFORMS = "Platforms"
    PINS = "Pins and storage"
    MIRRORS = "Sources and mirrors"
    DIFF = "Diff"
    PROPOSAL = "Publish"
    JOBS = "Jobs"
    LOG = "Log of a job"
    DIALOG = "In a dialog"


class Effect(Enum):
    """What a key can do to the node and the state."""

    READS = "reads"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key.

    Attributes:
        id: `place.verb`, unique; for keymaps.
        keys: Textual's names, comma separated; the first is the one that is taught.
        action: what is called on the widget of its place.
        words: what it does, in a word or two, for the key bar.
        help: the same for the help overlay; empty where `words` says it all.
        rank: order in the key bar, the lowest is dropped last; None: not in the key bar.
        instead: what is shown where the key was taken away.
    """

    id: str
    keys: str
    action: str
    words: str
    help: str = ""
    place: Place
    effect: Effect = Effect.READS
    rank: int | None = None
    instead: str = ""

    @property
    def first(self) -> str:
        """Textual's name of the taught key."""
        return self.keys.partition(",")[0]

    @property
    def is_taken_away(self) -> bool:
        """No key of a keyboard does it; the command palette still does."""
        return self.keys.startswith(_NO_KEY)

    @property
    def shown(self) -> str:
        """The keys as people know them."""
        if self.is_taken_away:
            return self.instead
        return " ".join(show_key(name) for name in self.keys.split(","))

    @property
    def shown_first(self) -> str:
        """The taught key alone."""
        return self.instead if self.is_taken_away else show_key(self.first)

    @property
    def explained(self) -> str:
        """What it does, at length."""
        return self.help or self.words


_NO_KEY = "no-key-"


def no_key(id: str) -> str:  # noqa: A002
    """The name of a key that no keyboard has, for what is done without one: its own for each id."""
    return _NO_KEY + id


class _Row(NamedTuple):
    """A line of the registry; `help` and `rank` as in Key."""

    id: str
    keys: str
    action: str
    words: str
    help: str = ""
    rank: int | None = None
    effect: Effect = Effect.READS


_CHANGES = Effect.CHANGES

_TABLE: dict[Place, tuple[_Row, ...]] = {
    Place.ANYWHERE: (
        _Row("view.releases", "1", "view('releases')", "releases"),
        _Row("view.contents", "2", "view('contents')", "contents"),
        _Row("view.platforms", "3", "view('platforms')", "by platform", "platforms of all releases"),
        _Row("view.pins", "4", "view('pins')", "pins", "pins and storage"),
        _Row("view.jobs", "5", "view('jobs')", "jobs", rank=60),
        _Row("view.mirrors", "6", "view('mirrors')", "mirrors", "sources and mirrors"),
        _Row("app.refresh", "r", "reload", "refresh"),
        _Row("app.palette", "colon,ctrl+p", "command_palette", "commands"),
        _Row("app.help", "question_mark,f1", "show_keys", "help", rank=0),
        _Row("app.quit", "q,ctrl+c", "leave", "quit", "quit; asks when jobs run", rank=5),
        _Row(QUIT_NOW, "ctrl+q", "quit", "quit at once"),
    ),
    Place.LIST: (
        _Row("list.up", "up,k", "cursor_up", "up"),
        _Row("list.down", "down,j", "cursor_down", "down"),
        _Row("list.page_up", "pageup", "page_up", "page up"),
        _Row("list.page_down", "pagedown", "page_down", "page down"),
        _Row("list.top", "g,home", "top", "top"),
        _Row("list.bottom", "G,end", "bottom", "bottom"),
        _Row("list.find", "slash", "screen.find", "find", "filter; !word leaves out", rank=33),
        _Row("list.sort", "s", "screen.sort", "sort", "sort by the next column"),
        _Row("list.reverse", "S", "screen.reverse", "reverse the order"),
        _Row("list.back", "escape", "screen.back", "back", "filter, range, marks, back", rank=57),
    ),
    Place.RELEASES: (
        _Row("release.open", "enter", "open", "open", rank=15),
        _Row("release.track", "t", "track", "track", "track a release by CID", 45, _CHANGES),
        _Row("release.demo", "D", "demo", "demo", "run the demo", rank=46),
        _Row("release.pin", "p", "pin", "pin", "pin all of it (plan first)", 20, _CHANGES),
        _Row("release.unpin", "u", "unpin", "unpin", "unpin (shows what, asks)", 30, _CHANGES),
        _Row("release.platforms", "m", "platforms", "platforms", "choose platforms to pin", rank=25),
        _Row("release.verify", "V", "verify", "verify", "verify: hash every block", 50, _CHANGES),
        _Row("release.repair", "R", "repair", "repair", "verify, refetch the broken", 51, _CHANGES),
        _Row("release.diff", "d", "diff", "diff", "diff: before, or 2 marked", rank=28),
        _Row("release.untrack", "T", "untrack", "untrack", "forget it, when unpinned", effect=_CHANGES),
        _Row("release.update", "U", "update", "update", "ask the sources", 52, _CHANGES),
        _Row("release.import", "i", "import_car", "import", "import a CAR file", 47, _CHANGES),
        _Row("release.publish", "P", "publish", "publish", "publish a release", 48, _CHANGES),
        _Row("release.copy", "y", "copy", "copy CID", rank=55),
        _Row("release.copy_menu", "Y", "copy_menu", "copy menu", "copy CID, pip line, ..."),
        _Row("release.mark", "space", "mark", "mark", "mark, and to the next", rank=49),
        _Row("release.range", "v", "range", "range", "start or end a range"),
        _Row("release.all", "a", "mark_all", "mark all", "mark all in view"),
    ),
    Place.CONTENTS: (
        _Row("contents.mark", "space", "mark", "mark", "mark platform or project", rank=15),
        _Row("contents.range", "v", "range", "range", "start or end a range"),
        _Row("contents.all", "a", "all", "all", "mark all of them in view", rank=35),
        _Row("contents.open", "enter", "open", "open", "open or close a project", rank=40),
        _Row("contents.expand", "asterisk", "expand", "open all", "open or close all", rank=58),
        _Row("contents.only", "f", "only_marked", "only marked", "only what is marked"),
        _Row("contents.python", "plus", "python", "python", "only for these Pythons", rank=42),
        _Row("contents.pin", "p", "pin", "pin", "pin it (plan first)", 20, _CHANGES),
        _Row("contents.unpin", "u", "unpin", "unpin", "unpin it (asks)", 30, _CHANGES),
        _Row("contents.verify", "V", "verify", "verify", "verify: hash every block", 56, _CHANGES),
        _Row("contents.export", "x", "export", "export", "export it to a CAR file", 57, _CHANGES),
        _Row("contents.copy", "y", "copy", "copy line", "copy the command line", rank=50),
        _Row("contents.copy_menu", "Y", "copy_menu", "copy menu", "copy CID, pip line, ..."),
    ),
    Place.PLATFORMS: (
        _Row("platform.left", "left,h", "left", "left", "the release before"),
        _Row("platform.right", "right,l", "right", "right", "the release after"),
        _Row("platform.open", "enter", "open", "open", "open this release", rank=15),
        _Row("platform.pin", "p", "pin", "pin", "pin this platform", 20, _CHANGES),
        _Row("platform.unpin", "u", "unpin", "unpin", "unpin this platform (asks)", 30, _CHANGES),
        _Row("platform.verify", "V", "verify", "verify", "verify this release", 50, _CHANGES),
        _Row("platform.copy", "y", "copy", "copy line", "copy release and platform", rank=55),
    ),
    Place.PINS: (
        _Row("pin.open", "enter", "open", "open", "open its release", rank=25),
        _Row("pin.unpin", "u", "unpin", "unpin", "unpin it (asks)", 15, _CHANGES),
        _Row("pin.prune", "P", "prune", "prune", "unpin old releases (asks)", 20, _CHANGES),
        _Row("pin.collect", "c", "collect", "gc", "collect garbage (asks)", 22, _CHANGES),
        _Row("pin.verify", "V", "verify", "verify", "verify its release", 50, _CHANGES),
        _Row("pin.export", "x", "export", "export", "export it to a CAR file", 52, _CHANGES),
        _Row("pin.copy", "y", "copy", "copy CID", rank=55),
        _Row("pin.mark", "space", "mark", "mark", "mark, and to the next", rank=49),
        _Row("pin.range", "v", "range", "range", "start or end a range"),
        _Row("pin.all", "a", "mark_all", "mark all", "mark all in view"),
    ),
    Place.MIRRORS: (
        _Row("mirror.open", "enter", "open", "open", "open its release", rank=25),
        _Row("mirror.sync", "p", "sync", "sync", "run the mirror", 15, _CHANGES),
        _Row("mirror.go_to", "o", "go_to", "go to", "go to a release (asks)", 20, _CHANGES),
        _Row("mirror.update", "U", "update", "update", "ask the sources", 22, _CHANGES),
        _Row("mirror.add_source", "n", "add_source", "new source", "follow a source", 30, _CHANGES),
        _Row("mirror.remove_source", "T", "remove_source", "remove", "remove source (asks)", 40, _CHANGES),
        _Row("mirror.copy", "y", "copy", "copy address", rank=50),
    ),
    Place.DIFF: (
        _Row("diff.open", "enter", "open", "open", "open it in the new release", rank=15),
        _Row("diff.pin", "p", "pin", "pin", "pin the same of the new", 18, _CHANGES),
        _Row("diff.other", "o", "other", "other release", "compare with an older one", rank=20),
    ),
    Place.PROPOSAL: (
        _Row("proposal.publish", "P", "publish", "publish", "make it (asks)", 15, _CHANGES),
        _Row("proposal.allow", "a", "allow", "allow rule", "allow this rule, or not", rank=18),
        _Row("proposal.edit", "e", "edit", "change", "change what is asked for", rank=20),
        _Row("proposal.copy", "y", "copy", "copy line", "copy the command line", rank=50),
    ),
    Place.JOBS: (
        _Row("job.log", "l,enter", "log", "log", "what happened when", rank=12),
        _Row("job.cancel", "x", "cancel", "cancel", "cancel; fetched bytes stay", rank=15),
        _Row("job.retry", "e", "retry", "retry", "try again", 20, _CHANGES),
        _Row("job.repair", "R", "repair", "repair", "verify and repair", 18, _CHANGES),
    ),
    Place.LOG: (
        _Row("log.follow", "f", "follow", "follow", "follow the end, or stop", rank=12),
        _Row("log.copy", "y", "copy", "copy line", "copy this entry", rank=20),
    ),
    Place.DIALOG: (
        _Row("dialog.no", "escape,n", "no", "cancel"),
        _Row("dialog.yes", "y", "yes", "do it"),
        _Row("dialog.previous", "left", "app.focus_previous", "previous button"),
        _Row("dialog.next", "right", "app.focus_next", "next button"),
        _Row("dialog.up", "up", "up", "up", "scroll, or the one above"),
        _Row("dialog.down", "down", "down", "down", "scroll, or the one below"),
    ),
}

KEYS: tuple[Key, ...] = tuple(
    Key(place=place, **row._asdict()) for place, rows in _TABLE.items() for row in rows
)
"""All keys, in the order the help overlay shows them."""

BY_ID = {key.id: key for key in KEYS}


def keys_of(place: Place) -> tuple[Key, ...]:
    """The keys of one place, in order."""
    return tuple(key for key in KEYS if key.place is place)


def bindings(*places: Place) -> list[BindingType]:
    """What a widget of these places binds."""
    return [
        Binding(key.keys, key.action, key.words, id=key.id, priority=key.id == QUIT_NOW)
        for place in places
        for key in keys_of(place)
    ]


def changes_something(action: str) -> bool:
    """An action of this name, without its parameters, is one of a key that changes something."""
    return action in _CHANGING


_CHANGING = frozenset(key.action.partition("(")[0] for key in KEYS if key.effect is Effect.CHANGES)
