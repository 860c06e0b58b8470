"""Releases that could be made, for tests of the terminal UI."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ipwhl_mirror.domain.checks.findings import CheckReport, Finding, Rule
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.input_wheels import AtAddress, FileHere, Gathered, InputWheel
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services.foreseeing import Outlook
from ipwhl_mirror.services.proposals import ProjectChange, ReleaseChange
from ipwhl_mirror.state.database import TrackedRelease
from ipwhl_mirror.tui.backend import ProposalView

LINUX = Environment.parse("cp312 manylinux_2_17_x86_64")
WINDOWS = Environment.parse("cp312 win_amd64")


def wheel(project: str, version: str, size: int, tag: str = "py3-none-any") -> InputWheel:
    """A wheel that is a file here."""
    filename = f"{project}-{version}-{tag}.whl"
    return InputWheel(
        project=project,
        filename=filename,
        place=FileHere(Path("/srv/wheels", filename)),
        given_by="/srv/wheels",
        size=size,
    )


def away(project: str, version: str, size: int, tag: str) -> InputWheel:
    """A wheel that only its address has."""
    made = wheel(project, version, size, tag)
    return replace(made, place=AtAddress(f"https://wheels.example.org/{made.filename}"))


WHEELS = (
    wheel("certifi", "2026.10.5", 162_000),
    away("numpy", "2.3.4", 16_900_000, "cp312-cp312-manylinux_2_17_x86_64"),
    away("numpy", "2.3.4", 12_800_000, "cp312-cp312-win_amd64"),
    wheel("requests", "2.32.5", 64_000),
    wheel("torch", "2.9.0", 899_000_000, "cp312-cp312-manylinux_2_17_x86_64"),
)
FINDINGS = (
    Finding(
        rule=Rule.DEPENDENCY_MISSING,
        project="requests",
        path="requests/requests-2.32.5-py3-none-any.whl",
        what="needs urllib3<3,>=1.21.1, and there is no urllib3",
        fix="add a wheel of urllib3, or leave requests out",
        environments=(LINUX, WINDOWS),
    ),
    Finding(
        rule=Rule.ONE_WHEEL,
        project="torch",
        path="torch",
        what="two wheels install on one system",
        fix="leave one of them out",
        environments=(LINUX,),
    ),
)


ALL_WELL = Outlook(refusals=(), doubts=(), cid=None)


def proposal(*findings: Finding, before: bool = True, outlook: Outlook = ALL_WELL) -> ProposalView:
    """A release of four projects that a lock gave some of; one environment is left out."""
    tracked = TrackedRelease(
        cid=Cid.parse("QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS"),
        label="2026.11",
        tracked_at=datetime(2026, 11, 19, 12, 0, tzinfo=UTC),
        index_cid=Cid.parse("QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS"),
        projects=4,
        wheels=5,
        bytes=900_000_000,
    )
    numpy = ProjectChange(
        project="numpy",
        old=("numpy-2.3.3-cp312-cp312-manylinux_2_17_x86_64.whl", "numpy-2.3.3-cp312-cp312-win_amd64.whl"),
        new=tuple(each.filename for each in WHEELS[1:3]),
        bytes=29_700_000,
    )
    torch = ProjectChange(project="torch", old=(), new=(WHEELS[4].filename,), bytes=899_000_000)
    six = ProjectChange(project="six", old=("six-1.17.0-py2.py3-none-any.whl",), new=(), bytes=0)
    change = ReleaseChange(before=tracked, added=(torch,), removed=(six,), changed=(numpy,))
    return ProposalView(
        gathered=Gathered(
            wheels=WHEELS,
            environments=(LINUX, WINDOWS),
            left_out=((Environment.parse("cp312 macosx_11_0_arm64"), ("torch",)),),
        ),
        report=CheckReport(
            environments=(LINUX, WINDOWS),
            projects=4,
            wheels=5,
            findings=findings,
            allowed={Rule.EXTRA_DEPENDENCY: 99},
        ),
        change=change if before else None,
        outlook=outlook,
    )
