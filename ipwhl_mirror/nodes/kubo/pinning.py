"""A pin on a Kubo: what is missing comes first under a staging pin, in batches, then the pin takes its place.

Where a pin of the same name is complete here, it becomes the new one by `pin/update`, which reads only what
differs (`fetching.pin_successor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import NO_HINTS, PinProgress
from ipwhl_mirror.nodes.errors import BlockNotFound, PinFailed
from ipwhl_mirror.nodes.kubo.fetching import SLOWEST_READ, pin_successor
from ipwhl_mirror.nodes.kubo.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import PinHints, Transfer
    from ipwhl_mirror.nodes.kubo.fetching import Fetching, Step
    from ipwhl_mirror.nodes.kubo.rpc import Rpc


async def fetch_and_pin(
    rpc: Rpc,
    fetching: Fetching,
    cid: Cid,
    name: str,
    *,
    transfer: Transfer,
    hints: PinHints,
    report: Callable[[PinProgress], None],
) -> None:
    """Bring what is missing under a CID that is not pinned, and pin it: see `Node.pin`."""
    # without hints a budget can be kept only under a staging pin: small DAGs are done before they report
    wanted = hints.files or (((cid, 0),) if transfer.byte_budget is not None else ())
    async with fetching.staging.kept() as roots:
        lanes = Lanes(rpc, fetching, transfer, roots, report)
        await lanes.bring(wanted)
        brought = lanes.progress
        if hints.base is not None:
            changed = sum(size for _, size in wanted)
            if await pin_successor(rpc, hints.base, cid, rpc.stall_s + changed / SLOWEST_READ):
                report(brought)
                return

        def on_step(step: Step) -> None:
            report(
                PinProgress(
                    blocks=max(brought.blocks, step.blocks),
                    # told of every file that may be missing: what the pin reads besides was here
                    bytes=brought.bytes if wanted or hints is not NO_HINTS else step.bytes,
                    items=brought.items,
                    stalled_s=fetching.pulse.still_s,
                )
            )

        try:
            await fetching.pin(cid, name, on_step)
        except BlockNotFound as error:
            raise PinFailed(str(error), failed=[(error.cid, "no provider found")], hint=error.hint) from error
