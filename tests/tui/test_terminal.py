"""The real program in a real terminal: what hostile names can do there, and what it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import random
import re
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, NodeConfig
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.nodes.embedded.node import EmbeddedNode
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.events import ignore
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.crashing_ui import SECRET
from tests.simulators.sequences import CSI, TITLE, foreign_sequences
from tests.simulators.terminal import Terminal
from tests.simulators.vectors import load_release

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.usefixtures("signals_count")
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

START = "A release is one CID"


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


async def track_hostile_names(data_dir: Path) -> None:
    """A release with malformed and strange entries, under a label that no person can have given."""
    vector = load_release("edge-v0")
    node = EmbeddedNode(data_dir / "node")
    await node.put_blocks((Cid(1, DAG_PB, digest), data) for digest, data in vector.blocks.items())
    await node.aclose()
    settings = Settings(data_dir=data_dir, config=Config(node=NodeConfig(spec="embedded")))
    async with Session.open(settings) as session:
        await releases.track(session, vector.root, label="edge", sink=ignore)
    (found,) = (path for path in data_dir.iterdir() if path.is_file() and path.read_bytes()[:6] == b"SQLite")
    with contextlib.closing(sqlite3.connect(found)) as db, db:
        db.execute("UPDATE releases SET label = ?", ("".join(HOSTILE),))


async def test_ten_thousand_hostile_names_only_show(tmp_path: Path) -> None:
    """Paged through and filtered: nothing but our own sequences reaches the terminal, and no key of
    theirs does anything."""
    await pin_hostile_names(tmp_path)
    await track_hostile_names(tmp_path)
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for("x1b]52;c")
        for keys in ("\r", "*", "G", "\x1b[5~", "3", "1", "u"):
            terminal.type(keys)
            terminal.settle()
        terminal.type("4")
        terminal.wait_for("not ours")
        for _ in range(6):
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


def assert_as_before(terminal: Terminal) -> None:
    """Modes of the line, main screen, cursor, no mouse, no marks, no other keyboard, the title."""
    assert terminal.modes == terminal.modes_before
    sent = bytes(terminal.written)
    for on, off in (
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?1000h", b"\x1b[?1000l"),
        (b"\x1b[?1003h", b"\x1b[?1003l"),
        (b"\x1b[?1004h", b"\x1b[?1004l"),
        (b"\x1b[?1006h", b"\x1b[?1006l"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[>", b"\x1b[<u"),
        (b"\x1b[22;0t", b"\x1b[23;0t"),
    ):
        assert sent.count(on), on
        assert sent.rfind(off) > sent.rfind(on), on
    assert sent.count(b"\x1b[22;0t") == sent.count(b"\x1b[23;0t")


@pytest.mark.parametrize(
    ("end", "code"),
    [(signal.SIGTERM, 130), (signal.SIGHUP, 130), (signal.SIGINT, 130), (None, 0)],
    ids=["SIGTERM", "SIGHUP", "SIGINT", "q"],
)
def test_the_terminal_is_as_before(end: signal.Signals | None, code: int, tmp_path: Path) -> None:
    """Whatever ends it."""
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for(START)
        terminal.settle()
        assert terminal.title == "ipwhl-mirror: Releases"
        if end is None:
            terminal.type("q")
        else:
            terminal.signal(end)
        assert terminal.wait_for_end() == code
        assert_as_before(terminal)


def test_a_crash_is_told_in_a_few_lines(tmp_path: Path) -> None:
    """The terminal is as before, with what happened, where the rest is, and no value of any variable; the
    traceback can be read by its owner alone."""
    program = [sys.executable, "-m", "tests.simulators.crashing_ui"]
    with Terminal(program, columns=80, lines=24, environment={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        assert terminal.wait_for_end() == 1
        assert_as_before(terminal)
        assert foreign_sequences(bytes(terminal.written)) == []
        told = CSI.sub(b"", bytes(terminal.written).rpartition(b"\x1b[?1049l")[2]).decode()
    (story,) = tmp_path.rglob("crash-*.txt")
    assert story.stat().st_mode & 0o777 == 0o600
    lines = told.strip().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("error: the terminal UI ended by a fault of its own: LookupError: \\x1b]52;")
    assert lines[1] == f"hint: please report it with {story}"
    text = story.read_text(encoding="ascii")
    assert "in node_parts" in text
    assert "Traceback (most recent call last)" in text
    assert "\x1b" not in text
    assert SECRET not in text + told


@pytest.mark.parametrize("before", [(), ("env", "--ignore-signal=HUP")], ids=["SIGHUP", "nohup"])
def test_it_ends_when_the_terminal_is_gone(before: Sequence[str], tmp_path: Path) -> None:
    """No process stays behind, also when it was told to ignore a hang-up, and it does not spin."""
    with Terminal([*before, *command(tmp_path)], columns=80, lines=24) as terminal:
        terminal.wait_for(START)
        terminal.hang_up()
        assert terminal.wait_for_end() == 130


def test_any_size_can_be_given_to_it(tmp_path: Path) -> None:
    """Far too small, far too large, with a dialog open: it draws what it can, and all of it again. A terminal
    without a title, which would show the sequence, gets none."""
    without_title = {"TERM": "linux"}
    with Terminal(command(tmp_path), columns=80, lines=24, environment=without_title) as terminal:
        terminal.wait_for(START)
        small = ((20, 5), (1, 1))
        for view, sizes in (("4", (*small, (2, 60))), ("1", ()), ("t", (*small, (500, 200)))):
            terminal.type(view)
            terminal.settle(0.2)
            for columns, lines in (*sizes, (80, 24)):
                terminal.resize(columns, lines)
                terminal.settle(0.1)
        terminal.wait_for("Track a release")
        leave_dialog(terminal)
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert foreign_sequences(bytes(terminal.written)) == []
        assert not TITLE.search(bytes(terminal.written))


def leave_dialog(terminal: Terminal) -> None:
    """By escape; what is typed after it must not come with it, as that would be another key."""
    terminal.type("\x1b")
    terminal.wait_until(lambda: "Track a release" not in terminal.text, "the screen without the dialog")


def test_it_can_be_stopped_and_continued(tmp_path: Path) -> None:
    """Stopped, the terminal is as before; continued, it draws all of it again."""
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for(START)
        terminal.settle()
        terminal.signal(signal.SIGTSTP)
        terminal.wait_until(lambda: b"\x1b[?1004l" in terminal.written, "the end of its screen")
        terminal.wait_until(lambda: is_stopped(terminal.process.pid), "a stopped process")
        assert_as_before(terminal)
        before = len(terminal.written)
        terminal.signal(signal.SIGCONT)
        terminal.wait_until(lambda: START.encode() in terminal.written[before:], "the screen again")
        terminal.settle()
        terminal.type("5")
        terminal.wait_for("No jobs yet")
        assert terminal.title == "ipwhl-mirror: Jobs"
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert_as_before(terminal)


def is_stopped(pid: int) -> bool:
    """By what the kernel says of it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


async def test_what_is_pasted_is_no_key_and_what_is_copied_is_plain(tmp_path: Path) -> None:
    """Pasted in a view, in the filter and in a dialog: an escape in it begins no key, a line end submits
    nothing. Copied: one line of printable ASCII, which is on the screen as well."""
    await track_hostile_names(tmp_path)
    evil = "\x1bO" + "q" * 40 + "\r\x1b\nD\x1b[3~" + "q\x9b\u202eq\x1b"
    with Terminal(command(tmp_path), columns=80, lines=24) as terminal:
        terminal.wait_for("x1b]52;c")
        terminal.paste(evil)
        terminal.type("/")
        terminal.settle()
        terminal.paste("\n\x1b[31mred\x1b[0m\r\nq\r")
        terminal.wait_for("[31mred[0m")
        terminal.type("\x1b")
        terminal.settle()
        terminal.type("t")
        terminal.wait_for("Track a release")
        terminal.paste(evil)
        terminal.wait_for("Oqqqq")
        assert "Track a release" in terminal.text
        assert "not a CID" not in terminal.text
        terminal.type("\r")
        terminal.wait_for("not a CID")
        leave_dialog(terminal)
        assert foreign_sequences(bytes(terminal.written)) == []
        terminal.type("\r")
        terminal.wait_for("nothing is marked")
        terminal.type(" y")
        terminal.wait_for("copied")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        copied = assert_copied(terminal)
        assert copied.startswith("ipwhl-mirror pin ")
        assert copied[len("ipwhl-mirror pin ") :][:20] in terminal.text


def assert_copied(terminal: Terminal) -> str:
    """The one text that was copied."""
    sent = bytes(terminal.written)
    (encoded,) = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", sent)
    assert foreign_sequences(sent.replace(b"\x1b]52;c;" + encoded + b"\x07", b"")) == []
    text = base64.b64decode(encoded).decode()
    assert text.isascii()
    assert text.isprintable()
    return text


def test_the_check_sees_what_must_not_come() -> None:
    """The filter itself: each hostile sequence is found, and what the program sends is not."""
    ours = b"\x1b[?1049h\x1b[38;5;253;48;5;17m x\x1b[0m\x1b[2;1H\x1b]22;default\x07"
    ours += b"\x1b[22;0t\x1b]2;ipwhl-mirror: Pins and storage, 42 %\x1b\\\x1b[23;0t"
    assert foreign_sequences(ours) == []
    for name in (
        *("\x1b]52;c;x\x07", "\x1b]0;t\x07", "\x9b1m", "\x1bc", "\u202e", "\x08"),
        *("\x1b]2;t\x1b\\", "\x1b]2;ipwhl-mirror: x\x07", "\x1b[21t", "\x1b[8;1;1t", "\x1b[22;2t"),
    ):
        assert foreign_sequences(ours + name.encode()), name
