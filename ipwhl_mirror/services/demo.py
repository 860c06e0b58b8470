"""The demo: two releases of real wheels, published on a node made for it, mirrored by another, and installed.

`staged` brings the wheels and publishes them; `tour` then mirrors the platform of this machine, verifies,
installs with the source gateway down, and pins the second release. Everything lies in one temporary
directory that is removed when `staged` ends, on errors and cancellation too; nothing of the user's is read
or written but pip's index settings. Gateways listen on loopback, on ports the system chooses.

Without an index, stand-ins take the place of the wheels and the demo says so.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import Config, NodeConfig, ServeConfig, StorageConfig
from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.environments import THIS, this_environment
from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.domain.platforms import family_of
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.services import demo_steps as steps
from ipwhl_mirror.services import pinning, publishing, releases, serving, verifying
from ipwhl_mirror.services.demo_pip import check_pip, import_installed, install
from ipwhl_mirror.services.demo_steps import StepSink, Timer, silent
from ipwhl_mirror.services.demo_supply import supply_wheels
from ipwhl_mirror.services.errors import DamageFound, GuardRefused
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ipwhl_mirror.services.demo_steps import Supply
    from ipwhl_mirror.services.demo_wheels import DemoWheel
    from ipwhl_mirror.services.releases import LoadedRelease

LABELS = ("demo-1", "demo-2")
_ROOM = 100 * 10**6
_ANY_PORT = "127.0.0.1:0"
_ELSEWHERE = "linux-x86_64"
"""The platform that is mirrored where the wheels have none for this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Published and ready to be mirrored.

    Attributes:
        directory: everything of this demo; removed at its end.
        wheels: what was published.
        releases: the two, as the source has them.
        begun: when the demo began, by `time.monotonic`.
    """

    directory: Path
    wheels: tuple[DemoWheel, ...]
    releases: tuple[LoadedRelease, ...]
    begun: float

    def mirror_settings(self, *gateways: str) -> Settings:
        """Of the mirroring node, with what it may fetch from."""
        return _settings(self.directory / "mirror", gateways)


@contextlib.asynccontextmanager
async def staged(
    supply: Supply, *, on_step: StepSink = silent, sink: ProgressSink = ignore
) -> AsyncIterator[Stage]:
    """Bring the wheels and publish both releases, for as long as the block lasts.

    Args:
        supply: INDEX tries pip first.

    Raises:
        DemoFailed: there is no pip.
        GuardRefused: too little room for temporary files.
        OSError, NodeError: they cannot be written.

    On cancel: the temporary directory is removed.
    """
    begun = time.monotonic()
    check_pip()
    with tempfile.TemporaryDirectory(prefix="ipwhl-mirror-demo-") as name:
        directory = Path(name)
        _check_room(directory)
        wheels = await supply_wheels(supply, directory / "wheels", on_step, sink)
        async with Session.open(_settings(directory / "source", ())) as source:
            published = tuple(
                [
                    await _publish(source, directory / "wheels", wheels, number, on_step, sink)
                    for number in range(1, len(LABELS) + 1)
                ]
            )
        yield Stage(directory=directory, wheels=wheels, releases=published, begun=begun)


@contextlib.asynccontextmanager
async def mirroring(stage: Stage) -> AsyncIterator[Session]:
    """The mirroring node, with the source's gateway up to fetch from.

    Raises:
        GatewayError: no port of loopback can be had.
    """
    async with (
        Session.open(_settings(stage.directory / "source", ())) as source,
        serving.serving(source, _ANY_PORT) as gateway,
        Session.open(stage.mirror_settings(gateway.url)) as mirror,
    ):
        yield mirror


async def track_all(mirror: Session, stage: Stage, *, on_step: StepSink = silent) -> None:
    """Let the mirror know both releases: it reads their indexes, not one wheel."""
    for published in stage.releases:
        timer = Timer()
        loaded = await releases.track(mirror, published.tracked.cid, label=published.tracked.label)
        on_step(
            steps.Tracked(
                label=loaded.tracked.name,
                wheels=len(loaded.release.wheels),
                blocks=len(loaded.release.index_blocks),
                seconds=timer.seconds,
            )
        )


async def tour(stage: Stage, *, on_step: StepSink, sink: ProgressSink = ignore) -> None:
    """Mirror, verify, install with the source gone, and pin what changed.

    Raises:
        DemoFailed: pip does not install, or what it installed is not imported.
        DamageFound, NodeError, GatewayError: as of the services it shows.
    """
    platform = _platform_of_this_machine(stage)
    selection = Selection.parse(platforms=(platform or _ELSEWHERE,))
    async with mirroring(stage) as mirror:
        await track_all(mirror, stage, on_step=on_step)
        await _pin(mirror, LABELS[0], selection, on_step, sink)
        await _verify(mirror, on_step, sink)
    on_step(steps.SourceStopped())
    if platform is None:
        on_step(steps.InstallSkipped(reason="no wheel of the demo is for this machine"))
    else:
        await _install(stage, on_step)
    async with mirroring(stage) as mirror:
        await _pin(mirror, LABELS[1], selection, on_step, sink)
    on_step(steps.Finished(seconds=time.monotonic() - stage.begun))


def _settings(data_dir: Path, gateways: tuple[str, ...]) -> Settings:
    """Of a node of the demo: nothing of the user's configuration, and no room kept free."""
    return Settings(
        data_dir=data_dir,
        config=Config(
            node=NodeConfig(spec="embedded", gateways=gateways),
            serve=ServeConfig(listen=_ANY_PORT),
            storage=StorageConfig(reserve_free=0),
        ),
    )


def _check_room(directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < _ROOM:
        raise GuardRefused(
            f"{size(free)} free in {directory.parent}, and the demo needs {size(_ROOM)} for a while",
            hint="set TMPDIR to a directory with more room",
        )


async def _publish(
    source: Session,
    files: Path,
    wheels: tuple[DemoWheel, ...],
    number: int,
    on_step: StepSink,
    sink: ProgressSink,
) -> LoadedRelease:
    timer = Timer()
    chosen = [files / wheel.filename for wheel in wheels if number in wheel.releases]
    loaded = await publishing.publish(
        # a tour needs no release that is sound: its wheels are what the index had in time
        source,
        publishing.Recipe(inputs=chosen, allowed=frozenset(Rule)),
        label=LABELS[number - 1],
        sink=sink,
    )
    on_step(
        steps.Published(
            label=loaded.tracked.name,
            cid=loaded.tracked.cid,
            projects=len(loaded.release.projects),
            wheels=len(loaded.release.wheels),
            bytes=loaded.release.bytes,
            seconds=timer.seconds,
        )
    )
    return loaded


async def _pin(
    mirror: Session, label: str, selection: Selection, on_step: StepSink, sink: ProgressSink
) -> None:
    timer = Timer()
    report = await pinning.pin(mirror, label, selection, sink=sink)
    plan = report.forecast.plan
    on_step(
        steps.Pinned(
            label=label,
            selection=selection.cli_text(),
            subset_cid=plan.parts[0].tree.cid,
            amount=plan.amount,
            fetch=plan.fetch,
            shared=plan.shared,
            whole_bytes=report.forecast.loaded.release.bytes,
            fetched_bytes=report.fetched_bytes,
            blocks=report.read_back.blocks,
            seconds=timer.seconds,
        )
    )


async def _verify(mirror: Session, on_step: StepSink, sink: ProgressSink) -> None:
    timer = Timer()
    report = await verifying.verify(mirror, sink=sink)
    if report.broken:
        raise DamageFound(f"{len(report.broken)} block(s) do not read back: the disk may be failing")
    on_step(
        steps.Verified(wheels=report.wheels, blocks=report.blocks, bytes=report.bytes, seconds=timer.seconds)
    )


async def _install(stage: Stage, on_step: StepSink) -> None:
    """Install every project that has a wheel for this Python from the mirror alone, and import one."""
    timer = Timer()
    first = stage.releases[0]
    fitting = select_wheels(first.release, Selection.parse(environments=(THIS,)))
    projects = [wheel.project for wheel in fitting]
    target = stage.directory / "installed"
    target.mkdir()
    async with (
        Session.open(stage.mirror_settings()) as mirror,
        serving.serving(mirror, _ANY_PORT) as gateway,
    ):
        url = f"{gateway.url}/ipfs/{first.tracked.cid}/"
        installed = await install(projects, url, target)
    module = next(wheel.module for wheel in stage.wheels if wheel.project in projects)
    await import_installed(module, target)
    on_step(steps.Installed(index_url=url, projects=installed, imported=module, seconds=timer.seconds))


def _platform_of_this_machine(stage: Stage) -> str | None:
    """The family of this machine, where the wheels have one for it."""
    try:
        families = family_of(this_environment().platform)
    except InvalidSelection:
        return None
    return min(families & stage.releases[0].release.families, default=None)
