"""Keys that a person changed: how they are written, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipwhl_mirror.tui.key_names import UnknownKeyName, parse_key, show_key, types_text
from ipwhl_mirror.tui.keymap import Keymap, KeymapError
from ipwhl_mirror.tui.keys import BY_ID, KEYS, Place

if TYPE_CHECKING:
    from ipwhl_mirror.tui.keys import Key

# names of keys

WRITTEN = {
    "?": "question_mark",
    "/": "slash",
    ":": "colon",
    "+": "plus",
    "*": "asterisk",
    "-": "minus",
    "\\": "backslash",
    "esc": "escape",
    "Escape": "escape",
    "PgUp": "pageup",
    "PGDN": "pagedown",
    "page_down": "pagedown",
    "Home": "home",
    "End": "end",
    "del": "delete",
    "Return": "enter",
    "F5": "f5",
    "p": "p",
    "P": "P",
    "shift+p": "P",
    "question_mark": "question_mark",
    "é": "é",
    "«": "left_pointing_double_angle_quotation_mark",
    "space": "space",
    "comma": "comma",
    "Ctrl+P": "ctrl+p",
    "shift+ctrl+p": "ctrl+shift+p",
    "alt+P": "alt+shift+p",
    "alt++": "alt+plus",
    "ctrl+-": "ctrl+minus",
    "ctrl+\\": "ctrl+backslash",
    "shift+tab": "shift+tab",
    # one key by two names
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+[": "escape",
    "ctrl+space": "ctrl+at",
}


@pytest.mark.parametrize(("written", "name"), WRITTEN.items())
def test_keys_are_written_as_people_know_them(written: str, name: str) -> None:
    """By sign, by name, with modifiers in any order; and as they are shown."""
    assert parse_key(written) == name
    assert parse_key(show_key(name)) == name


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_what_the_help_shows_can_be_written(key: Key) -> None:
    """The keys of the registry, with the space between them."""
    assert Keymap.parse({key.id: key.shown}).key(key.id).keys == key.keys


UNKNOWN = (
    "",
    "ctrl+",
    "++",
    "pgeup",
    "foo+p",
    "ctrl+ctrl+p",
    "shift+1",
    "\x1b",
    "\u202e",
    "\u0301",
    "🐍",
    "p p",
)


@pytest.mark.parametrize("written", UNKNOWN)
def test_other_names_are_refused(written: str) -> None:
    """Nothing that a keyboard could not send, that controls a terminal, or that cannot be seen."""
    with pytest.raises(UnknownKeyName):
        parse_key(written)


# what is refused

REFUSED: dict[str, tuple[dict[str, str], str, str | None]] = {
    "unknown id": (
        {"release.pn": "P"},
        "[keys] release.pn: nothing that has a key is called so",
        "did you mean release.pin?",
    ),
    "far from any id": ({"x": "P"}, "[keys] x: nothing", "the README's table of keys has the names"),
    "unknown key": (
        {"release.pin": "p, pgeup"},
        "no key is called 'pgeup': expected a character",
        "did you mean PgUp?",
    ),
    "only commas": ({"release.pin": ", ,"}, "no key is called ', ,'", None),
    "taken in the view": (
        {"release.pin": "V"},
        "[keys] release.pin: V is release.verify already",
        'give release.verify another key as well, or "" for none',
    ),
    "taken in lists": (
        {"release.pin": "s"},
        "s is list.sort already (sort by the next column; In a list)",
        None,
    ),
    "taken everywhere": ({"contents.pin": "q"}, "q is app.quit already", None),
    "blame for the changed one": (
        {"app.refresh": "x"},
        "[keys] app.refresh: x is contents.export already",
        None,
    ),
    "two changed": ({"release.pin": "f6", "release.unpin": "f6"}, "f6 is release.pin already", None),
    "another name of it": ({"release.pin": "ctrl+m"}, "enter is release.open already", None),
    "taken in dialogs": ({"dialog.yes": "n"}, "n is dialog.no already", None),
    "buttons": ({"dialog.yes": "enter"}, "enter belongs to the buttons of a dialog", None),
    "fields": ({"dialog.next": "tab"}, "tab belongs to the buttons of a dialog", None),
    "no help": ({"app.help": ""}, "'help' needs a key", "leave the line away"),
    "no commands": ({"app.palette": " "}, "'commands' needs a key", "leave the line away"),
    "no way out": ({"app.quit_now": ""}, "'quit at once' needs a key", "leave the line away"),
    "way out moved": ({"app.quit_now": "f10"}, "ctrl+q cannot be taken away", 'write "ctrl+q, f10"'),
    "way out taken": ({"release.pin": "ctrl+q"}, "ctrl+q leaves at once, whatever happens", None),
    "way out in dialogs": ({"dialog.no": "esc ctrl+q"}, "ctrl+q leaves at once, whatever happens", None),
    "way out typed": ({"app.quit_now": "ctrl+q Q"}, "Q types text where something is typed", None),
    "way out moves": (
        {"app.quit_now": "ctrl+q shift+left"},
        "shift+left moves where something is typed",
        None,
    ),
}


@pytest.mark.parametrize(("written", "words", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_in_words(written: dict[str, str], words: str, hint: str | None) -> None:
    """What, which value, what was expected; and for the id that was configured."""
    with pytest.raises(KeymapError) as caught:
        Keymap.parse(written)
    assert words in str(caught.value)
    assert caught.value.id in written
    if hint is not None:
        assert caught.value.hint == hint


ACCEPTED = {
    "swapped": ({"release.pin": "u", "release.unpin": "p"}, {"release.pin": "u", "release.unpin": "p"}),
    "the same in two views": (
        {"pin.prune": "f6", "release.pin": "f6"},
        {"pin.prune": "f6", "release.pin": "f6"},
    ),
    "dialogs apart": ({"dialog.yes": "j", "release.pin": "n"}, {"dialog.yes": "j", "release.pin": "n"}),
    "several, each once": ({"list.up": "w,up  w,k"}, {"list.up": "w,up,k"}),
    "the comma itself": ({"release.pin": ","}, {"release.pin": "comma"}),
    "a way out more": ({"app.quit_now": "F10, ctrl+q, alt+x"}, {"app.quit_now": "f10,ctrl+q,alt+x"}),
    "freed and taken": ({"release.publish": "", "release.pin": "P"}, {"release.pin": "P"}),
}


@pytest.mark.parametrize(("written", "keys"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_can_work_is_taken(written: dict[str, str], keys: dict[str, str]) -> None:
    """Only what was configured differs from the registry."""
    keymap = Keymap.parse(written)
    assert {id_: keymap.key(id_).keys for id_ in keys} == keys
    others = [key for key in keymap.keys if key.id not in written]
    assert [key.keys for key in others] == [BY_ID[key.id].keys for key in others]


names = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*WRITTEN, *(key.shown for key in KEYS), "", "ctrl+q", "+", ",", "ctrl+"]),
)
ids = st.one_of(st.text(max_size=20), st.sampled_from(sorted(BY_ID)))
texts = st.lists(names, max_size=3).map(", ".join)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(ids, texts, max_size=6))
def test_foreign_text_is_taken_whole_or_refused(written: dict[str, str]) -> None:
    """No other error comes, and what is taken has no key twice where it matters, and can be written again."""
    try:
        keymap = Keymap.parse(written)
    except KeymapError as error:
        assert error.id in written
        return
    for place in Place:
        together = {Place.DIALOG} if place is Place.DIALOG else {place, Place.ANYWHERE, Place.LIST}
        used = [name for key in keymap.keys if key.place in together for name in key.keys.split(",")]
        assert len(used) == len(set(used))
    assert "ctrl+q" in keymap.key("app.quit_now").keys.split(",")
    assert not any(types_text(name) for name in keymap.key("app.quit_now").keys.split(","))
    changed = {id_: "" if keymap.key(id_).is_taken_away else keymap.key(id_).shown for id_ in written}
    assert Keymap.parse(changed).overrides == keymap.overrides
