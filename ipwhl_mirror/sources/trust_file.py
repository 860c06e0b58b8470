"""The trust file: what is believed of every source, apart from the database, which can be deleted.

`trust.json` in the data directory, for its owner alone, replaced as a whole. Where it is missing although
sources are configured, nothing of them is accepted until a person does so again (guarantee 9).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads it at run time
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.durable import replace_private_file, sync_directory
from ipwhl_mirror.sources.errors import NotTrusted
from ipwhl_mirror.sources.keys import AcceptedKey
from ipwhl_mirror.sources.trust import SourceTrust

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SCHEMA = "ipwhl-mirror/trust/1"
_NAME = "trust.json"


class _Source(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: str
    keys: list[str]
    accepted: bool
    repository: str | None
    sequence: int
    cids: dict[str, str]
    checkpoint: str | None
    latest: datetime | None
    accepted_at: datetime | None
    expires_at: datetime | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    schema: str
    sources: dict[str, _Source]


@dataclass(frozen=True, slots=True)
class TrustFile:
    """The file of a data directory. The caller of `write` holds the directory's lock."""

    directory: Path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.directory / _NAME

    def read(self) -> dict[str, SourceTrust]:
        """What is believed, by the source's name; empty where there is no file.

        Raises:
            NotTrusted: it is damaged, of a newer version, or others may write it.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read()
        except FileNotFoundError:
            return {}
        if mode & 0o022:
            raise NotTrusted(f"{self.path} may be written by others", hint=f"chmod 600 {self.path}")
        try:
            read = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(safe_text(str(error), 200)) from error
        if read.schema != _SCHEMA:
            raise self._damaged(f"schema {safe_text(read.schema, 80)!r} is not {_SCHEMA!r}")
        return {
            name: SourceTrust(
                name=name,
                url=source.url,
                keys=tuple(map(AcceptedKey, source.keys)),
                accepted=source.accepted,
                repository=source.repository,
                sequence=source.sequence,
                cids=source.cids,
                checkpoint=source.checkpoint,
                latest=source.latest,
                accepted_at=source.accepted_at,
                expires_at=source.expires_at,
            )
            for name, source in read.sources.items()
        }

    def write(self, sources: Iterable[SourceTrust]) -> None:
        """Replace the file, durably.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        data = msgspec.json.format(
            msgspec.json.encode(
                _File(
                    schema=_SCHEMA,
                    sources={
                        trust.name: _Source(
                            url=trust.url,
                            keys=[key.line for key in trust.keys],
                            accepted=trust.accepted,
                            repository=trust.repository,
                            sequence=trust.sequence,
                            cids=dict(trust.cids),
                            checkpoint=trust.checkpoint,
                            latest=trust.latest,
                            accepted_at=trust.accepted_at,
                            expires_at=trust.expires_at,
                        )
                        for trust in sources
                    },
                )
            )
        )
        self.directory.mkdir(parents=True, exist_ok=True)
        replace_private_file(self.path, data)
        sync_directory(self.directory)

    def _damaged(self, what: str) -> NotTrusted:
        return NotTrusted(
            f"{self.path} cannot be read: {what}",
            hint="put its backup back; without one remove it, and accept the sources again",
        )
