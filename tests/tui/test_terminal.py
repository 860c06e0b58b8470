"""The real program in a real terminal: what hostile names can do there, and what it leaves behind."""

from __future__ import annotations

import random
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from tests.simulators.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x07",
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x1bP+q\x1b\\",
    "\x1bc",
    "[@click=app.quit]q[/]",
    "[/red]",
    "[link=http://127.0.0.1/]x",
    "\u202egnp.exe",
    "\u200b\u200d",
    "\r\n",
    "\x08\x08\x7f",
    "\ud7ff",
    "%s%n",
    "x" * 300,
)
NAMES = 10_000

# what the program itself may send: cursor, colours, modes, queries, the shape of the pointer
CSI = re.compile(rb"\x1b\[[?<>=]?[0-9;:]*\$?[ABCDHJKfhlmnprsu]")
OSC = re.compile(rb"\x1b\]22;[a-z-]*(?:\x07|\x1b\\)")


def foreign_sequences(written: bytes) -> list[bytes]:
    """Whatever was sent to the terminal that the program itself has no reason to send."""
    left = OSC.sub(b"", CSI.sub(b"", written))
    text = left.decode("utf-8", "replace")
    return [
        character.encode()
        for character in text
        if (ord(character) < 0x20 and character not in "\r\n")
        or 0x7F <= ord(character) < 0xA0
        or character in "\u202e\u200b\u200d"
    ]


def command(data_dir: Path) -> list[str]:
    return [sys.executable, "-m", "ipwhl_mirror", "--node", "embedded", "--data-dir", str(data_dir)]


async def pin_hostile_names(data_dir: Path) -> None:
    """Another program's pins, whose names are as bad as names can be."""
    source = random.Random(7)
    node = EmbeddedNode(data_dir / "node")
    cids = [Cid.of(str(number).encode(), RAW) for number in range(NAMES)]
    await node.put_blocks((cid, str(number).encode()) for number, cid in enumerate(cids))
    with node._store.database.write() as db:
        db.executemany(
            "INSERT INTO pins (cid, name) VALUES (?, ?)",
            (
                (cid.to_bytes(), "".join(source.choices(HOSTILE, k=3)) + str(number))
                for number, cid in enumerate(cids)
            ),
        )
    assert len(await node.pins()) == NAMES
    await node.aclose()


async def test_ten_thousand_hostile_names_only_show(tmp_path: Path) -> None:
    """Paged through and filtered: nothing but our own sequences reaches the terminal, and no key of
    theirs does anything."""
    await pin_hostile_names(tmp_path)
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for("A release is one CID")
        terminal.type("4")
        terminal.wait_for("not ours")
        for _ in range(12):
            terminal.type("\x1b[6~")
        terminal.settle()
        terminal.type("G")
        terminal.settle()
        terminal.type("/quit\r")
        terminal.settle()
        terminal.type("\x1b")
        terminal.settle()
        assert terminal.process.poll() is None
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert foreign_sequences(bytes(terminal.written)) == []


@pytest.mark.parametrize(
    "end", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, None], ids=["SIGTERM", "SIGHUP", "SIGINT", "q"]
)
def test_the_terminal_is_as_before(end: signal.Signals | None, tmp_path: Path) -> None:
    """Whatever ends it: the modes, the main screen, the cursor, no mouse, no paste marks."""
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for("A release is one CID")
        if end is None:
            terminal.type("q")
        else:
            terminal.signal(end)
        terminal.wait_for_end()
        assert terminal.modes == terminal.modes_before
        sent = bytes(terminal.written)
        for on, off in (
            (b"\x1b[?1049h", b"\x1b[?1049l"),
            (b"\x1b[?25l", b"\x1b[?25h"),
            (b"\x1b[?1000h", b"\x1b[?1000l"),
            (b"\x1b[?1003h", b"\x1b[?1003l"),
            (b"\x1b[?2004h", b"\x1b[?2004l"),
        ):
            assert sent.rfind(off) > sent.rfind(on), on


def test_the_check_sees_what_must_not_come() -> None:
    """The filter itself: each hostile sequence is found, and what the program sends is not."""
    ours = b"\x1b[?1049h\x1b[38;5;253;48;5;17m x\x1b[0m\x1b[2;1H\x1b]22;default\x07"
    assert foreign_sequences(ours) == []
    for name in ("\x1b]52;c;x\x07", "\x1b]0;t\x07", "\x9b1m", "\x1bc", "\u202e", "\x08"):
        assert foreign_sequences(ours + name.encode()), name
