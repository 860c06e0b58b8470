"""Mirrors as configured and as they stand: which release each is at, how its last run went, what is stale.

Reads only. What changes a mirror is `syncing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.config import ConfigError, position_of
from ipwhl_mirror.domain.errors import DomainError
from ipwhl_mirror.domain.figures import duration
from ipwhl_mirror.domain.locks import LOCK_LIMIT, locked_projects, names_of
from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.sources.errors import SourceError
from ipwhl_mirror.sources.trust import newest
from ipwhl_mirror.sources.trust_file import TrustFile
from ipwhl_mirror.state.mirrors import MirrorTable

if TYPE_CHECKING:
    from collections.abc import Collection

    from ipwhl_mirror.config import MirrorConfig
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.services.settings import Settings
    from ipwhl_mirror.sources.trust import SourceTrust
    from ipwhl_mirror.state.mirrors import Mirrored, Sync

_NEXT = "next sync"
_BEGUN = "begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A mirror as configured.

    Attributes:
        selection: the names that its lock files need are among its projects.
    """

    name: str
    config: MirrorConfig
    selection: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorStatus:
    """A mirror as it stands.

    Attributes:
        config: None where the configuration does not name it any more.
        kept: what it keeps, the current release first; () before its first run is done.
        last: how its last run went; None before any.
        next_at: when `serve` runs it next; None where none does.
        stale: why it is stale, in words; None where it is not.
        held: whether a person sent it to its release, where it stays until the source announces another.
    """

    name: str
    config: MirrorConfig | None
    kept: tuple[Mirrored, ...]
    last: Sync | None
    next_at: datetime | None
    stale: str | None
    held: bool = False

    @property
    def current(self) -> Mirrored | None:
        """What its address leads to; None before its first run is done."""
        return self.kept[0] if self.kept else None


def mirrors(session: Session, names: Collection[str] = ()) -> tuple[Mirror, ...]:
    """These mirrors, or all that are configured, by name; their lock files are read.

    Raises:
        UsageProblem: there is none of a name.
        ConfigError: a lock file cannot be used.
    """
    known = session.settings.config.mirror
    for name in names:
        if name not in known:
            raise UsageProblem(
                f"there is no mirror {name!r}",
                hint="name it in the configuration: [mirror.NAME]",
                details=[f"there is {other}" for other in sorted(known)],
            )
    wanted = sorted(set(names) if names else known)
    return tuple(
        Mirror(name=name, config=known[name], selection=_selection(session.settings, name, known[name]))
        for name in wanted
    )


def mirror_statuses(session: Session) -> tuple[MirrorStatus, ...]:
    """Every mirror that is configured, or was and still keeps something, by name."""
    table = MirrorTable(session.state)
    configured = session.settings.config.mirror
    now = session.clock()
    found = []
    for name in sorted({*configured, *table.names()}):
        config = configured.get(name)
        kept, last = table.kept(name), table.last_sync(name)
        found.append(
            MirrorStatus(
                name=name,
                config=config,
                kept=kept,
                last=last,
                next_at=_next(session, name, now),
                stale=None if config is None else _stale(session, config, kept, last, now),
                held=bool(kept) and config is not None and is_held(session, name, config.source),
            )
        )
    return tuple(found)


def note_next(session: Session, name: str, at: datetime | None) -> None:
    """Remember when a mirror runs next, for those who look from outside of `serve`; None: nobody runs it."""
    session.state.remember(f"{_NEXT} {name}", "" if at is None else at.isoformat())


def hold(session: Session, name: str, last: Cid | None) -> None:
    """Remember that a person sent a mirror where it is, and what its source had announced last by then; None:
    it goes with its source."""
    session.state.remember(_hold(name), "" if last is None else _text(last))


def is_held(session: Session, name: str, source: str) -> bool:
    """Whether a mirror stays where a person sent it: its source has announced nothing newer since."""
    trust = _trust(session).get(source)
    last = None if trust is None else newest(trust)
    return last is not None and session.state.setting(_hold(name)) == _text(last[1])


def begin_bringing(session: Session, root: Cid) -> None:
    """Remember that an import is about to make a pin."""
    session.state.remember(_brought(root), _BEGUN)


def end_bringing(session: Session, root: Cid) -> None:
    """Remember that the pin is made, by this import or one that was killed: a mirror that takes this part may
    let it go again."""
    if session.state.setting(_brought(root)) == _BEGUN:
        session.state.remember(_brought(root), _pinned_at(session, root))


def was_brought(session: Session, root: Cid) -> bool:
    """Whether the pin that is known here of a root was made by an import, and not by a person since."""
    return session.state.setting(_brought(root)) == _pinned_at(session, root) != ""


def _brought(root: Cid) -> str:
    return f"brought {root.digest.hex()}"


def _pinned_at(session: Session, root: Cid) -> str:
    pins = [pin for pin in session.state.known_pins() if pin.cid.digest == root.digest and not pin.adopted]
    return pins[0].created_at.isoformat() if pins else ""


def _hold(name: str) -> str:
    return f"held {name}"


def _text(cid: Cid) -> str:
    return str(cid.as_version(1))


class CurrentMirrors(Mapping[str, Cid]):
    """Where the address of each mirror leads now: looks into the database each time, so that a switch is seen
    at once, whichever process made it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, name: str) -> Cid:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> dict[str, Cid]:
        self._session.look_again()
        return MirrorTable(self._session.state).current()


def _next(session: Session, name: str, now: datetime) -> datetime | None:
    text = session.state.setting(f"{_NEXT} {name}")
    if not text:
        return None
    at = datetime.fromisoformat(text)
    # a `serve` that was killed leaves one that never comes
    return at if at > now - timedelta(minutes=5) else None


def _stale(
    session: Session, config: MirrorConfig, kept: tuple[Mirrored, ...], last: Sync | None, now: datetime
) -> str | None:
    if config.stale_after is None or last is None:
        return None
    longest = timedelta(days=config.stale_after)
    good = last.succeeded_at or last.started_at
    if now - good > longest:
        return f"no good run for {duration((now - good).total_seconds())}"
    trust = _trust(session).get(config.source)
    accepted = None if trust is None else trust.accepted_at
    if kept and accepted is not None and now - accepted > longest:
        return f"no newer release for {duration((now - accepted).total_seconds())}"
    return None


def _trust(session: Session) -> dict[str, SourceTrust]:
    """What is believed of the sources; nothing where that cannot be told: whoever follows one is told why."""
    try:
        return TrustFile(session.settings.data_dir).read()
    except SourceError:
        return {}


def _selection(settings: Settings, name: str, config: MirrorConfig) -> Selection:
    """What a mirror takes.

    Raises:
        ConfigError: an option's value, or a lock that cannot be used.
    """
    where = position_of(settings.config_file, f"mirror.{name}")
    try:
        selection = Selection.parse(
            platforms=config.platforms,
            environments=config.environments,
            pythons=config.python,
            projects=config.projects,
            excludes=config.exclude,
        )
        names = set(selection.projects)
        for file in config.lock:
            names.update(names_of(locked_projects(_lock_bytes(settings, file), file, selection)))
    except DomainError as error:
        raise ConfigError(f"{where}: {error}", hint=getattr(error, "hint", None)) from error
    except OSError as error:
        raise ConfigError(f"{where}: lock {file}: {error.strerror or error}") from error
    return replace(selection, projects=tuple(sorted(names)))


def _lock_bytes(settings: Settings, file: str) -> bytes:
    path = Path(file).expanduser()
    if settings.config_file is not None:
        path = settings.config_file.parent / path
    with path.open("rb") as opened:
        return opened.read(LOCK_LIMIT + 1)
