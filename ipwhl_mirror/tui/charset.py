"""Which characters the terminal was said to show.

Python writes UTF-8 in the C locale and where a locale is not installed (PEP 538, PEP 540), so its streams do
not tell. What a person has set does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASCII_ONLY = frozenset({"C", "POSIX"})
_SET_BY_PYTHON = "C.UTF-8"
"""As LC_CTYPE, it may be Python's own doing, and says nothing about the terminal."""


def charset(encoding: str, environment: Mapping[str, str]) -> str:
    """The encoding of the terminal.

    Args:
        encoding: of the stream, for locales that do not name one.

    >>> charset("utf-8", {"LC_ALL": "C"}), charset("utf-8", {"LANG": "en_GB.UTF-8"}), charset("utf-8", {})
    ('ascii', 'UTF-8', 'utf-8')
    """
    chosen = [environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if chosen[1] == _SET_BY_PYTHON:
        chosen[1] = ""
    locale = next(filter(None, chosen), "")
    if locale in _ASCII_ONLY:
        return "ascii"
    return locale.partition("@")[0].partition(".")[2] or encoding
