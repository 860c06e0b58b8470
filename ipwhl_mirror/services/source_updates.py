"""What a source said, judged by what is believed of it: what of that is worth telling, in which words.

No I/O: `services.sources` asks, tracks and remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipwhl_mirror.sources.announcements import Announcement
from ipwhl_mirror.sources.errors import SourceError
from ipwhl_mirror.sources.trust import Standing, accept, frozen, judge, newest, renews

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ipwhl_mirror.sources.base import Answer, Problem
    from ipwhl_mirror.sources.trust import Judgement, SourceTrust
    from ipwhl_mirror.state.database import TrackedRelease

HINT = "unsigned: "
"""How an outcome begins that is a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A release that a source announces, and what that is worth.

    Attributes:
        announcement: as the source says; of a source that is frozen, what was accepted last.
    """

    announcement: Announcement
    judgement: Judgement
    tracked: TrackedRelease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUpdate:
    """What asking a source gave.

    Attributes:
        found: what is new, refused, or a hint; what was accepted before is left out, unless it has expired
            and there is nothing newer: the source is frozen, which is refused, whether it answers or not.
        problems: what was left aside.
        error: it could not be asked; None where it could.
    """

    name: str
    found: tuple[Found, ...] = ()
    problems: tuple[Problem, ...] = ()
    error: SourceError | None = None

    @property
    def new(self) -> tuple[Found, ...]:
        """What may be mirrored automatically."""
        return tuple(item for item in self.found if item.judgement.standing is Standing.NEW)

    @property
    def refused(self) -> tuple[Found, ...]:
        """What contradicts what was accepted, or cannot be told to be fresh."""
        return tuple(item for item in self.found if item.judgement.standing is Standing.REFUSED)


def renewed(trust: SourceTrust, answer: Answer | SourceError, now: datetime) -> SourceTrust:
    """What is believed once the newest accepted release was signed again, to hold for longer."""
    if not isinstance(answer, SourceError):
        for said in answer.announcements:
            if renews(trust, said, now):
                trust = accept(trust, said, now)
    return trust


def judge_answer(trust: SourceTrust, answer: Answer | SourceError, now: datetime) -> SourceUpdate:
    """What an answer is worth to someone who trusts the source so far."""
    if isinstance(answer, SourceError):
        return SourceUpdate(name=trust.name, found=_frozen(trust, now), error=answer)
    said = reversed(answer.announcements)
    found = _worth_telling([Found(announcement=item, judgement=judge(trust, item, now)) for item in said])
    if not any(item.judgement.standing is Standing.NEW for item in found):
        found += _frozen(trust, now)
    return SourceUpdate(name=trust.name, found=found, problems=answer.problems)


def outcome(update: SourceUpdate) -> str:
    """How asking went, in words."""
    if update.error is not None:
        return str(update.error)
    if update.refused:
        return f"refused: {update.refused[0].judgement.reason}"
    if update.new:
        return f"new: {update.new[0].announcement.label}"
    return f"{HINT}{update.found[0].announcement.label}" if update.found else "nothing new"


def _worth_telling(found: Sequence[Found]) -> tuple[Found, ...]:
    """Of announcements, the newest first: what contradicts, the newest new one, the newest hint, and where
    the newest signed one is older than what was accepted, that one as refused."""
    told: list[Found] = []
    is_hint_told = is_newest_told = False
    for item in found:
        standing = item.judgement.standing
        if standing is Standing.REFUSED:
            told.append(item)
        elif standing is Standing.UNSIGNED and not is_hint_told and not is_newest_told:
            is_hint_told = True
            told.append(item)
        elif standing in (Standing.NEW, Standing.CURRENT, Standing.OLDER) and not is_newest_told:
            is_newest_told = True
            if standing is Standing.OLDER:
                refused = replace(item.judgement, standing=Standing.REFUSED)
                told.append(replace(item, judgement=refused))
            elif standing is Standing.NEW:
                told.append(item)
    return tuple(told)


def _frozen(trust: SourceTrust, now: datetime) -> tuple[Found, ...]:
    last, why = newest(trust), frozen(trust, now)
    if last is None or why is None:
        return ()
    label, cid = last
    accepted = Announcement(
        label=label,
        cid=cid,
        repository=trust.repository,
        sequence=trust.sequence,
        expires_at=trust.expires_at,
    )
    return (Found(announcement=accepted, judgement=why),)
