"""What is pasted into the terminal is text, and no key.

A terminal puts pasted text between two marks. What stands there may come from a web page: an ESC in it would
be read as the begin of a key, and what follows it as keys. So between the marks only printable characters
and line ends are left. The end mark itself cannot be told from one in the text; terminals take it out.
"""

from __future__ import annotations

BEGIN = "\x1b[200~"
END = "\x1b[201~"
_KEPT = frozenset("\t\r\n")


def printable(text: str) -> str:
    r"""The text without what cannot be seen; other kinds of spaces are spaces.

    >>> printable("a\x1b[2Jb\u202e\u00a0c")
    'a[2Jb c'
    """
    spaced = (" " if character.isspace() and character not in _KEPT else character for character in text)
    return "".join(character for character in spaced if character.isprintable() or character in _KEPT)


class PasteGuard:
    """Passes on what a terminal sends, bit by bit; between the marks only what is printable."""

    def __init__(self) -> None:
        self._is_inside = False
        self._seen = ""
        self._held = ""

    def feed(self, text: str) -> str:
        """The same text, made safe; what may be half an end mark comes with the next call."""
        passed: list[str] = []
        while text:
            text = self._take_pasted(text, passed) if self._is_inside else self._take_typed(text, passed)
        return "".join(passed)

    def _take_typed(self, text: str, passed: list[str]) -> str:
        seen = self._seen + text
        at = seen.find(BEGIN)
        if at < 0:
            passed.append(text)
            self._seen = seen[-(len(BEGIN) - 1) :]
            return ""
        begun = at + len(BEGIN) - len(self._seen)
        passed.append(text[:begun])
        self._is_inside, self._seen = True, ""
        return text[begun:]

    def _take_pasted(self, text: str, passed: list[str]) -> str:
        body, end, rest = (self._held + text).partition(END)
        self._held = ""
        if end:
            self._is_inside = False
        else:
            self._held = _half_mark(body)
            body = body[: len(body) - len(self._held)]
        passed += (printable(body), end)
        return rest


def _half_mark(text: str) -> str:
    """The end of the text that may be the beginning of the end mark."""
    return next((END[:size] for size in range(len(END) - 1, 0, -1) if text.endswith(END[:size])), "")
