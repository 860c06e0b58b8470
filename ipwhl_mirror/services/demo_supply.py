"""The files of the demo's wheels: real ones by pip within a minute, or their stand-ins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.services.demo_pip import IndexSilent, download
from ipwhl_mirror.services.demo_steps import StepSink, Supplied, Supply, Timer
from ipwhl_mirror.services.demo_wheels import DemoWheel, build, bundled_wheels, stand_in
from ipwhl_mirror.services.events import Phase, Progress, ProgressSink

if TYPE_CHECKING:
    from pathlib import Path

_DOWNLOAD_WITHIN_S = 60.0


async def supply_wheels(
    supply: Supply, directory: Path, on_step: StepSink, sink: ProgressSink
) -> tuple[DemoWheel, ...]:
    """Put the files of the wheels into a new directory.

    Args:
        supply: INDEX falls back to BUILT, with the reason in the step.

    Raises OSError.

    On cancel: every pip is ended; files stay.
    """
    timer, wheels = Timer(), bundled_wheels()
    directory.mkdir()
    reason = None
    if supply is Supply.INDEX:
        reason = await _download(wheels, directory, sink)
    if supply is Supply.BUILT or reason is not None:
        supply = Supply.BUILT
        wheels = tuple(stand_in(wheel) for wheel in wheels)
        for wheel in wheels:
            await asyncio.to_thread(build, wheel, directory)
    on_step(
        Supplied(
            supply=supply,
            reason=reason,
            wheels=len(wheels),
            bytes=sum((directory / wheel.filename).stat().st_size for wheel in wheels),
            seconds=timer.seconds,
        )
    )
    return wheels


async def _download(wheels: tuple[DemoWheel, ...], directory: Path, sink: ProgressSink) -> str | None:
    """Download them; why it could not be done, or None."""
    total = sum(wheel.size for wheel in wheels)

    def tell(done: int, done_bytes: int) -> None:
        sink(
            Progress(
                phase=Phase.FETCH,
                done_bytes=done_bytes,
                total_bytes=total,
                done_wheels=done,
                total_wheels=len(wheels),
            )
        )

    tell(0, 0)
    try:
        async with asyncio.timeout(_DOWNLOAD_WITHIN_S):
            await download(wheels, directory, on_done=tell)
    except IndexSilent as error:
        return str(error)
    except TimeoutError:
        return f"not all were here after {_DOWNLOAD_WITHIN_S:.0f} s"
    return None
