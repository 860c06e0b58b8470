"""The blocks of a CAR file at random: what is there, what is missing, what is damaged, and nothing else."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link, encode_node
from ipwhl_mirror.ipld.errors import MalformedCar
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from tests.nodes.world import UNKNOWN, below, dag, write_car
from tests.simulators.dags import BIG, SMALL, Dag

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["dag"]


def test_every_block_is_found_by_any_of_its_names(dag: Dag, tmp_path: Path) -> None:
    """Hashed; what is not there is None."""
    write_car(tmp_path / "a.car", dag)
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert (car.roots, car.fault, car.damaged) == ((dag.root,), None, {})
        assert car.size == (tmp_path / "a.car").stat().st_size
        for cid, block in dag.blocks.items():
            assert car.read(cid) == car.read(cid.as_raw()) == block
            assert cid in car
        assert car.read(UNKNOWN) is None
        assert UNKNOWN not in car


def test_a_survey_counts_what_is_there_and_names_what_is_not(dag: Dag, tmp_path: Path) -> None:
    """Of a whole DAG, of one with a hole, and of one that is not there."""
    root, _ = dag.files[BIG]
    leaf = next(cid for cid in dag.blocks if cid.digest in below(dag, root))
    write_car(tmp_path / "whole.car", dag)
    write_car(tmp_path / "hole.car", dag, without=leaf)
    with closing(CarBlocks.scan(tmp_path / "whole.car")) as car:
        found = car.survey(dag.root)
        assert found.is_whole
        assert (found.blocks, found.bytes) == (len(dag.blocks), sum(map(len, dag.blocks.values())))
    with closing(CarBlocks.scan(tmp_path / "hole.car")) as car:
        assert car.survey(root).missing == (leaf,)
        assert car.survey(dag.root).blocks == len(dag.blocks) - 1
        assert car.survey(dag.files[SMALL][0]).is_whole
        assert (car.survey(UNKNOWN).blocks, car.survey(UNKNOWN).missing) == (0, (UNKNOWN,))


def test_a_damaged_block_is_named_and_is_not_there(dag: Dag, tmp_path: Path) -> None:
    """Every other block is."""
    write_car(tmp_path / "a.car", dag)
    root, content = dag.files[SMALL]
    data = bytearray((tmp_path / "a.car").read_bytes())
    data[bytes(data).index(content) + 3] ^= 1
    (tmp_path / "a.car").write_bytes(data)
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert car.damaged == {root.digest: root}
        assert car.read(root) is None
        assert car.survey(dag.root).missing == (root,)


def test_a_block_that_is_damaged_once_and_whole_once_is_there(dag: Dag, tmp_path: Path) -> None:
    """A file may have a block twice."""
    root, _ = dag.files[SMALL]
    write_car(tmp_path / "a.car", dag)
    section = car_section(root, dag.blocks[root])
    data = (tmp_path / "a.car").read_bytes()
    start = data.index(section)
    (tmp_path / "a.car").write_bytes(data[:start] + section[:-1] + b"?" + data[start:])
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert car.read(root) == dag.blocks[root]
        assert car.survey(dag.root).is_whole


def test_a_file_that_changes_after_it_was_read_gives_no_other_bytes(dag: Dag, tmp_path: Path) -> None:
    """A stick can do that: the block counts as not there."""
    write_car(tmp_path / "a.car", dag)
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        (tmp_path / "a.car").write_bytes(bytes(car.size))
        assert car.read(dag.root) is None
        assert dict(car.dags([dag.root])) == {}


def test_dags_are_given_depth_first_each_block_once(dag: Dag, tmp_path: Path) -> None:
    """Only what is asked for, and of that what is there."""
    write_car(tmp_path / "a.car", dag)
    wanted, _ = dag.files[BIG]
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        given = list(car.dags([wanted, wanted]))
        assert given[0][0] == wanted
        assert {cid.digest for cid, _ in given} == {wanted.digest, *below(dag, wanted)}
        assert len(given) == len(dict(given))


def test_nothing_is_below_a_raw_link(tmp_path: Path) -> None:
    """An index names directories raw: it keeps their blocks, and not what they link to."""
    leaf = Cid.of(b"leaf", RAW)
    inner = encode_node([Link(leaf, "x", 4)], b"\x08\x01")
    top = encode_node([Link(Cid.of(inner).as_raw(), "inner", 0)], b"\x08\x01")
    sections = [(Cid.of(top), top), (Cid.of(inner), inner)]
    (tmp_path / "a.car").write_bytes(car_header([Cid.of(top)]) + b"".join(car_section(*s) for s in sections))
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert car.survey(Cid.of(top)).is_whole
        assert [cid.codec for cid, _ in car.dags([Cid.of(top)])] == [DAG_PB, RAW]
        assert car.survey(Cid.of(inner)).missing == (leaf,)


def test_the_first_block_is_kept(dag: Dag, tmp_path: Path) -> None:
    """Where it is whole."""
    write_car(tmp_path / "a.car", dag)
    data = bytearray((tmp_path / "a.car").read_bytes())
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert car.first is not None
        assert car.first.cid == dag.root
        data[car.first.offset] ^= 1
    (tmp_path / "a.car").write_bytes(data)
    with closing(CarBlocks.scan(tmp_path / "a.car")) as car:
        assert car.first is None


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """OSError of the file, MalformedCar of what is in it."""
    with pytest.raises(FileNotFoundError):
        CarBlocks.scan(tmp_path / "a.car")
    (tmp_path / "a.car").write_bytes(b"<html>")
    with pytest.raises(MalformedCar):
        CarBlocks.scan(tmp_path / "a.car")
    (tmp_path / "a.car").write_bytes(car_header([]))
    with pytest.raises(MalformedCar, match="it names no root"):
        CarBlocks.scan(tmp_path / "a.car")
