"""Where something stands in the configuration file: TOML readers do not tell.

The lines are looked through for heads of tables and for keys. What stands in another way (inline tables,
several lines) is told by its table, or by the file alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def position_of(file: Path | None, key: str) -> str:
    """`FILE:LINE` where a key or a table is set, for messages; the file alone where that cannot be found.

    Args:
        key: `theme`, or with its table: `mirror.campus`, `mirror.campus.keep`.
    """
    if file is None:
        return "the configuration"
    try:
        return f"{file}{line_of(file.read_text(encoding='utf-8'), key)}"
    except (OSError, UnicodeDecodeError):
        return str(file)


def line_of(text: str, wanted: str) -> str:
    """`:LINE` of a key by its last names, or of a table's head; "" where it is not found."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _bare(head[1])
            if table == wanted:
                return f":{number}"
        elif key := re.match(r"\s*([\w.\-\"' +]+?)\s*=", line):
            full = f"{table}.{_bare(key[1])}".strip(".")
            if full == wanted or full.endswith(f".{wanted}"):
                return f":{number}"
    return ""


def _bare(name: str) -> str:
    """A name of TOML without quotes and spaces."""
    return re.sub(r"[\"'\s]", "", name)
