"""Make a release: gather wheels, check them, add each as `ipfs add` does, make the root, read back, pin.

The root's CID equals `ipfs add -r` of a directory of `<project>/<wheel>`, so the same wheels give the same
CID anywhere. The release is tracked and pinned last: a kill before that leaves unpinned blocks, and files
that were fetched, which the next run uses.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.checking import check_repository
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.checks.supported import derive_supported
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.nodes.base import Reach
from ipwhl_mirror.services import publish_inputs, releases
from ipwhl_mirror.services.errors import DamageFound, ServiceError
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.pinning import claim_and_pin
from ipwhl_mirror.services.reading_back import Reading, check_directories, check_wheels
from ipwhl_mirror.services.repository_files import read_supported
from ipwhl_mirror.services.wheel_adding import add_wheels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from ipwhl_mirror.domain.checks.findings import CheckReport
    from ipwhl_mirror.domain.checks.repository import Repository
    from ipwhl_mirror.domain.input_wheels import Gathered
    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.ipld.directories import Tree
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session

_LISTED = 10
OF_LOCKS = frozenset({Rule.EXTRA_DEPENDENCY})
"""Rules that are allowed where an input is a lock: it has no wheels of extras that nobody chose."""


class NotSound(ServiceError):
    """The check of a release that was to be made has findings; `report` has all."""

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        lines = [
            f"{finding.rule.value}: {safe_text(finding.path)}: {finding.what} -> {finding.fix}"
            for finding in report.findings[:_LISTED]
        ]
        if len(report.findings) > _LISTED:
            lines.append(f"{len(report.findings) - _LISTED} more: --dry-run --json lists all")
        super().__init__(
            f"{plural(len(report.findings), 'finding')}: nothing is published",
            hint="mend them, or allow what is meant so: --allow RULE",
            details=lines,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a release is to be made of.

    Attributes:
        inputs: paths, and releases; see `publish_inputs`.
        selection: filters the wheels of every input.
        drop: projects to leave out.
        supported: a file of the environments to check for, and to choose wheels of locks for.
        allowed: rules that may be broken.
        cid_version: 0 as `ipfs add -r` with defaults, 1 as with `--cid-version=1 --raw-leaves`.
    """

    inputs: Sequence[str | Path]
    selection: Selection = Selection()  # noqa: RUF009 - frozen
    drop: Collection[str] = ()
    supported: Path | None = None
    allowed: Collection[Rule] = ()
    cid_version: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A release that could be made, and what its check says."""

    gathered: Gathered
    report: CheckReport


async def propose(session: Session, recipe: Recipe, sink: ProgressSink = ignore) -> Proposal:
    """What `publish` would make of it; changes nothing. Of wheels at addresses only METADATA is read.

    Raises:
        UsageProblem, TransferFailed, KeptPartly, WheelRefused, DomainError, NodeError: see `publish_inputs`.
    """
    gathered = await _gather(session, recipe, sink)
    inspected = await publish_inputs.inspect(session, gathered, sink)
    report = await asyncio.to_thread(_check, inspected.repository, inspected.gathered, recipe)
    return Proposal(inspected.gathered, report)


async def publish(
    session: Session, recipe: Recipe, *, label: str | None = None, sink: ProgressSink = ignore
) -> LoadedRelease:
    """Make a release and pin it.

    Raises:
        NotSound: its check has findings that are not allowed.
        UsageProblem, TransferFailed, KeptPartly, WheelRefused, DomainError: see `publish_inputs`.
        NoSpace, NodeError: it cannot be kept.
        DamageFound: what was added does not read back.
    """
    releases.check_label(label)
    gathered = await _gather(session, recipe, sink)
    async with session.exclusive("publish"):
        gathered = await publish_inputs.fetch(session, gathered, sink)
        inspected = await publish_inputs.inspect(session, gathered, sink)
        report = await asyncio.to_thread(_check, inspected.repository, gathered, recipe)
        if report.findings:
            raise NotSound(report)
        links = await add_wheels(session, gathered.wheels, recipe.cid_version, sink)
        trees = list(release_trees(links.projects, recipe.cid_version))
        await session.node.put_blocks([block for tree in trees for block in tree.blocks])
        root = trees[-1]
        recognised = await releases.read_tree(session.node, root.cid, Reach.LOCAL)
        loaded = await releases.remember(session, recognised.release, named=root.cid, label=label)
        session.state.keep_by_hand(root.cid)
        await claim_and_pin(session, loaded, root.cid, Selection.parse())
        reading = Reading()
        await check_directories(session, loaded.release.index_blocks, reading)
        await check_wheels(session, loaded.release.wheels, reading, sink)
        if reading.broken:
            raise DamageFound(f"{len(reading.broken)} block(s) do not read back after adding")
        session.state.record_verified(root.cid, session.clock())
        await publish_inputs.settle(session, links.added, cid_version=recipe.cid_version)
        return loaded


def release_trees(projects: Mapping[str, Sequence[Link]], cid_version: int) -> Iterator[Tree]:
    """The directories of a release from the links to its wheels, by project; the root last."""
    links = []
    for name, entries in projects.items():
        tree = build_directory(entries, cid_version=cid_version)
        links.append(tree.link(name))
        yield tree
    yield build_directory(links, cid_version=cid_version)


async def _gather(session: Session, recipe: Recipe, sink: ProgressSink) -> Gathered:
    return await publish_inputs.gather(
        session,
        [str(each) for each in recipe.inputs],
        selection=recipe.selection,
        drop=recipe.drop,
        supported=recipe.supported,
        cid_version=recipe.cid_version,
        sink=sink,
    )


def _check(repository: Repository, gathered: Gathered, recipe: Recipe) -> CheckReport:
    """Check for the environments that were given, else those the locks' wheels were chosen for, else those
    that the wheels are made for."""
    if recipe.supported is not None:
        environments = read_supported(recipe.supported)
    elif gathered.environments is not None:
        environments = gathered.environments
    else:
        environments = derive_supported({wheel.tags for wheel in repository.wheels})
    allowed = {*recipe.allowed, *(OF_LOCKS if gathered.environments is not None else ())}
    return check_repository(repository, environments, allowed)
