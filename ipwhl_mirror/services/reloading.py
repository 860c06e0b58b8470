"""Reads the configuration file again while a session is open.

The mirrors, their hooks, the schedule, limits of storage and hosts count from then on. Where the node is and
where the gateway listens stay as they are until a restart. A file that cannot be used changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.config import ConfigError, load_config
from ipwhl_mirror.services.hooks import check_hooks
from ipwhl_mirror.services.mirrors import mirrors

if TYPE_CHECKING:
    from ipwhl_mirror.config import Config
    from ipwhl_mirror.services.session import Session


class Reloader:
    """Replaces the settings of a session; made when the session is.

    What the command line said of the node stays.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._at_start = _read_again(session)

    def reload(self) -> tuple[str, ...]:
        """Read the file; gives the names of what changed in it and needs a restart.

        Raises:
            ConfigError, OSError: it cannot be used; what was configured stays.
        """
        session, before = self._session, self._session.settings
        read = load_config(before.config_file)
        serve = msgspec.structs.replace(read.serve, listen=before.config.serve.listen)
        kept = msgspec.structs.replace(read, node=before.config.node, serve=serve)
        session.settings = replace(before, config=kept)
        try:
            check_mirrors(session)
        except BaseException:
            session.settings = before
            raise
        return _restarts(self._at_start, read)


def check_mirrors(session: Session) -> None:
    """Make sure that every mirror that is configured can be run, and its hooks too.

    Raises:
        ConfigError: what is wrong, and where it stands.
        OSError: the configuration file cannot be looked at.
    """
    mirrors(session)
    check_hooks(session.settings)


def _read_again(session: Session) -> Config | None:
    """The file without what the command line lays over it; None where there is none."""
    try:
        return load_config(session.settings.config_file)
    except ConfigError:
        return None


def _restarts(before: Config | None, after: Config) -> tuple[str, ...]:
    if before is None:
        return ()
    changed = {
        "[node]": before.node != after.node,
        "[serve] listen": before.serve.listen != after.serve.listen,
    }
    return tuple(name for name, is_changed in changed.items() if is_changed)
