"""Telling how far a completion is, again and again while it runs, and once more when it ended well."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.embedded.threads import end_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipwhl_mirror.nodes.base import PinProgress
    from ipwhl_mirror.nodes.embedded.completion import Meter
    from ipwhl_mirror.nodes.embedded.sources import Source

REPORT_S = 0.1


@asynccontextmanager
async def reporting(
    meter: Meter, source: Source, on_progress: Callable[[PinProgress], None] | None
) -> AsyncIterator[None]:
    """Tell `on_progress` every REPORT_S what the meter says; None: tell nobody."""

    def report() -> None:
        if on_progress is not None:
            on_progress(meter.progress(source))

    async def report_often() -> None:
        while True:
            report()
            await asyncio.sleep(REPORT_S)

    telling = asyncio.create_task(report_often())
    try:
        yield
        report()
    finally:
        await end_tasks([telling])
