"""A fault of the program: a few safe lines for a person, and the traceback where only the owner reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ipwhl_mirror.tui.crash import report

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "token-of-a-variable"


def fault() -> Exception:
    """An error with a hostile message, raised beside a secret."""
    secret = SECRET
    try:
        raise KeyError(f"\x1b]52;c;x\x07\u202e{len(secret)}" + "x" * 10_000)
    except KeyError as error:
        return error


def test_the_story_is_kept_and_three_lines_are_told(tmp_path: Path) -> None:
    """Short, printable lines; the file has the traceback in printable text, without values of variables."""
    told = report(fault(), folder=tmp_path / "log", now=NOW)
    (kept,) = (tmp_path / "log").iterdir()
    assert kept.name == "crash-20261122T120000.000000Z.txt"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(told) == 3
    assert str(kept) in told[1]
    assert all(len(line) < 400 and line.isascii() and line.isprintable() for line in told)
    story = kept.read_text(encoding="ascii").splitlines()
    assert story[0].startswith("ipwhl-mirror ")
    assert any("in fault" in line for line in story)
    assert all(line.isprintable() for line in story)
    assert SECRET not in "\n".join(story + told)


def test_the_story_is_told_where_it_cannot_be_kept(tmp_path: Path) -> None:
    """With why not; nothing is lost and nothing else fails."""
    blocked = tmp_path / "log"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    told = report(fault(), folder=blocked, now=NOW)
    assert any("in fault" in line for line in told)
    assert any(line.startswith("hint: ") and "keep the lines above" in line for line in told)
    assert all(line.isascii() and line.isprintable() for line in told)


def test_an_older_story_is_not_written_over(tmp_path: Path) -> None:
    """Nor is a file followed that someone else put there."""
    first = report(fault(), folder=tmp_path, now=NOW)
    second = report(fault(), folder=tmp_path, now=NOW)
    assert "File exists" not in first[1]
    assert any("File exists" in line for line in second)
