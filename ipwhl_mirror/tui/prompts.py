"""No program that is started asks for anything on the terminal that the application draws on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def forbid_prompts(environment: MutableMapping[str, str]) -> None:
    """Let ssh-keygen and git fail where they would ask for a passphrase or a password, unless there is a
    program that asks in a window (SSH_ASKPASS; ssh(1), since OpenSSH 8.4)."""
    environment.setdefault("SSH_ASKPASS", "false")
    environment["SSH_ASKPASS_REQUIRE"] = "force"
    environment["GIT_TERMINAL_PROMPT"] = "0"
