"""Command lines that are shown to be copied: whatever a release is called, they are one command."""

from __future__ import annotations

import shlex

from ipwhl_mirror.domain.display import safe_text


def release_and_part(name: str, options: str) -> str:
    """A release and a part of it, as arguments of a command; safe text.

    >>> release_and_part("2026.11", "-p linux-x86_64"), release_and_part("a; b", "")
    ('2026.11 -p linux-x86_64', "'a; b'")
    """
    return f"{shlex.quote(safe_text(name))} {safe_text(options)}".rstrip()


def command_line(verb: str, name: str, options: str = "") -> str:
    """What a person types for it.

    Args:
        options: of the part, quoted for a shell already.

    >>> command_line("pin", "2026.11", "-p linux-x86_64")
    'ipwhl-mirror pin 2026.11 -p linux-x86_64'
    """
    return f"ipwhl-mirror {verb} {release_and_part(name, options)}"


def whole_line(*words: str) -> str:
    """The command of these words; safe text.

    >>> whole_line("publish", "/srv/my wheels", "--label", "2026.11")
    "ipwhl-mirror publish '/srv/my wheels' --label 2026.11"
    """
    return f"ipwhl-mirror {shlex.join(safe_text(word) for word in words)}"
