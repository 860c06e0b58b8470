"""Jobs that outlive a run: one owner of the list, whole or not at all, and nothing foreign believed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.services.requests import (
    ExportRequest,
    ImportRequest,
    PinRequest,
    PublishRequest,
    Repair,
    Request,
    TrackRequest,
    VerifyRequest,
)
from ipwhl_mirror.services.unfinished import SCHEMA, Left, UnfinishedJob, UnfinishedJobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CID = "QmXxxc7s8SU4Fgm3MzqNNrDu2jLirVfLHqv7vug3DUdMdS"
REQUESTS: tuple[Request, ...] = (
    PinRequest(cid=CID, selection="-p linux-x86_64 --project 'num*'"),
    TrackRequest(cid=CID, label="2026.11"),
    VerifyRequest(cid=CID),
    VerifyRequest(cid=CID, repair=Repair.FETCH),
    ExportRequest(cid=CID, path="/srv/ä b.car"),
    ImportRequest(path="/srv/a.car", label=None),
    PublishRequest(inputs=("/srv/wheels", CID), drop=("torch",), allowed=(Rule.ONE_WHEEL,), label="mine"),
    PublishRequest(
        inputs=("/srv/pylock.toml",), label="mine", feed="/srv/feed.json", key="/srv/k", expires_days=30.0
    ),
)
JOBS = tuple(UnfinishedJob(title=f"job {number}", request=request) for number, request in enumerate(REQUESTS))


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[UnfinishedJobs]:
    """The list of a run."""
    listed = UnfinishedJobs(tmp_path)
    yield listed
    listed.close()


def next_run(directory: Path) -> Left:
    """What the next run finds."""
    listed = UnfinishedJobs(directory)
    left = listed.take()
    listed.close()
    return left


def test_every_request_comes_back_in_order(jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """What was kept is what the next run takes; taking it twice is the same."""
    assert jobs.take() == Left()
    assert jobs.keep(JOBS)
    jobs.close()
    assert next_run(tmp_path) == next_run(tmp_path) == Left(JOBS)


def test_the_file_is_for_its_owner_only(jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """Paths and labels are nobody else's business; nothing else is left lying about."""
    before = os.umask(0)
    try:
        jobs.keep(JOBS)
        jobs.keep(JOBS[:2])
    finally:
        os.umask(before)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"unfinished.json": 0o600, "unfinished.lock": 0o600}


def test_nothing_open_leaves_no_file(jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """The last job that ends takes the file away; a run that had none writes nothing at all."""
    assert jobs.take() == Left()
    assert jobs.keep(())
    assert list(tmp_path.iterdir()) == []
    jobs.keep(JOBS)
    jobs.keep(())
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished.lock"]


@pytest.mark.parametrize("first_takes", ["take", "keep"])
def test_a_second_run_neither_reads_nor_writes(
    first_takes: str, jobs: UnfinishedJobs, tmp_path: Path
) -> None:
    """While the first runs its list is its own; the second is told, and keeps nothing."""
    jobs.keep(JOBS)
    if first_takes == "take":
        jobs.close()
        assert jobs.take().jobs == JOBS
    second = UnfinishedJobs(tmp_path)
    assert second.take() == Left(
        words=f"another run keeps the unfinished jobs of {tmp_path}; jobs of this run do not resume"
    )
    assert not second.keep(JOBS[:1])
    assert not second.keep(())
    second.close()
    jobs.close()
    assert next_run(tmp_path).jobs == JOBS


def test_a_list_that_came_meanwhile_is_kept_before_ours(jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """Another run began and was killed between our start and our first job: nothing of it is lost."""
    assert jobs.take() == Left()
    other = UnfinishedJobs(tmp_path)
    other.keep(JOBS[:1])
    other.close()
    assert jobs.keep(JOBS[1:2])
    jobs.close()
    assert next_run(tmp_path).jobs == JOBS[:2]


def _document(**changes: object) -> bytes:
    jobs = [{"title": "a", "request": {"type": "track", "cid": CID}}]
    return msgspec.json.encode({"schema": SCHEMA, "jobs": jobs} | changes)


BAD = {
    "empty": b"",
    "cut": _document()[:-5],
    "no JSON": b"\x00\xff not JSON",
    "not UTF-8": _document().replace(b'"a"', b'"\xff"'),
    "another schema": _document(schema="ipwhl-mirror/unfinished/2"),
    "another program": b'{"tasks": []}',
    "no CID": _document(jobs=[{"title": "a", "request": {"type": "pin", "cid": "Qm"}}]),
    "no selection": _document(
        jobs=[{"title": "a", "request": {"type": "pin", "cid": CID, "selection": "--rm"}}]
    ),
    "relative path": _document(jobs=[{"title": "a", "request": {"type": "import", "path": "../a.car"}}]),
    "what never resumes": _document(jobs=[{"title": "a", "request": {"type": "unpin", "cid": CID}}]),
    "deep": b"[" * 100_000,
    "too large": b" " * (1 << 20) + _document(),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_a_damaged_or_foreign_file_is_set_aside(data: bytes, jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """Told in words, kept under another name, and the run keeps its own jobs from then on."""
    path = tmp_path / "unfinished.json"
    path.write_bytes(data)
    left = jobs.take()
    assert left.jobs == ()
    assert left.words is not None
    assert left.words.startswith(f"{path} is no list of unfinished jobs: ")
    assert left.words.endswith("; it is set aside as unfinished.json.damaged")
    assert (tmp_path / "unfinished.json.damaged").read_bytes() == data
    assert jobs.keep(JOBS)
    jobs.close()
    assert next_run(tmp_path).jobs == JOBS


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    """Each is kept."""
    for number in range(2):
        (tmp_path / "unfinished.json").write_text(f"damaged {number}")
        next_run(tmp_path)
    assert (tmp_path / "unfinished.json.damaged").read_text() == "damaged 0"
    assert (tmp_path / "unfinished.json.damaged-2").read_text() == "damaged 1"


def _directory(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(_document())
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("make", [_directory, _pipe, _link])
def test_what_is_no_file_is_set_aside(make: object, jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """A directory, a pipe that nobody writes to, a link to somewhere else."""
    make(tmp_path / "unfinished.json")  # type: ignore[operator]
    left = jobs.take()
    assert left.jobs == ()
    assert left.words is not None
    assert "set aside" in left.words
    assert jobs.keep(JOBS)
    assert (tmp_path / "unfinished.json").is_file()


def test_what_stands_in_the_way_of_writing_is_not_written_through(
    jobs: UnfinishedJobs, tmp_path: Path
) -> None:
    """The temporary file of a killed run, or a link that somebody put in its place."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (tmp_path / "unfinished.json.new").symlink_to(elsewhere)
    assert jobs.keep(JOBS)
    assert elsewhere.read_text() == "precious"


def test_an_unwritable_directory_keeps_nothing_and_says_so(jobs: UnfinishedJobs, tmp_path: Path) -> None:
    """Not an error: the jobs run, and do not resume."""
    (tmp_path / "file").write_text("")
    assert not UnfinishedJobs(tmp_path / "file" / "data").keep(JOBS)


_KEEP_AND_HANG = """
import sys, time, pathlib
from ipwhl_mirror.services.requests import TrackRequest
from ipwhl_mirror.services.unfinished import UnfinishedJob, UnfinishedJobs
jobs = UnfinishedJobs(pathlib.Path(sys.argv[1]))
jobs.take()
assert jobs.keep([UnfinishedJob(title="track", request=TrackRequest(cid=sys.argv[2]))])
print("kept", flush=True)
time.sleep(60)
"""


def test_a_killed_run_leaves_its_list_and_not_its_lock(tmp_path: Path) -> None:
    """kill -9: the next run owns the list at once, and has what was open."""
    with subprocess.Popen(
        [sys.executable, "-c", _KEEP_AND_HANG, str(tmp_path), CID], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        assert "another run" in (next_run(tmp_path).words or "")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [job.title for job in next_run(tmp_path).jobs] == ["track"]
