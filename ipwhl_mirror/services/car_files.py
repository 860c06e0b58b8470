"""A CAR file opened for import: read once, every block hashed, with progress.

What is cut or damaged is no error yet: `CarBlocks` says what there is.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.errors import MalformedCar
from ipwhl_mirror.nodes.car_blocks import CarBlocks
from ipwhl_mirror.services.errors import TransferFailed
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ipwhl_mirror.services.events import ProgressSink


@asynccontextmanager
async def open_car(path: Path, sink: ProgressSink) -> AsyncIterator[CarBlocks]:
    """Open a CAR and read it whole.

    Raises:
        TransferFailed: it cannot be read, or is no CAR.
    """
    try:
        car = CarBlocks(path)
    except OSError as error:
        raise TransferFailed(f"{path} cannot be read: {error.strerror}") from error
    try:
        await _read(car, sink)
        yield car
    finally:
        car.close()


def fault_of(car: CarBlocks) -> str:
    """Why a CAR was not read to its end, in words."""
    if not isinstance(car.fault, MalformedCar):
        return "it is damaged"
    if car.fault.reason.startswith("it ends"):
        return f"it ends too early, at byte {car.fault.offset}"
    return f"it is damaged at byte {car.fault.offset} ({car.fault.reason})"


async def _read(car: CarBlocks, sink: ProgressSink) -> None:
    done = 0
    try:
        while taken := await asyncio.to_thread(car.take):
            done += taken
            sink(Progress(phase=Phase.IMPORT, done_bytes=done, total_bytes=max(car.size, done)))
    except OSError as error:
        raise TransferFailed(f"{car.path} cannot be read: {error.strerror}") from error
    except MalformedCar as error:
        raise TransferFailed(
            f"{car.path} is no CAR of a release: {error.reason}, at byte {error.offset}",
            hint="`ipwhl-mirror export` and `ipfs dag export` write such files",
        ) from error
