"""Facts of wheels are kept beside the database, and whatever is wrong with the file is never an error."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.wheel_facts import WheelFacts
from ipwhl_mirror.state.wheel_facts import FILENAME, FrozenWheelFacts, WheelFactsFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = (b"\1" * 32, "six-1.0-py3-none-any.whl")
OTHER = (b"\1" * 32, "other-1.0-py3-none-any.whl")
FACTS = WheelFacts(size=7, sha256=b"\2" * 32, metadata_sha256=b"\3" * 32, requires_python=">=3.9")
BARE = WheelFacts(size=8)


def test_facts_are_found_by_digest_and_name(tmp_path: Path) -> None:
    """By another object too, as after a restart; what was not saved is left out."""
    WheelFactsFile(tmp_path).save({KEY: FACTS, OTHER: BARE})
    assert WheelFactsFile(tmp_path).load([KEY, OTHER, (b"?", "?")]) == {KEY: FACTS, OTHER: BARE}


def test_hash_that_was_found_stays(tmp_path: Path) -> None:
    """A gateway that read METADATA anew does not undo what another one read."""
    store = WheelFactsFile(tmp_path)
    store.save({KEY: WheelFacts(size=7, metadata_sha256=b"\3" * 32)})
    store.save({KEY: FACTS})
    store.save({KEY: WheelFacts(size=7, metadata_sha256=b"\3" * 32, requires_python=">=3.9")})
    assert store.load([KEY]) == {KEY: FACTS}


def test_oldest_are_forgotten(tmp_path: Path) -> None:
    """So the file does not grow for ever."""
    store = WheelFactsFile(tmp_path, most=3)
    keys = [(bytes([number]), "a") for number in range(5)]
    for key in keys:
        store.save({key: BARE})
    assert [*store.load(keys)] == keys[2:]


def test_nothing_is_written_by_a_run_that_changes_nothing(tmp_path: Path) -> None:
    """It reads what others found out."""
    frozen = FrozenWheelFacts(tmp_path)
    frozen.save({KEY: FACTS})
    assert not [*tmp_path.iterdir()]
    WheelFactsFile(tmp_path).save({KEY: FACTS})
    frozen.save({OTHER: BARE})
    assert frozen.load([KEY, OTHER]) == {KEY: FACTS}


def no_directory(path: Path) -> None:
    """The data directory was not made yet."""
    path.parent.rmdir()


def a_directory(path: Path) -> None:
    """Something else has the name."""
    path.mkdir()


def full_disk(path: Path) -> None:
    """Not a byte can be written."""
    path.symlink_to("/dev/full")


@pytest.mark.parametrize("fault", [no_directory, a_directory, full_disk])
def test_file_that_cannot_be_used_keeps_nothing(fault: Callable[[Path], None], tmp_path: Path) -> None:
    """And that is all."""
    directory = tmp_path / "data"
    directory.mkdir()
    fault(directory / FILENAME)
    store = WheelFactsFile(directory)
    store.save({KEY: FACTS})
    assert store.load([KEY]) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    """What is there is used."""
    store = WheelFactsFile(tmp_path)
    store.save({KEY: FACTS})
    (tmp_path / FILENAME).chmod(0o400)
    tmp_path.chmod(0o500)
    store.save({OTHER: BARE})
    assert store.load([KEY, OTHER]) == {KEY: FACTS}
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + bytes(200)])
def test_damaged_file_is_begun_anew(content: bytes, tmp_path: Path) -> None:
    """It is a cache: nothing is lost."""
    (tmp_path / FILENAME).write_bytes(content)
    store = WheelFactsFile(tmp_path)
    assert store.load([KEY]) == {}
    store.save({KEY: FACTS})
    assert store.load([KEY]) == {KEY: FACTS}


def test_several_programs_and_threads_save(tmp_path: Path) -> None:
    """Each waits for the other for a moment; nothing of either is lost."""
    keys = [(bytes([number]), "a") for number in range(20)]
    stores = [WheelFactsFile(tmp_path), WheelFactsFile(tmp_path)]

    def save(store: WheelFactsFile, mine: list[tuple[bytes, str]]) -> None:
        for key in mine:
            store.save({key: BARE})

    threads = [
        threading.Thread(target=save, args=(store, keys[at::4]))
        for at, store in enumerate([*stores, *stores])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].load(keys)) == len(keys)
