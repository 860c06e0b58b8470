"""What jobs need of the real services beside the use cases: a list that outlives the run, patience with other
runs, and repairs in words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import plural, size
from ipwhl_mirror.services import verifying
from ipwhl_mirror.services.errors import DamageFound
from ipwhl_mirror.services.unfinished import Left, UnfinishedJobs
from ipwhl_mirror.tui.backend import Lifetime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.unfinished import UnfinishedJob
    from ipwhl_mirror.services.verifying import Damage

_NAMED = 3


class LiveJobs:
    """The part of the live backend that the jobs use; see Backend for the promises."""

    def __init__(self, session: Session, lifetime: Lifetime) -> None:
        self._jobs_session = session
        self._unfinished: UnfinishedJobs | None = None
        if lifetime is Lifetime.KEPT and not session.settings.read_only:
            self._unfinished = UnfinishedJobs(session.settings.data_dir)

    async def unfinished(self) -> Left:
        """See Backend."""
        return Left() if self._unfinished is None else await asyncio.to_thread(self._unfinished.take)

    async def keep_unfinished(self, jobs: Sequence[UnfinishedJob]) -> Lifetime:
        """See Backend."""
        if self._unfinished is None:
            return Lifetime.RUN
        is_kept = await asyncio.to_thread(self._unfinished.keep, jobs)
        return Lifetime.KEPT if is_kept else Lifetime.RUN

    def wait_for_others(self, tell: Callable[[str | None], None]) -> None:
        """See Backend."""
        self._jobs_session.on_wait = tell

    def close_unfinished(self) -> None:
        """Let another run own the list."""
        if self._unfinished is not None:
            self._unfinished.close()

    async def repair(self, cid: Cid, on_progress: ProgressSink) -> str:
        """See Backend."""
        report = await verifying.verify_and_repair(self._jobs_session, [str(cid)], sink=on_progress)
        if report.broken:
            raise DamageFound(
                f"{plural(len(report.broken), 'block')} still broken after fetching; "
                f"{plural(len(report.mended), 'block')} repaired",
                hint="the disk may be failing",
                details=[
                    *verifying.lines_by_wheel(report.broken),
                    *(f"{name}: repaired" for name in _names(report.mended)),
                ],
            )
        whole = f"{plural(report.wheels, 'wheel')}, {size(report.bytes)} whole"
        if not report.mended:
            return f"{whole}; nothing to repair"
        names = _names(report.mended)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{whole}; repaired: {', '.join(names[:_NAMED])}{more}"


def damage_found(broken: Sequence[Damage]) -> DamageFound:
    """The error of a verification that found damage."""
    return DamageFound(
        f"{plural(len(broken), 'block')} broken in {_wheels(broken)}",
        hint="repair it: broken blocks are fetched again, and no pin is touched",
        details=verifying.lines_by_wheel(broken),
    )


def _wheels(broken: Sequence[Damage]) -> str:
    names = _names(broken)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _names(damages: Sequence[Damage]) -> list[str]:
    wheels = (damage.block.wheel for damage in damages)
    return list(dict.fromkeys("index" if wheel is None else wheel.filename for wheel in wheels))
