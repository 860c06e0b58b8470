"""How the gateways of one run are doing, and what each said when asked for one thing.

Pure bookkeeping: a gateway that fails rests for 1, 2, 4 ... 60 seconds, or as its Retry-After says, 60 at
most, and faults of one moment count once. What a failure means for the gateway is its `Verdict`; how often it
may be repeated for one thing is decided here, and when asking for that thing ends: of a gateway that gave
nothing yet in this run after 7 seconds of rests, or 2 minutes where it asks for them; of one that did, later.
`gateways.py` acts on it.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.errors import BlockNotFound, NoSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.addresses import GatewayAddress
    from ipwhl_mirror.nodes.errors import NodeError

_LATER = "run it again later, or name another gateway: --gateway URL"
REQUESTS_PER_GATEWAY = 32
"""At once, to one gateway; halved each time it says it is busy, and growing again with what it gives."""
LONGEST_REST_S = 60.0


class Verdict(Enum):
    """What a failed request says about a gateway."""

    ABSENT = "it does not have this: others may"
    REFUSED = "it does not give this, whenever it is asked"
    NO_CAR = "it gives no CAR of this: single blocks may do"
    BUSY = "it wants to be left alone for a while"
    UNWELL = "it is slow, broken or away: later it may be well"
    LIED = "it sent what was not asked for, or is not what it says"


_TRIES = {Verdict.UNWELL: 6, Verdict.BUSY: 20}
"""How often a gateway may fail in this way for one thing without a byte of progress; others: once."""
_FIRST_TRIES = {Verdict.UNWELL: 4, Verdict.BUSY: 3}
"""The same, before it gave anything in this run."""


class AttemptFailed(Exception):
    """One request to one gateway failed.

    Attributes:
        verdict: what that says about the gateway.
        reason: in words, safe to show.
        wait_s: the gateway's own Retry-After, in seconds.
    """

    def __init__(self, verdict: Verdict, reason: str, *, wait_s: float | None = None) -> None:
        self.verdict = verdict
        self.reason = reason
        self.wait_s = wait_s
        super().__init__(reason)


class Gateway:
    """One gateway, and how it is doing in this run.

    Attributes:
        in_flight: requests it is answering; `limit` of them at most.
        unwell: faults in a row, those of one moment counted once; anything good sets it to 0.
        busy: likewise, of being told to come back later.
        rests_until: not asked before this time of the pool's clock.
        banned: why it is not asked again in this run.
        gives_car: False once it gave a block of a DAG it would not give as a CAR.
        has_given: whether it gave something good in this run.
    """

    def __init__(self, address: GatewayAddress) -> None:
        self.address = address
        self.in_flight = 0
        self.limit = float(REQUESTS_PER_GATEWAY)
        self.unwell = 0
        self.busy = 0
        self.rests_until = float("-inf")
        self.banned: str | None = None
        self.gives_car = True
        self.has_given = False

    @property
    def is_given_up(self) -> bool:
        """Banned, or so often unwell or busy that nobody waits for it."""
        return (
            self.banned is not None
            or self.unwell >= self.tries(Verdict.UNWELL)
            or self.busy >= self.tries(Verdict.BUSY)
        )

    def tries(self, verdict: Verdict) -> int:
        """How often it may fail in this way for one thing."""
        return (_TRIES if self.has_given else _FIRST_TRIES).get(verdict, 1)

    def thrives(self) -> None:
        """It gave something good."""
        self.has_given = True
        self.unwell = self.busy = 0
        self.limit = min(REQUESTS_PER_GATEWAY, self.limit + 1 / self.limit)

    def rest(self, failure: AttemptFailed, now: float) -> None:
        """Leave it alone for a while: as long as it asked for, else twice as long as the last time."""
        if now >= self.rests_until:
            if failure.verdict is Verdict.BUSY:
                self.busy += 1
                self.limit = max(1.0, self.limit / 2)
            else:
                self.unwell += 1
        elif failure.wait_s is None:
            return
        wanted = failure.wait_s if failure.wait_s is not None else 2.0 ** (self.unwell + self.busy - 1)
        self.rests_until = max(self.rests_until, now + min(LONGEST_REST_S, max(1.0, wanted)))


class Errand:
    """One thing to be had, and what each gateway said when asked for it.

    Attributes:
        cid: what is asked for.
        closed: gateways that are not asked for it again.
        failures: the last one of each gateway.
    """

    def __init__(self, cid: Cid) -> None:
        self.cid = cid
        self.closed: set[Gateway] = set()
        self.failures: dict[Gateway, AttemptFailed] = {}
        self._tries: Counter[tuple[Gateway, Verdict]] = Counter()

    def advance(self) -> None:
        """A part of it came: every gateway may be asked for the rest, and fail as often again."""
        self._tries.clear()
        self.closed.clear()

    def tries(self, gateway: Gateway) -> int:
        """How often this gateway failed since something came."""
        return sum(self._tries[gateway, verdict] for verdict in _TRIES)

    def record(self, gateway: Gateway, failure: AttemptFailed) -> None:
        """Remember what a gateway said, and whether to ask it again."""
        self.failures[gateway] = failure
        self._tries[gateway, failure.verdict] += 1
        if self._tries[gateway, failure.verdict] >= gateway.tries(failure.verdict):
            self.closed.add(gateway)

    def give_up(self, gateways: Sequence[Gateway]) -> NodeError:
        """The error for what nobody gave: not found when every gateway said so, else no source."""
        if not gateways:
            return NoSource("no gateway is configured", hint="name one with --gateway URL")
        told = "; ".join(f"{gateway.address}: {self._reason(gateway)}" for gateway in gateways)
        last = [self.failures.get(gateway) for gateway in gateways]
        if all(failure is not None and failure.verdict is Verdict.ABSENT for failure in last):
            return BlockNotFound(self.cid, f"no gateway has {self.cid} ({told})")
        return NoSource(f"no gateway gave {self.cid} ({told})", hint=_LATER)

    def _reason(self, gateway: Gateway) -> str:
        if gateway.banned is not None:
            return f"not used any more, {gateway.banned}"
        failure = self.failures.get(gateway)
        return failure.reason if failure is not None else "failed too often in this run"
