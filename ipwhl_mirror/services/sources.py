"""Sources: accept one, ask all of them, and track what they announce if an accepted key signed it.

What a source says is judged by `sources.trust`. Only a release that is new by that judgement is tracked, and
only then believed: a run that is killed between the two tracks it again. Nothing is pinned here but indexes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 - msgspec reads it at run time
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.releases import track_held
from ipwhl_mirror.sources.errors import SourceError, SourceMalformed
from ipwhl_mirror.sources.feed import FeedSource
from ipwhl_mirror.sources.git import GitSource, repository_address
from ipwhl_mirror.sources.names import NameSource
from ipwhl_mirror.sources.trust import SourceTrust, Standing, accept, judge, seen
from ipwhl_mirror.sources.trust_file import TrustFile

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.sources.announcements import Announcement
    from ipwhl_mirror.sources.base import Answer, Problem, Source
    from ipwhl_mirror.sources.keys import AcceptedKey
    from ipwhl_mirror.sources.trust import Judgement
    from ipwhl_mirror.state.database import TrackedRelease

_HINT = "unsigned: "


class _Asked(msgspec.Struct):
    """What is remembered of the last time; in the database, so it may be lost."""

    memory: str = ""
    asked_at: datetime | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source as it stands.

    Attributes:
        label: of the release that was accepted last; None before any.
        asked_at: when it was asked last; None before, or where that was forgotten.
        outcome: of that, in words.
    """

    trust: SourceTrust
    label: str | None
    asked_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A release that a source announces, and what that is worth."""

    announcement: Announcement
    judgement: Judgement
    tracked: TrackedRelease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUpdate:
    """What asking a source gave.

    Attributes:
        found: what is new, refused, or a hint; what was accepted before is left out.
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
        """What contradicts what was accepted."""
        return tuple(item for item in self.found if item.judgement.standing is Standing.REFUSED)


def sources(session: Session) -> tuple[SourceStatus, ...]:
    """Every source, by name.

    Raises:
        NotTrusted: the trust file cannot be used.
    """
    statuses = []
    for name, trust in sorted(_trust_file(session).read().items()):
        asked = _asked(session, name)
        label = next(reversed(list(trust.cids)), None)
        statuses.append(
            SourceStatus(trust=trust, label=label, asked_at=asked.asked_at, outcome=asked.outcome)
        )
    return tuple(statuses)


async def add_source(session: Session, name: str, url: str, keys: Sequence[AcceptedKey]) -> SourceTrust:
    """Accept a source, with these keys. One that is there already is accepted anew: its keys are replaced,
    and what it announced stays known.

    Raises:
        UsageProblem: the name or the address is none, or the name is that of another source.
        NotTrusted: the trust file cannot be used.
    """
    if not LABEL.fullmatch(name):
        raise UsageProblem(
            f"{safe_text(name, 80)!r} is no name of a source", hint="use 1 to 64 of A-Z a-z 0-9 . _ + -"
        )
    _open(session, name, url)
    async with session.exclusive("source add"):
        file = _trust_file(session)
        known = file.read()
        before = known.get(name)
        if before is not None and before.url != url:
            raise UsageProblem(
                f"source {name} is {safe_text(before.url, 200)} already",
                hint=f"choose another name, or remove it first: ipwhl-mirror source remove {name}",
            )
        fresh = before or SourceTrust(name=name, url=url)
        known[name] = replace(fresh, keys=tuple(keys), accepted=True)
        file.write(known.values())
        # what it said before is judged again, with these keys
        _remember(session, name, _Asked())
        return known[name]


async def remove_source(session: Session, name: str) -> SourceTrust:
    """Forget a source; what it announced stays tracked.

    Raises:
        UsageProblem: there is none of this name.
    """
    async with session.exclusive("source remove"):
        file = _trust_file(session)
        known = file.read()
        removed = known.pop(name, None)
        if removed is None:
            raise _unknown(name, known)
        file.write(known.values())
        _remember(session, name, _Asked())
        return removed


async def look(session: Session, names: Collection[str] = ()) -> tuple[SourceUpdate, ...]:
    """What these sources, or all, announce now. Changes nothing.

    Raises:
        UsageProblem: there is none of a name.
        NotTrusted: the trust file cannot be used.
    """
    known = _chosen(session, names)
    answers = await _ask_all(session, known)
    return tuple(_judged(session, trust, answers[trust.name]) for trust in known)


async def update(
    session: Session, names: Collection[str] = (), sink: ProgressSink = ignore
) -> tuple[SourceUpdate, ...]:
    """Ask these sources, or all, and track what is new and signed; the index of each is fetched.

    Raises:
        UsageProblem, NotTrusted: see `look`.
        NodeError, IpldError, DomainError: an index cannot be had, or is none; sources before it are done.

    On cancel: what was tracked stays, and is believed.
    """
    known = _chosen(session, names)
    answers = await _ask_all(session, known)
    async with session.exclusive("update"):
        return tuple([await _take(session, trust.name, answers[trust.name], sink) for trust in known])


async def _take(
    session: Session, name: str, answer: Answer | SourceError, sink: ProgressSink
) -> SourceUpdate:
    """Judge an answer by what is believed now, which another run may have changed while it came."""
    file = _trust_file(session)
    known = file.read()
    if (trust := known.get(name)) is None:
        return SourceUpdate(name=name)
    judged = _judged(session, trust, answer)
    trust = seen(trust, session.clock())
    found: list[Found] = []
    for item in judged.found:
        if item.judgement.standing is Standing.NEW:
            said = item.announcement
            loaded = await track_held(session, said.cid, label=said.label, source=name, sink=sink)
            trust = accept(trust, said, session.clock())
            item = replace(item, tracked=loaded.tracked)
        found.append(item)
    file.write({**known, name: trust}.values())
    done = replace(judged, found=tuple(found))
    _remember(session, name, _asked_now(session, done, answer))
    return done


def _asked_now(session: Session, done: SourceUpdate, answer: Answer | SourceError) -> _Asked:
    """What to remember: nothing that would make the next answer "unchanged" while this one is refused, and
    the outcome of before where nothing changed since."""
    before = _asked(session, done.name)
    if isinstance(answer, SourceError):
        return _Asked(before.memory, session.clock(), _outcome(done))
    is_same = answer.unchanged and before.outcome.startswith(_HINT)
    outcome = before.outcome if is_same else _outcome(done)
    return _Asked("" if done.refused else answer.memory, session.clock(), outcome)


def _judged(session: Session, trust: SourceTrust, answer: Answer | SourceError) -> SourceUpdate:
    if isinstance(answer, SourceError):
        return SourceUpdate(name=trust.name, error=answer)
    now = session.clock()
    found = [
        Found(announcement=said, judgement=judge(trust, said, now)) for said in reversed(answer.announcements)
    ]
    return SourceUpdate(name=trust.name, found=_worth_telling(found), problems=answer.problems)


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


def _outcome(update: SourceUpdate) -> str:
    if update.error is not None:
        return str(update.error)
    if update.refused:
        return f"refused: {update.refused[0].judgement.reason}"
    if update.new:
        return f"new: {update.new[0].announcement.label}"
    return f"{_HINT}{update.found[0].announcement.label}" if update.found else "nothing new"


async def _ask_all(session: Session, known: Sequence[SourceTrust]) -> dict[str, Answer | SourceError]:
    async def ask(trust: SourceTrust) -> Answer | SourceError:
        try:
            source = _open(session, trust.name, trust.url)
            return await source.ask(trust, _asked(session, trust.name).memory)
        except SourceError as error:
            return error

    answers = await asyncio.gather(*map(ask, known))
    return {trust.name: answer for trust, answer in zip(known, answers, strict=True)}


def _open(session: Session, name: str, url: str) -> Source:
    """The source at an address.

    Raises:
        UsageProblem: it is none.
    """
    private_hosts = frozenset(session.settings.config.sources.private_hosts)
    try:
        if url.startswith("git+"):
            repository_address(url)
            return GitSource(url, session.settings.data_dir / "sources" / f"{name}.git")
        if url.startswith("/ipns/"):
            return NameSource(url, session.node)
        if url.startswith(("https://", "http://", "file:///")):
            return FeedSource(url, private_hosts)
    except SourceMalformed as error:
        raise UsageProblem(str(error), hint=error.hint) from error
    raise UsageProblem(
        f"{safe_text(url, 200)!r} is no address of a source",
        hint="https://..., file:///..., git+https://..., git+ssh://..., git+file:///..., or /ipns/NAME",
    )


def _chosen(session: Session, names: Collection[str]) -> tuple[SourceTrust, ...]:
    known = _trust_file(session).read()
    for name in names:
        if name not in known:
            raise _unknown(name, known)
    return tuple(trust for name, trust in sorted(known.items()) if not names or name in names)


def _unknown(name: str, known: Collection[str]) -> UsageProblem:
    return UsageProblem(
        f"there is no source {safe_text(name, 80)!r}",
        hint="ipwhl-mirror source add NAME URL --key K adds one",
        details=[f"there is {other}" for other in sorted(known)],
    )


def _trust_file(session: Session) -> TrustFile:
    return TrustFile(session.settings.data_dir)


def _asked(session: Session, name: str) -> _Asked:
    text = session.state.setting(f"source {name}")
    try:
        return msgspec.json.decode(text or "{}", type=_Asked)
    except msgspec.DecodeError:
        return _Asked()


def _remember(session: Session, name: str, asked: _Asked) -> None:
    session.state.remember(f"source {name}", msgspec.json.encode(asked).decode())
