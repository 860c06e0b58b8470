"""Exit codes, and the one table that says which error ends with which."""

from __future__ import annotations

import errno
from enum import IntEnum

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.domain.errors import (
    DomainError,
    InvalidLock,
    InvalidSelection,
    InvalidSupported,
    UnknownPlatform,
)
from ipwhl_mirror.gateway.errors import GatewayError
from ipwhl_mirror.ipld.errors import InvalidCid, IpldError
from ipwhl_mirror.nodes.errors import (
    NodeError,
    NodeRefused,
    NodeTooOld,
    NodeUnreachable,
    NoSpace,
    PinFailed,
)
from ipwhl_mirror.services.errors import (
    DamageFound,
    GuardRefused,
    KeptPartly,
    ServiceError,
    UsageProblem,
)
from ipwhl_mirror.sources.errors import KeyUnusable, NotTrusted, SourceError
from ipwhl_mirror.state.errors import LockHeld, StateError, StateFull


class ExitCode(IntEnum):
    """What a run ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    NOT_AUTHENTIC = 4
    GUARD = 5
    NODE = 6
    LOCKED = 7
    DAMAGE = 8
    STALE = 9
    CHANGES_WAITING = 100
    TIMEOUT = 124
    INTERRUPTED = 130


_CODES: dict[type[Exception], ExitCode] = {
    ConfigError: ExitCode.USAGE,
    InvalidCid: ExitCode.USAGE,
    InvalidLock: ExitCode.USAGE,
    InvalidSelection: ExitCode.USAGE,
    InvalidSupported: ExitCode.USAGE,
    UnknownPlatform: ExitCode.USAGE,
    UsageProblem: ExitCode.USAGE,
    DomainError: ExitCode.FAILED,
    IpldError: ExitCode.FAILED,
    GatewayError: ExitCode.FAILED,
    GuardRefused: ExitCode.GUARD,
    NoSpace: ExitCode.GUARD,
    KeptPartly: ExitCode.PARTIAL,
    PinFailed: ExitCode.PARTIAL,
    DamageFound: ExitCode.DAMAGE,
    ServiceError: ExitCode.FAILED,
    NodeUnreachable: ExitCode.NODE,
    NodeTooOld: ExitCode.NODE,
    NodeRefused: ExitCode.NODE,
    NodeError: ExitCode.FAILED,
    KeyUnusable: ExitCode.USAGE,
    NotTrusted: ExitCode.NOT_AUTHENTIC,
    SourceError: ExitCode.FAILED,
    LockHeld: ExitCode.LOCKED,
    StateFull: ExitCode.GUARD,
    StateError: ExitCode.FAILED,
}

KNOWN_ERRORS: tuple[type[Exception], ...] = (*_CODES, OSError)
"""Everything a user, a disk or a network can cause; anything else is a fault of this program."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full_disk(error: Exception) -> bool:
    """Whether a file could not be written because there is no room for it."""
    return isinstance(error, OSError) and error.errno in _FULL


def exit_code_for(error: Exception) -> ExitCode:
    """The code of the nearest class in the table.

    >>> int(exit_code_for(LockHeld("another run")))
    7
    """
    if is_full_disk(error):
        return ExitCode.GUARD
    for cls in type(error).__mro__:
        if cls in _CODES:
            return _CODES[cls]
    return ExitCode.FAILED
