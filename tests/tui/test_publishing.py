"""Publish in the application: what is typed, what is shown before it is made, what is asked for then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services.foreseeing import Outlook
from ipwhl_mirror.services.requests import PublishRequest
from ipwhl_mirror.tui.publish_entries import PublishEntries, arguments_of, names_of, read_entries
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.proposal import ProposalScreen
from ipwhl_mirror.tui.screens.publish import PublishDialog
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from tests.tui.proposals import FINDINGS, proposal
from tests.tui.scenes import LOST, PUBLISH, failing, press
from tests.tui.scripted import Broken, app_on, filled_backend, unsound

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

CID = Cid.parse("QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS")
RELEASES = {"2026.11": CID, "campus/2026.11": CID}


async def fill(pilot: Pilot[None], **entries: object) -> PublishDialog:
    """Type into the form and go on."""
    dialog = pilot.app.screen
    assert isinstance(dialog, PublishDialog)
    for name, text in entries.items():
        dialog.fields[name].value = str(text)
    await press(pilot, "enter")
    return dialog


def test_everything_that_can_be_typed(tmp_path: Path) -> None:
    """It is the request that the command line makes of the same."""
    wheels, lock = tmp_path / "my wheels", tmp_path / "pylock.toml"
    wheels.mkdir()
    for path in (lock, tmp_path / "SUPPORTED", tmp_path / "key"):
        path.touch()
    request = read_entries(
        PublishEntries(
            inputs=f"'{wheels}' {lock} campus/2026.11",
            only="-p linux-x86_64 --python 3.12",
            without="Torch triton",
            supported=str(tmp_path / "SUPPORTED"),
            label=" 2026.12 ",
            feed=str(tmp_path / "feed.json"),
            git_tag=str(tmp_path),
            ipns="self",
            key=str(tmp_path / "key"),
            expires="30",
        ),
        RELEASES,
    )
    assert request == PublishRequest(
        inputs=(str(wheels), str(lock), str(CID)),
        selection="-p linux-x86_64 --python 3.12",
        drop=("torch", "triton"),
        supported=str(tmp_path / "SUPPORTED"),
        label="2026.12",
        feed=str(tmp_path / "feed.json"),
        git_tag=str(tmp_path),
        ipns="self",
        key=str(tmp_path / "key"),
        expires_days=30.0,
    )
    words = arguments_of(request)
    assert words[:3] == [str(wheels), str(lock), str(CID)]
    assert " ".join(words[3:]).startswith(
        "-p linux-x86_64 --python 3.12 --drop torch --drop triton --supported"
    )
    assert words[-2:] == ["--expires", "30"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "wheels: files, directories, locks or releases are needed"),
        ({"inputs": "'a"}, "wheels: a quotation mark is not closed"),
        ({"inputs": "2026.13"}, "wheels: '2026.13' is neither there nor a tracked release"),
        ({"inputs": "x" * 5000}, "File name too long"),
        ({"inputs": "~nobody-of-that-name/x"}, "home"),
        ({"only": "-p"}, "a value is missing"),
        ({"only": "linux"}, "not the options of a selection"),
        ({"without": "-"}, "without: '-' is no name of a project"),
        ({"supported": "missing"}, "environments: there is no file 'missing'"),
        ({"label": "a b"}, "are allowed"),
        ({"feed": "/missing/feed.json"}, "feed: /missing is no directory"),
        ({"git_tag": "/missing"}, "git tag: /missing is no directory"),
        ({"key": "missing"}, "key: there is no file 'missing'"),
        ({"feed": "feed.json", "label": "a"}, "need a key that signs"),
        ({"expires": "30"}, "is a statement in a feed"),
        ({"expires": "soon"}, "expires: 'soon' is no number of days"),
    ],
)
def test_what_cannot_be_is_said(entries: dict[str, str], words: str) -> None:
    """In words, before anything is read."""
    with pytest.raises(ValueError, match=words):
        read_entries(PublishEntries(**{"inputs": "2026.11" if entries else "", **entries}), RELEASES)


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e9"])
def test_days_that_cannot_be(days: str, tmp_path: Path) -> None:
    """A number alone is not enough."""
    (tmp_path / "key").touch()
    entries = PublishEntries(
        inputs="2026.11",
        label="a",
        feed=str(tmp_path / "feed.json"),
        key=str(tmp_path / "key"),
        expires=days,
    )
    with pytest.raises(ValueError, match="days"):
        read_entries(entries, RELEASES)


async def test_a_label_of_two_releases_names_none() -> None:
    """The source makes the difference."""
    backend = filled_backend()
    one, other, _ = (await backend.overview()).releases
    same = replace(other, label=one.label, source="campus")
    assert names_of([one, other]) == {"2026.11": one.cid, "2026.10": other.cid}
    assert names_of([one, same]) == {"campus/2026.11": other.cid}
    assert names_of([replace(one, label=None)]) == {}


async def test_from_the_form_to_the_job() -> None:
    """What is typed is checked, shown, asked for once more, and queued as one request."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, *PUBLISH, "enter")
        assert isinstance(app.screen, ProposalScreen)
        (asked,) = backend.proposed
        assert (asked.inputs, asked.label) == ((str(backend.tracked[0][1].root),), "2026.12")
        for words in (
            "4 projects · 5 wheels · 928.9 MB · 2 wheels 29.7 MB to fetch",
            "after 2026.11: +1 -1 ~1 projects · 928.7 MB new",
            "nothing to find fault with · P publishes · 99 allowed",
            "~ changed               numpy           2.3.3 -> 2.3.4                 29.7 MB",
            "○ left out              torch           cp312 macosx_11_0_arm64",
            "linux-x86_64 915.9 MB · windows-amd64 12.8 MB · any 226.0 kB",
        ):
            assert words in shown
        asking = await press(pilot, "P")
        assert "99 findings of extra-dependency" in asking
        assert backend.calls == []
        await press(pilot, "left", "enter")
        assert isinstance(app.screen, ReleasesScreen)
        ((verb, what),) = backend.calls
        assert (verb, what) == ("publish", f"{asked.inputs[0]} --label 2026.12")
        (job,) = app.desk.jobs.jobs
        assert job.request == asked


async def test_findings_keep_it_from_being_made_until_they_are_allowed() -> None:
    """Each rule by itself; what is allowed is part of the request, and can be taken back."""
    backend = unsound()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, *PUBLISH, "enter", "P")
        assert isinstance(app.screen, ProposalScreen)
        assert "2 findings: mend it and r looks again, or a allows its rule" in shown
        assert "-> add a wheel of urllib3, or leave requests out" in shown
        assert "1 finding:" in await press(pilot, "a")
        assert "2 findings:" in await press(pilot, "a")
        await press(pilot, "a", "down", "a", "P", "left", "enter")
        ((_, what),) = backend.calls
        assert "--allow dependency-missing --allow one-wheel --label 2026.12" in what


async def test_what_was_mended_is_looked_at_again() -> None:
    """With the same request; what was allowed stays allowed."""
    backend = unsound()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *PUBLISH, "enter", "a")
        backend.proposal = proposal(FINDINGS[0])
        assert "nothing to find fault with" in await press(pilot, "r")
        assert backend.proposed[0] == backend.proposed[1]
        assert isinstance(app.screen, ProposalScreen)
        assert app.screen.request.allowed == (Rule.DEPENDENCY_MISSING,)


async def test_what_is_asked_for_can_be_changed() -> None:
    """The form comes back as it was; leaving it leaves everything as it is."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *PUBLISH, "enter", "e")
        dialog = await fill(pilot, without="torch")
        assert (dialog.fields["inputs"].value, dialog.fields["label"].value) == ("2026.11", "2026.12")
        assert backend.proposed[-1].drop == ("torch",)
        await press(pilot, "escape")
        assert isinstance(app.screen, ReleasesScreen)
        assert backend.calls == []


async def test_a_complaint_stands_in_the_form(tmp_path: Path) -> None:
    """Until it is mended; a long one in two lines."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "P")
        dialog = await fill(pilot, inputs=tmp_path, key=tmp_path / "missing")
        assert "there is no file" in dialog.complaint.text
        dialog = await fill(pilot, key="", label="a")
        assert isinstance(app.screen, ProposalScreen)
        assert backend.proposed[-1].inputs == (str(tmp_path),)


async def test_marked_releases_are_what_it_is_made_of() -> None:
    """And the last one published is what the next form begins with, but for its label."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "space", "space", "P")
        dialog = await fill(pilot, label="merged")
        assert dialog.fields["inputs"].value == "2026.11 2026.10"
        await press(pilot, "P", "left", "enter", "escape", "P")
        assert isinstance(app.screen, PublishDialog)
        assert app.screen.fields["inputs"].value == "2026.11 2026.10"
        assert app.screen.fields["label"].value == ""


async def test_what_cannot_be_proposed_says_why() -> None:
    """With the key that tries again; nothing can be made of it."""
    backend = failing(propose=LOST)()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, *PUBLISH, "enter", "P")
        assert "was not" in shown and "r  tries again" in shown and "hint: no peer" in shown
        assert isinstance(app.screen, ProposalScreen)
        assert backend.calls == []


async def test_the_line_can_be_copied() -> None:
    """It asks for the same on a command line."""
    backend = unsound()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *PUBLISH, "enter", "a", "y")
        root = backend.tracked[0][1].root
        assert app.clipboard == (f"ipwhl-mirror publish {root} --allow dependency-missing --label 2026.12")


async def test_without_a_release_before_it_every_project_is_listed() -> None:
    """With its versions and bytes; words narrow the list."""
    backend = filled_backend()
    backend.proposal = proposal(before=False)
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, *PUBLISH, "enter")
        assert "no release before it is known here" in shown
        assert "+ added                 certifi         2026.10.5" in shown
        shown = await press(pilot, "slash", *"numpy", "enter")
        assert "numpy" in shown and "certifi" not in shown
        await press(pilot, "escape")
        assert isinstance(app.screen, ProposalScreen)


async def test_other_views_can_be_looked_at_meanwhile() -> None:
    """It is still there then."""
    backend = filled_backend()
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *PUBLISH, "enter", "5")
        assert isinstance(app.screen, JobsScreen)
        await press(pilot, "1")
        assert isinstance(app.screen, ProposalScreen)


async def test_what_would_be_refused_is_not_asked_for() -> None:
    """Why stands first; a doubt is told and does not keep it from being made."""
    backend = filled_backend()
    refused = Broken("label '2026.11' is QmA already", hint="choose another --label")
    doubt = "/srv/feed.json was signed by another key"
    backend.proposal = proposal(outlook=Outlook(refusals=(refused,), doubts=(doubt,), cid=None))
    app = app_on(backend)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await press(pilot, *PUBLISH, "enter", "P")
        assert isinstance(app.screen, ProposalScreen)
        assert "\u2717 refused" in shown and "-> choose another --label" in shown
        assert "it would be refused: e changes what is asked for" in shown
        backend.proposal = proposal(outlook=Outlook(refusals=(), doubts=(doubt,), cid=None))
        assert "? doubt" in await press(pilot, "r")
        await press(pilot, "P", "left", "enter")
        assert len(backend.calls) == 1
