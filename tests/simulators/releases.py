"""Releases for tests: read from the vectors, or generated at any size. No blocks of wheels, no node."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from ipwhl_mirror.domain.reading import IndexReader
from ipwhl_mirror.domain.releases import Project, ProjectName, Release, Wheel
from ipwhl_mirror.domain.wheels import parse_wheel_name
from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.dagpb import Link
from tests.simulators.vectors import load_release


@cache
def read_release(name: str) -> Release:
    """The release of a vector."""
    vector = load_release(name)
    reader = IndexReader(vector.root)
    while wanted := reader.needed():
        for cid in wanted:
            reader.feed(cid, vector.blocks[cid.digest])
    return reader.finish()


@cache
def generated_release(projects: int = 10_000) -> Release:
    """A release with five wheels a project, on four platforms and `any`."""
    platforms = (
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp312-cp312-macosx_11_0_arm64",
        "cp312-cp312-win_amd64",
        "py3-none-any",
    )
    made = []
    for number in range(projects):
        name = ProjectName(f"project-{number:05}")
        wheels = []
        for at, tags in enumerate(platforms):
            filename = f"project_{number:05}-1.{number}-{tags}.whl"
            cid = Cid(0, DAG_PB, sha256(filename.encode()).digest())
            parsed = parse_wheel_name(filename, name)
            wheels.append(Wheel(name, filename, parsed.version, cid, 10_000 * (at + 1) + number, parsed.tags))
        link = Link(Cid(0, DAG_PB, sha256(name.encode()).digest()), name, None)
        entries = tuple(Link(wheel.cid, wheel.filename, wheel.tsize) for wheel in wheels)
        made.append(Project(name=name, link=link, entries=entries, wheels=tuple(wheels), other=()))
    root = Cid(0, DAG_PB, sha256(b"root of %d" % projects).digest())
    return Release(root=root, projects=tuple(made), malformed=(), index_blocks=(root,), shards=())
