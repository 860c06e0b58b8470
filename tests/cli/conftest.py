"""Runs of the command line, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """stdout, which is one JSON document."""
        loaded = json.loads(self.stdout)
        assert isinstance(loaded, dict)
        return loaded


class RunCli(Protocol):
    """Runs a command in a data directory of its own."""

    def __call__(self, *args: str) -> Ran: ...


@pytest.fixture
def ipwhl(tmp_path: Path) -> RunCli:
    """`ipwhl(*args)` runs `ipwhl-mirror --data-dir ... --node embedded ARGS`."""

    def run(*args: str) -> Ran:
        result = CliRunner().invoke(cli, ["--data-dir", str(tmp_path / "data"), "--node", "embedded", *args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run
