"""What is believed of a source, and what a new announcement of it is worth. Pure: no clock, no file.

Trust only grows: the highest accepted sequence, every label with the CID it stood for, and the latest moment
that was ever seen. So a source that is replayed, split or frozen is found out, over restarts and over a clock
that goes backwards (TUF, client workflow 5.3-5.6; guarantee 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.ipld.cid import Cid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ipwhl_mirror.sources.announcements import Announcement
    from ipwhl_mirror.sources.keys import AcceptedKey

MOST_AHEAD = 1000
"""How far a sequence may jump: a larger one would lock every later release out (fast-forward)."""
CLOCK_SLACK = timedelta(minutes=10)
"""How far a publisher's clock may be ahead of this one."""


class Standing(Enum):
    """What an announcement is worth."""

    CURRENT = "current"
    """It is the release that was accepted last."""
    NEW = "new"
    """It may be mirrored automatically."""
    UNSIGNED = "unsigned"
    """A hint; a person decides."""
    OLDER = "older"
    """An accepted release of before, or one before those; only a person goes back to it."""
    REFUSED = "refused"
    """It contradicts what was accepted, or cannot be told to be fresh."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an announcement is worth, and why in words where it is not simply believed."""

    standing: Standing
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrust:
    """What is believed of one source.

    Attributes:
        name: of the source, as configured.
        url: where it is.
        keys: whose signature makes a release acceptable; none: everything of it is a hint.
        accepted: a person said that this source may be followed, with these keys. False after the trust file
            was lost.
        repository: what the publisher calls it; learned from the first accepted statement.
        sequence: the highest accepted; 0 before any.
        cids: CID text of every label that was accepted.
        checkpoint: what the source itself needs to see that it only grows (git: the last tagged commit).
        latest: the latest moment that was seen, of this clock or of an accepted statement.
        accepted_at: when the last statement was accepted, by this clock.
        expires_at: until when that one holds, as the publisher says; None where it does not.
    """

    name: str
    url: str
    keys: tuple[AcceptedKey, ...] = ()
    accepted: bool = True
    repository: str | None = None
    sequence: int = 0
    cids: Mapping[str, str] = field(default_factory=dict)
    checkpoint: str | None = None
    latest: datetime | None = None
    accepted_at: datetime | None = None
    expires_at: datetime | None = None


def newest(trust: SourceTrust) -> tuple[str, Cid] | None:
    """Label and CID of the release that was accepted last; None before any."""
    for label in reversed(list(trust.cids)):
        return label, Cid.parse(trust.cids[label])
    return None


def judge(trust: SourceTrust, said: Announcement, now: datetime) -> Judgement:
    """What an announcement is worth to someone who trusts the source so far.

    Args:
        now: by this machine's clock, UTC.
    """
    known = trust.cids.get(said.label)
    if known is not None and known != str(said.cid.as_version(1)):
        return _refused(f"label {said.label} stood for {known}, and now for {said.cid}: it was moved")
    if said.signer is None or not trust.keys:
        return Judgement(Standing.UNSIGNED, "no accepted key signed it")
    if not trust.accepted:
        return _refused(
            f"source {trust.name} is not accepted: the file of what is trusted was lost or is of before"
        )
    if said.signed_as is not None:
        return _refused(f"what was signed is {safe_text(said.signed_as, 64)!r}: it was renamed")
    if trust.repository is not None and said.repository != trust.repository:
        said_of = safe_text(said.repository or "no repository", 64)
        return _refused(f"it is of {said_of}, and this source is of {trust.repository}")
    return _judge_sequence(trust, said, known) or _judge_dates(trust, said, now) or Judgement(Standing.NEW)


def _judge_sequence(trust: SourceTrust, said: Announcement, known: str | None) -> Judgement | None:
    sequence = said.sequence or 0
    last = newest(trust)
    if sequence == trust.sequence and last is not None and last[0] == said.label:
        return Judgement(Standing.CURRENT)
    if known is not None and sequence < trust.sequence:
        return Judgement(Standing.OLDER, f"sequence {sequence} is before {trust.sequence}")
    if sequence == trust.sequence:
        return _refused(f"sequence {sequence} was accepted for another release: the source says two things")
    if sequence < trust.sequence:
        return Judgement(Standing.OLDER, f"sequence {sequence} is before {trust.sequence}: a rollback")
    if known is not None:
        return _refused(f"label {said.label} was sequence {trust.sequence} or before, and is now {sequence}")
    if said.follows is False:
        return _refused("it does not come after what was accepted: the history was rewritten, or is another")
    if said.follows is None and trust.sequence and sequence - trust.sequence > MOST_AHEAD:
        return _refused(
            f"sequence {sequence} is more than {MOST_AHEAD} after {trust.sequence}; it would lock out others"
        )
    return None


def _judge_dates(trust: SourceTrust, said: Announcement, now: datetime) -> Judgement | None:
    if trust.latest is not None and now < trust.latest - CLOCK_SLACK:
        return _refused(
            f"the clock says {now:%Y-%m-%d %H:%M}, and it was {trust.latest:%Y-%m-%d %H:%M} before: "
            "how old this is cannot be told"
        )
    if said.published_at is not None and said.published_at > now + CLOCK_SLACK:
        return _refused(f"it was published at {said.published_at:%Y-%m-%d %H:%M} UTC, which is yet to come")
    if said.expires_at is not None and said.expires_at <= now:
        return _refused(f"it expired at {said.expires_at:%Y-%m-%d %H:%M} UTC")
    return None


def accept(trust: SourceTrust, said: Announcement, now: datetime) -> SourceTrust:
    """What is believed after a person or `judge` let this announcement in.

    Raises:
        ValueError: it is neither new nor current, which no caller may ask for.
    """
    standing = judge(trust, said, now).standing
    if standing not in (Standing.NEW, Standing.CURRENT):
        raise ValueError(f"{said.label} is not acceptable")
    is_said = standing is Standing.NEW or renews(trust, said, now)
    moments = [moment for moment in (trust.latest, now, said.published_at) if moment is not None]
    return replace(
        trust,
        repository=trust.repository or said.repository,
        sequence=max(trust.sequence, said.sequence or 0),
        cids={**trust.cids, said.label: str(said.cid.as_version(1))},
        checkpoint=said.checkpoint or trust.checkpoint,
        latest=max(moments),
        accepted_at=now,
        expires_at=said.expires_at if is_said else trust.expires_at,
    )


def renews(trust: SourceTrust, said: Announcement, now: datetime) -> bool:
    """Whether an announcement is of the release that was accepted last, and lets it hold for longer: a
    publisher that has nothing new says so by signing its newest release once more."""
    return (
        judge(trust, said, now).standing is Standing.CURRENT
        and said.expires_at is not None
        and (trust.expires_at is None or said.expires_at > trust.expires_at)
        and _judge_dates(trust, said, now) is None
    )


def frozen(trust: SourceTrust, now: datetime) -> Judgement | None:
    """Why what was accepted last is not the newest any more, where it has expired: a source that is followed
    and says nothing newer may be kept from it. None where it holds, or nobody's signature counts.

    Args:
        now: by this machine's clock, UTC; where the clock went back, the latest moment that was seen counts.
    """
    last = newest(trust)
    if last is None or trust.expires_at is None or not trust.keys:
        return None
    if trust.expires_at > (now if trust.latest is None else max(now, trust.latest)):
        return None
    return _refused(
        f"what was accepted last, {last[0]}, expired on {trust.expires_at:%Y-%m-%d %H:%M} UTC; "
        "the source says nothing newer"
    )


def seen(trust: SourceTrust, now: datetime) -> SourceTrust:
    """What is believed after the source was asked: time does not go back."""
    return trust if trust.latest is not None and now <= trust.latest else replace(trust, latest=now)


def _refused(reason: str) -> Judgement:
    return Judgement(Standing.REFUSED, reason)
