"""Names of keys: as a person writes them, as Textual calls them, and as they are shown.

What is shown is what can be written: `?` for question_mark, `PgUp` for pageup, `ctrl+]` and so on. A name
that arrives as another one (ctrl+i is tab, shift+p is P) becomes that one, so that two names of one key
compare equal. Nothing here knows what a key does.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import lru_cache

from textual.binding import Binding
from textual.keys import Keys

_MODIFIERS = frozenset({"alt", "ctrl", "hyper", "meta", "shift", "super"})
_LAST_SIGN = 0x3000
"""The signs that can be keys are below; letters of any script can be."""

_SHOWN = {"escape": "esc", "pageup": "PgUp", "pagedown": "PgDn", "home": "Home", "end": "End"}
_BY_NAME = frozenset({"space", "comma"})
"""Characters that are shown by their names: they stand between keys."""

_WRITTEN = {
    **{shown.lower(): name for name, shown in _SHOWN.items()},
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "page_up": "pageup",
    "page_down": "pagedown",
}
_ARRIVES_AS = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
    "ctrl+space": "ctrl+at",
}


class UnknownKeyName(ValueError):
    """No key has this name.

    Attributes:
        nearest: the name that was perhaps meant, or None.
    """

    def __init__(self, written: str) -> None:
        near = difflib.get_close_matches(written.lower(), [*_NAMED, *_WRITTEN, *_ascii()], n=1)
        self.nearest = near[0] if near else None
        super().__init__(written)


def parse_key(written: str) -> str:
    """Textual's name of a key that a person wrote.

    Raises:
        UnknownKeyName: no key is called so.

    >>> [parse_key(name) for name in ("?", "PgUp", "esc", "Ctrl+P", "shift+p", "alt+P", "alt++", "ctrl+m")]
    ['question_mark', 'pageup', 'escape', 'ctrl+p', 'P', 'alt+shift+p', 'alt+plus', 'enter']
    """
    *before, last = [part for part in re.split(r"(?<=[^+])\+", written) if part] or [""]
    modifiers = {part.lower() for part in before}
    name = _WRITTEN.get(last.lower(), last)
    name = name.lower() if name.lower() in _NAMED else _sign_or_letter(name)
    if len(before) > len(modifiers) or modifiers - _MODIFIERS or not name:
        raise UnknownKeyName(written)
    if len(name) == 1 and modifiers:
        if name.isupper() and "ctrl" not in modifiers:
            modifiers.add("shift")
        name = name.lower()
    if modifiers == {"shift"} and types_text(name) and name != "space":
        if not name.isalpha() or len(name) > 1:
            raise UnknownKeyName(written)
        return name.upper()
    full = "+".join([*sorted(modifiers), name])
    return _ARRIVES_AS.get(full, full)


def show_key(name: str) -> str:
    """A key as people know it; `parse_key` of it gives the name again.

    >>> [show_key(name) for name in ("question_mark", "pageup", "ctrl+at", "space", "comma", "shift+f5")]
    ['?', 'PgUp', 'ctrl+@', 'space', 'comma', 'shift+f5']
    """
    before, plus, last = name.rpartition("+")
    if last in _BY_NAME or last in _NAMED:
        return before + plus + _SHOWN.get(last, last)
    return before + plus + (_ascii().get(last) or (_signs().get(last, last) if len(last) > 1 else last))


def types_text(name: str) -> bool:
    """In a line to type in, this key puts a character there."""
    return "+" not in name and (name == "space" or name not in _NAMED)


def _sign_or_letter(name: str) -> str:
    """Textual's name of one character, or of one by its name; empty where there is none."""
    if len(name) == 1:
        return _name_of(name) if name.isalnum() or _is_sign(name) else ""
    lower = name.lower()
    return lower if lower in _ascii() or lower in _signs() else ""


def _name_of(character: str) -> str:
    return next(iter(Binding.make_bindings([(character, "")]))).key if character != "," else "comma"


@lru_cache(maxsize=1)
def _ascii() -> dict[str, str]:
    return {_name_of(chr(code)): chr(code) for code in range(0x21, 0x7F)}


@lru_cache(maxsize=1)
def _signs() -> dict[str, str]:
    """The rarer ones, by their names in Unicode."""
    characters = [chr(code) for code in range(0xA1, _LAST_SIGN)]
    return {_name_of(sign): sign for sign in characters if _is_sign(sign)}


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS" and ord(character) < _LAST_SIGN


_NAMED = frozenset(
    name
    for name in (key.value.rpartition("+")[2] for key in Keys)
    if len(name) > 1 and name.isalnum() and name not in _ascii() and name != "return"
)
"""The keys that have names of their own; of these only space types text."""
