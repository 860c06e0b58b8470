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
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.events import ProgressSink, ignore
from ipwhl_mirror.services.releases import track_held
from ipwhl_mirror.services.source_updates import HINT, SourceUpdate, judge_answer, outcome, renewed
from ipwhl_mirror.sources.errors import SourceError, SourceMalformed
from ipwhl_mirror.sources.feed import FeedSource
from ipwhl_mirror.sources.git import GitSource, repository_address
from ipwhl_mirror.sources.names import NameSource
from ipwhl_mirror.sources.trust import SourceTrust, Standing, accept, frozen, newest, seen
from ipwhl_mirror.sources.trust_file import TrustFile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.source_updates import Found
    from ipwhl_mirror.sources.base import Answer, Source
    from ipwhl_mirror.sources.keys import AcceptedKey


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
        frozen: why what was accepted last is not the newest any more, in words; None where it may be.
    """

    trust: SourceTrust
    label: str | None
    asked_at: datetime | None
    outcome: str
    frozen: str | None


def sources(session: Session) -> tuple[SourceStatus, ...]:
    """Every source, by name.

    Raises:
        NotTrusted: the trust file cannot be used.
    """
    return tuple(_status(session, trust) for _, trust in sorted(_trust_file(session).read().items()))


def announced_cid(session: Session, source: str, label: str) -> Cid | None:
    """What a label stood for when it was accepted from a source; None where it never was.

    Raises:
        NotTrusted: the trust file cannot be used.
    """
    trust = _trust_file(session).read().get(source)
    text = None if trust is None else trust.cids.get(label)
    return None if text is None else Cid.parse(text)


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
    now = session.clock()
    answers = await ask(session, names)
    updates = []
    for trust in _chosen(session, sorted(answers)):
        answer = answers[trust.name]
        updates.append(judge_answer(renewed(trust, answer, now), answer, now))
    return tuple(updates)


async def update(
    session: Session, names: Collection[str] = (), sink: ProgressSink = ignore
) -> tuple[SourceUpdate, ...]:
    """Ask these sources, or all, and track what is new and signed; the index of each is fetched.

    Raises:
        UsageProblem, NotTrusted: see `look`.
        NodeError, IpldError, DomainError: an index cannot be had, or is none; sources before it are done.

    On cancel: what was tracked stays, and is believed.
    """
    answers = await ask(session, names)
    async with session.exclusive("update"):
        return await update_held(session, names, answers, sink)


async def ask(session: Session, names: Collection[str] = ()) -> Mapping[str, Answer | SourceError]:
    """What these sources, or all, answer, by name, or why they do not. Judges nothing, changes nothing and
    needs no lock.

    Raises:
        UsageProblem, NotTrusted: see `look`.
    """
    known = _chosen(session, names)
    answers = await asyncio.gather(*(_ask(session, trust) for trust in known))
    return {trust.name: answer for trust, answer in zip(known, answers, strict=True)}


async def update_held(
    session: Session, names: Collection[str], answers: Mapping[str, Answer | SourceError], sink: ProgressSink
) -> tuple[SourceUpdate, ...]:
    """`update` with what these sources, or all that were asked, answered. The caller holds the lock.

    Raises:
        NotTrusted, NodeError, IpldError, DomainError: see `update`.
    """
    chosen = sorted(name for name in answers if not names or name in names)
    return tuple([await _take(session, name, answers[name], sink) for name in chosen])


async def _take(
    session: Session, name: str, answer: Answer | SourceError, sink: ProgressSink
) -> SourceUpdate:
    """Judge an answer by what is believed now, which another run may have changed while it came."""
    file = _trust_file(session)
    known = file.read()
    if (trust := known.get(name)) is None:
        return SourceUpdate(name=name)
    trust = renewed(trust, answer, session.clock())
    judged = judge_answer(trust, answer, session.clock())
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
        return _Asked(before.memory, session.clock(), outcome(done))
    is_refused = any(item.announcement in answer.announcements for item in done.refused)
    is_same = answer.unchanged and before.outcome.startswith(HINT) and not done.refused
    words = before.outcome if is_same else outcome(done)
    return _Asked("" if is_refused else answer.memory, session.clock(), words)


def _status(session: Session, trust: SourceTrust) -> SourceStatus:
    asked, last, why = _asked(session, trust.name), newest(trust), frozen(trust, session.clock())
    return SourceStatus(
        trust=trust,
        label=None if last is None else last[0],
        asked_at=asked.asked_at,
        outcome=asked.outcome,
        frozen=None if why is None else why.reason,
    )


async def _ask(session: Session, trust: SourceTrust) -> Answer | SourceError:
    try:
        source = _open(session, trust.name, trust.url)
        return await source.ask(trust, _asked(session, trust.name).memory)
    except SourceError as error:
        return error


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
