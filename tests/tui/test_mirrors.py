"""Sources and mirrors in the application: how each stands, what may be asked of it, and what is announced."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.state.mirrors import SyncState
from ipwhl_mirror.tui.again import work_of
from ipwhl_mirror.tui.desk import Access
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE
from ipwhl_mirror.tui.jobs import JobState
from ipwhl_mirror.tui.live import LiveBackend
from ipwhl_mirror.tui.mirror_rows import mirror_look, news, row_look, source_look
from ipwhl_mirror.tui.screens.mirrors import MirrorsScreen
from ipwhl_mirror.tui.screens.source import read_source
from tests.mirror_world import Campus, release
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key
from tests.tui.scenes import press, settle
from tests.tui.scripted import Broken, app_on, following

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.tui.app import MirrorApp


def name_under_cursor(app: MirrorApp) -> str:
    assert isinstance(app.screen, MirrorsScreen)
    row = app.screen.rows.current
    assert row is not None
    return row.trust.name if hasattr(row, "trust") else row.name


async def test_each_stands_as_it_is() -> None:
    """By word and sign, in a row of its own; mirrors first."""
    app = app_on(following())
    async with app.run_test(size=(120, 36)) as pilot:
        lines = [line.split() for line in (await press(pilot, "6")).splitlines()[2:11]]
    assert [[*line[1:3], *line[3 : line.index("41") if "41" in line else 4]] for line in lines[:2]] == [
        ["campus", "mirror", "current", "2026.11"],
        ["lab", "mirror", "behind", "2026.10"],
    ]
    words = [" ".join(line) for line in lines]
    for number, said in {
        2: "library mirror no release yet",
        3: "physics mirror failed",
        4: "stale mirror stale",
        5: "campus source signed 2026.11",
        6: "cold source frozen",
        7: "lost source not accepted",
        8: "names source unsigned",
    }.items():
        assert said in words[number], words[number]


@pytest.mark.parametrize(
    ("name", "changes", "word"),
    [
        ("campus", {"config": None}, "not configured"),
        ("campus", {"stale": "no good run for 9 d"}, "stale"),
        ("lab", {}, "behind"),
        ("lab", {"held": True}, "held"),
        ("library", {}, "no release yet"),
    ],
)
def test_what_a_mirror_is(name: str, changes: dict[str, object], word: str) -> None:
    """The worst of it, in both character sets."""
    backend = following()
    mirror = replace(next(item for item in backend.mirrors if item.name == name), **changes)  # type: ignore[arg-type]
    for glyphs in (UNICODE, ASCII):
        assert row_look(mirror, backend.sources, glyphs).word == word
    running = replace(
        backend.mirrors[0],
        last=replace(backend.mirrors[0].last, state=SyncState.RUNNING),  # type: ignore[type-var]
    )
    assert mirror_look(running, backend.sources[0], UNICODE).word == "running"
    assert mirror_look(mirror, None, UNICODE).word in ("no source", "not configured")


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("nothing new", "signed"),
        ("new: 2026.12", "signed"),
        ("refused: sequence 3 is before 14: a rollback", "refused"),
        ("unsigned: 2026.12", "unsigned"),
        ("wheels.example.org does not answer", "no answer"),
    ],
)
def test_what_a_source_is_worth(outcome: str, word: str) -> None:
    """By what came of asking it."""
    assert source_look(replace(following().sources[0], outcome=outcome), UNICODE).word == word


async def test_a_mirror_is_run() -> None:
    """As a job that another run of the program would go on with; read-only there is no such key."""
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "6", "p")
        assert backend.calls == [("sync", "campus")]
        (job,) = app.desk.jobs.jobs
        assert (job.title, job.state, job.outcome) == ("sync campus", JobState.DONE, "nothing new")
        assert job.request is not None
        await work_of(backend, job.request)(lambda progress: None)
        assert backend.calls[1:] == [("sync", "campus")]
        backend.fail_with(Broken("9.9 GB are needed", hint="make room"))
        await press(pilot, "down", "p")
        assert app.desk.jobs.jobs[-1].failure is not None
    quiet = following()
    app = app_on(quiet, access=Access.READ_ONLY)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, "6", "p", "U", "n", "o")
        assert quiet.calls == []
        assert "sync" not in shown.splitlines()[-1]


async def test_going_to_another_release_shows_what_it_costs() -> None:
    """Which are offered, the plan, what it means; only then it is done."""
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        offered = await press(pilot, "6", "o")
        assert "[ 2026.10 ]" in offered and "[ 2026.11 ]" not in offered
        plan = await press(pilot, "up", "enter")
        assert "Let campus go to 2026.10" in plan and "to fetch" in plan
        assert "stays there until its source announces something newer" in plan
        await press(pilot, "escape")
        assert backend.calls == []
        await press(pilot, "o", "up", "enter", "y")
        older = backend.tracked[1][1].root.as_version(1)
        assert backend.calls == [("sync", f"campus {older}")]


async def test_going_to_a_release_that_is_not_tracked_says_so() -> None:
    """Its numbers are not known before its index is here."""
    backend = following()
    del backend.tracked[1]
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        assert "Its index is not on this node" in await press(pilot, "6", "o", "up", "enter")
        await press(pilot, "y")
        assert [verb for verb, _ in backend.calls] == ["sync"]


async def test_sources_are_asked_from_both_views() -> None:
    """With `U`, as a job."""
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "U")
        await press(pilot, "6", "U")
        assert [verb for verb, _ in backend.calls] == ["update", "update"]


async def test_a_source_is_added_with_its_key(tmp_path: Path) -> None:
    """What is wrong is said in the dialog."""
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAA\n")
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "6", "n", *"campus", "enter")
        assert "there is a source campus already" in await press(pilot)
        await press(pilot, *"2", "tab", *"https://a.example/f", "tab", *str(key), "enter")
        assert backend.calls == [("add source", f"campus2 https://a.example/f {key}")]


@pytest.mark.parametrize(
    ("name", "url", "key", "words"),
    [
        ("", "https://a", "", "name ''"),
        ("a b", "https://a", "", "name 'a b'"),
        ("one", "https://a", "", "there is a source one already"),
        ("two", "ftp://a", "", "begins with none of"),
        ("two", "https://a", "/nowhere/key.pub", "there is no file '/nowhere/key.pub'"),
    ],
)
def test_what_is_no_source(name: str, url: str, key: str, words: str) -> None:
    """In words."""
    with pytest.raises(ValueError, match=words):
        read_source(name, url, key, {"one"})


async def test_removing_a_source_says_who_follows_it() -> None:
    """And is done when told to."""
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(120, 36)) as pilot:
        shown = await press(pilot, "6", *["down"] * 5, "T")
        assert "mirror campus follows it" in shown and "mirror physics follows it" in shown
        assert backend.calls == []
        await press(pilot, "y")
        assert backend.calls == [("remove source", "campus")]


async def test_the_address_is_copied_and_the_release_opened() -> None:
    """`y` of a mirror is what pip is given; `enter` shows the contents of what it is at."""
    app = app_on(following())
    async with app.run_test(size=(120, 36)) as pilot:
        await press(pilot, "6", "y")
        assert app.clipboard == "http://127.0.0.1:8085/simple/campus/"
        assert "2026.11" in (await press(pilot, "enter")).splitlines()[0]
        await press(pilot, "escape")
        assert name_under_cursor(app) == "campus"


async def test_what_is_announced_meanwhile_is_told() -> None:
    """A release, a refusal and a freeze; what was known before is not."""
    backend = following()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        before = app.overview
        assert before is not None and news(before, before) == []
        campus, *others = backend.sources
        backend.sources = (replace(campus, label="2026.12", outcome="new: 2026.12"), *others)
        await press(pilot, "r")
        after = app.overview
        assert after is not None
        assert news(before, after) == [("campus announced 2026.12, signed", False)]
        refused = replace(campus, outcome="refused: a rollback", frozen="it held until yesterday only")
        assert news(before, replace(before, sources=(refused, *others))) == [
            ("campus: refused: a rollback", True),
            ("campus is frozen: it held until yesterday only", True),
        ]


async def test_releases_say_who_signed_them_and_which_mirror_is_at_them() -> None:
    """In a column where there is room, and below."""
    app = app_on(following())
    async with app.run_test(size=(200, 50)) as pilot:
        shown = await press(pilot)
        first, second, third = shown.splitlines()[2:5]
        assert "✓ campus" in first and "✓ campus" in second and "by hand" in third
        assert "mirror campus is at it" in shown


async def test_hostile_texts_of_sources_stay_words() -> None:
    """Names, addresses and outcomes come from outside."""
    backend = following()
    bad = "\x1b]0;owned\x07[bold]\u202e"
    campus = backend.sources[0]
    backend.sources = (replace(campus, outcome=f"refused: {bad}", label=bad),)
    backend.mirrors = tuple(replace(mirror, stale=bad) for mirror in backend.mirrors)
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, "6", "G", "g")
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
async def test_a_real_mirror_from_the_source_to_its_address(tmp_path: Path) -> None:
    """A signed feed is added, the mirror is run, follows, and goes back; each by keys."""
    key = make_key(tmp_path / "id")
    async with SimulatedGateway({}) as origin:
        campus = Campus(directory=tmp_path, origin=origin, key=key)
        await campus.announce("r1", release("1.0"))
        async with campus.session() as session, LiveBackend(session) as backend:
            app = app_on(backend)
            async with app.run_test(size=(80, 24)) as pilot:
                shown = await press(pilot, "6")
                assert "no source" in shown
                await press(pilot, "n", *"campus", "tab", *campus.feed.as_uri(), "tab")
                await press(pilot, *str(key.with_suffix(".pub")), "enter")
                job = app.desk.jobs.jobs[-1]
                assert (job.failure, job.outcome) == (None, "campus: new: r1")
                await press(pilot, "p")
                assert app.desk.jobs.jobs[-1].outcome.startswith("at r1, ")
                assert " current " in await press(pilot)
                await campus.announce("r2", release("2.0"))
                await press(pilot, "U")
                assert " behind " in await press(pilot)
                campus.now += timedelta(hours=1)
                await press(pilot, "p")
                assert app.desk.jobs.jobs[-1].outcome.startswith("at r2, ")
                await press(pilot, "o", "up", "enter", "y")
                assert app.desk.jobs.jobs[-1].outcome.startswith("at r1, ")
                assert " held " in await press(pilot)
                assert backend.mirror_url("campus").endswith("/simple/campus/")
