"""The keys of a run: those of the registry, with what a person changed laid over them.

`Keymap.parse` reads the `[keys]` of the configuration: ids of the registry with the names of keys, in the
spellings that the help shows, an empty text for none. What it gives can be used as it is: no two keys of one
place are the same, help, commands and leaving at once can be reached, and leaving at once takes no key that
types. A key that is taken away stays in the command palette.

Textual binds what is set here (`App.set_keymap`), and everything that tells people of keys asks here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.tui.key_names import UnknownKeyName, parse_key, show_key, types_text
from ipwhl_mirror.tui.keys import BY_ID, KEYS, QUIT_NOW, Key, Place, no_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HELP = "app.help"
PALETTE = "app.palette"
NEEDED = (HELP, PALETTE, QUIT_NOW)
"""What cannot be without a key: the ways to everything else, and the way out."""

LAST_RESORT = "ctrl+q"
"""Leaves at once, whatever is configured."""

_OF_FIELDS = frozenset({"enter", "tab", "shift+tab"})
"""What the buttons and lines of a dialog answer to."""

_LEAVES = re.compile(r"(?!shift\+f?)(\w+\+)+\S+|(\w+\+)*f\d+")
"""Keys that neither type nor move in a line: those with a modifier, and function keys."""


class KeymapError(ConfigError):
    """A key cannot be used as it was configured.

    Attributes:
        id: the id it was configured for, as it was written.
        hint: what to do about it, or None.
    """

    def __init__(self, id: str, words: str, *, hint: str | None = None) -> None:  # noqa: A002
        self.id = id
        super().__init__(f"[keys] {id}: {words}", hint=hint)


class Keymap:
    """The keys of a run."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        """`overrides` has Textual's names of keys by id, comma separated, the empty text for none."""
        self.overrides = {id_: keys or no_key(id_) for id_, keys in (overrides or {}).items()}
        palette = show_key(self.overrides.get(PALETTE, BY_ID[PALETTE].keys).partition(",")[0])
        self._keys = {
            key.id: replace(key, keys=self.overrides.get(key.id, key.keys), instead=f"{palette} {key.words}")
            for key in KEYS
        }

    @classmethod
    def parse(cls, written: Mapping[str, str]) -> Keymap:
        """Read what was configured.

        Raises:
            KeymapError: an id or key that does not exist, two for one key in one place, or no key for what
                cannot be without.
        """
        keymap = cls({_known_id(id_): ",".join(_names(id_, text)) for id_, text in written.items()})
        for id_ in keymap.overrides:
            _check_alone(keymap.key(id_))
        for group in _reachable_together(keymap):
            _check_group(group, keymap)
        return keymap

    @property
    def keys(self) -> tuple[Key, ...]:
        """All of them, in the order of the registry."""
        return tuple(self._keys.values())

    def key(self, id: str) -> Key:  # noqa: A002
        """The one with an id of the registry. Where it was taken away it shows the key of the palette, and
        the word to type there.

        >>> [Keymap(keys).key("view.jobs").shown for keys in ({}, {"view.jobs": "6"}, {"view.jobs": ""})]
        ['5', '6', ': jobs']
        """
        return self._keys[id]


DEFAULT = Keymap()
"""The registry as it is."""


def _known_id(written: str) -> str:
    if written in BY_ID:
        return written
    near = difflib.get_close_matches(written, BY_ID, n=1)
    hint = f"did you mean {near[0]}?" if near else "the README's table of keys has the names"
    raise KeymapError(written, "nothing that has a key is called so", hint=hint)


def _names(id_: str, text: str) -> tuple[str, ...]:
    """The keys of one entry, each once; none for an empty text."""
    parts = [part for part in re.split(r"[,\s]+", text) if part] or ([text.strip()] if text.strip() else [])
    names: dict[str, None] = {}
    for part in parts:
        try:
            names[parse_key(part)] = None
        except UnknownKeyName as error:
            words = (
                f"no key is called {part!r}: expected a character, or a name such as esc, PgUp, f5, ctrl+p"
            )
            hint = f"did you mean {show_key(error.nearest)}?" if error.nearest else None
            raise KeymapError(id_, words, hint=hint) from None
    return tuple(names)


def _check_alone(key: Key) -> None:
    """What can be said of an override whatever else there is."""
    if key.is_taken_away:
        if key.id in NEEDED:
            raise KeymapError(key.id, f"{key.explained!r} needs a key", hint="leave the line away")
        return
    names = key.keys.split(",")
    if key.id == QUIT_NOW and LAST_RESORT not in names:
        raise KeymapError(
            key.id,
            f"{LAST_RESORT} cannot be taken away: expected it, and others beside it",
            hint=f'write "{LAST_RESORT}, {key.shown}"',
        )
    for name in names:
        if problem := _problem(key, name):
            raise KeymapError(key.id, problem)


def _problem(key: Key, name: str) -> str | None:
    """Why this key of a keyboard cannot be one for that, in words."""
    shown = show_key(name)
    if key.id == QUIT_NOW and not _LEAVES.fullmatch(name):
        does = "types text" if types_text(name) else "moves"
        return (
            f"{shown} {does} where something is typed, and this key works there too: "
            "expected one with ctrl or alt, or a function key"
        )
    if key.id != QUIT_NOW and name == LAST_RESORT:
        return f"{shown} leaves at once, whatever happens: expected another key"
    if key.place is Place.DIALOG and name in _OF_FIELDS:
        return f"{shown} belongs to the buttons of a dialog: expected another key"
    return None


def _reachable_together(keymap: Keymap) -> Iterator[list[Key]]:
    """The keys that work at the same time, screen by screen; those of dialogs apart."""
    shared = (Place.ANYWHERE, Place.LIST)
    for place in Place:
        if place is Place.DIALOG:
            yield [key for key in keymap.keys if key.place is place or key.id == QUIT_NOW]
        elif place not in shared:
            yield [key for key in keymap.keys if key.place in (*shared, place)]


def _check_group(keys: list[Key], keymap: Keymap) -> None:
    taken: dict[str, Key] = {}
    for key in keys:
        for name in key.keys.split(","):
            other = taken.setdefault(name, key)
            if other is key:
                continue
            # the blame, and the line of the file, is for one that was configured
            ours, theirs = (key, other) if key.id in keymap.overrides else (other, key)
            raise KeymapError(
                ours.id,
                f"{show_key(name)} is {theirs.id} already ({theirs.explained}; {theirs.place.value}): "
                "expected a key that is free there",
                hint=f'give {theirs.id} another key as well, or "" for none',
            )
