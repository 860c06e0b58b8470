"""What a request does: the same as a person who asks for it now. What it meets is looked at anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.services.errors import GuardRefused
from ipwhl_mirror.services.requests import (
    ExportRequest,
    ImportRequest,
    PinRequest,
    PublishRequest,
    Repair,
    Request,
    SyncRequest,
    TrackRequest,
    VerifyRequest,
)

if TYPE_CHECKING:
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.tui.backend import Backend
    from ipwhl_mirror.tui.jobs import Work


def work_of(backend: Backend, request: Request) -> Work:
    """The work that does a request on this backend."""

    async def work(on_progress: ProgressSink) -> str:
        return await _do(backend, request, on_progress)

    return work


async def _do(backend: Backend, request: Request, on_progress: ProgressSink) -> str:
    match request:
        case PinRequest():
            return await _pin(backend, request, on_progress)
        case TrackRequest(label=label):
            return await backend.track(request.release, label, on_progress)
        case VerifyRequest(repair=Repair.FETCH):
            return await backend.repair(request.release, on_progress)
        case VerifyRequest():
            return await backend.verify(request.release, on_progress)
        case ExportRequest(path=path):
            return await backend.export(request.release, request.chosen, Path(path), on_progress)
        case ImportRequest(path=path, label=label):
            return await backend.import_car(Path(path), label, on_progress)
        case PublishRequest():
            return await backend.publish(request, on_progress)
        case SyncRequest(mirror=mirror, to=to):
            return await backend.sync(mirror, to, on_progress)


async def _pin(backend: Backend, request: PinRequest, on_progress: ProgressSink) -> str:
    """Plan with the numbers of this moment, and pin by that.

    Raises:
        GuardRefused: it does not fit any more.
    """
    forecast = await backend.forecast_pin(request.release, request.chosen)
    if forecast.refusal is not None:
        raise GuardRefused(forecast.refusal, hint="make room: unpin and collect garbage, or pin less")
    return await backend.pin(forecast, on_progress)
