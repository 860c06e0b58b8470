"""Text from outside, made safe to show.

Names and messages of a repository, a peer or a source can hold what controls a terminal (ESC, C1), turns
text around (bidi) or cannot be seen (zero width, Cf). `safe_text` gives printable ASCII only and shows
everything else as an escape, so that what a reader sees is what is there. Names are ASCII by rule (trees.md
1), so letters that look like others are escaped too. It leaves markup alone: that is for whoever draws.
"""

from __future__ import annotations

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}
_CUT = "..."


def safe_text(text: str, limit: int | None = None) -> str:
    r"""The text in printable ASCII: anything else as `\x1b`, `\u202e` or `\U0001f600`.

    Doing it twice changes nothing: a backslash stays as it is.

    Args:
        limit: the most characters to give; a longer text ends in `...`.

    >>> safe_text("numpy\x1b[2J\u202e")
    'numpy\\x1b[2J\\u202e'
    """
    if limit is not None:
        text = text[: limit + 1]
    safe = text
    if not (text.isascii() and text.isprintable()):
        safe = text.encode("ascii", "backslashreplace").decode("ascii").translate(_CONTROLS)
    if limit is None or len(safe) <= limit:
        return safe
    return safe[: max(limit - len(_CUT), 0)] + _CUT[:limit]


def shorten_middle(text: str, width: int, *, mark: str = "…") -> str:
    """At most `width` characters of a text: its beginning and its end, the mark between them.

    >>> shorten_middle("QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS", 12)
    'QmXxxc…UdMdS'
    """
    if len(text) <= width:
        return text
    kept = width - len(mark)
    if kept <= 0:
        return mark[: max(width, 0)]
    tail = kept // 2
    return text[: kept - tail] + mark + text[len(text) - tail :]
