"""Where a Kubo's RPC is, and the secret it may ask for.

An address is a multiaddr, as Kubo writes it into `$IPFS_PATH/api`, or a URL. A secret never comes with it: it
is read from a file of the user's own or from the environment, and is shown by no `repr`.

Multiaddr: https://multiformats.io/multiaddr/
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_VARIABLE = "IPWHL_MIRROR_NODE_AUTH"
DEFAULT_PORT = 5001
_SECRET_LIMIT = 1 << 16

_MULTIADDR = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/([0-9]{1,5})(?:/(http|https))?/?")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_HINT = "for instance http://127.0.0.1:5001 or /ip4/127.0.0.1/tcp/5001"


class InvalidAddress(ConfigError):
    """A text that is no address of a Kubo RPC; what may be a secret in it is not repeated."""

    def __init__(self, text: str, reason: str) -> None:
        shown = "...@" + text.rpartition("@")[2] if "@" in text else text
        shown = re.split(r"[?#]", shown)[0]
        super().__init__(f"'{safe_text(shown, 200)}' is no address of a Kubo RPC: {reason}", hint=_HINT)


@dataclass(frozen=True, slots=True)
class RpcAddress:
    """An HTTP endpoint: "http" or "https", a host name or IP address, a port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> RpcAddress:
        """Read a multiaddr or a URL.

        Raises:
            InvalidAddress: it is neither, or has what an address must not have.
        """
        return cls._of_multiaddr(text) if text.startswith("/") else cls._of_url(text)

    @classmethod
    def _of_multiaddr(cls, text: str) -> RpcAddress:
        found = _MULTIADDR.fullmatch(text)
        if found is None:
            raise InvalidAddress(text, "a multiaddr of ip4, ip6 or dns, and tcp, is expected")
        kind, host, port, scheme = found.groups()
        return cls._checked(text, scheme or "http", host, int(port), kind)

    @classmethod
    def _of_url(cls, text: str) -> RpcAddress:
        if "@" in text:
            raise InvalidAddress(text, f"a secret belongs into {SECRET_VARIABLE} or [node] auth_file")
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError as error:
            raise InvalidAddress(text, safe_text(str(error), 100)) from None
        if url.scheme not in ("http", "https"):
            raise InvalidAddress(text, "a multiaddr, or a URL of http or https, is expected")
        if url.path.rstrip("/") not in ("", "/api/v0") or url.query or url.fragment:
            raise InvalidAddress(text, "only scheme, host and port are expected")
        if port is None:
            port = 443 if url.scheme == "https" else 80
        return cls._checked(text, url.scheme, url.hostname or "", port, "")

    @classmethod
    def _checked(cls, text: str, scheme: str, host: str, port: int, kind: str) -> RpcAddress:
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            if kind in ("ip4", "ip6") or not _HOST.fullmatch(host):
                raise InvalidAddress(text, f"'{safe_text(host, 100)}' is no host") from None
        else:
            if kind and kind != f"ip{version}":
                raise InvalidAddress(text, f"{host} is not of {kind}")
        if not 0 < port < 1 << 16:
            raise InvalidAddress(text, f"port {port} is not from 1 to 65535")
        return cls(scheme, host.lower(), port)

    @property
    def url(self) -> str:
        """As people read it, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def repo_directory() -> Path:
    """Where this user's IPFS repository is, or would be: `$IPFS_PATH`, else `~/.ipfs`."""
    return Path(os.environ.get("IPFS_PATH") or Path.home() / ".ipfs")


def repo_rpc_address(repo: Path) -> RpcAddress | None:
    """The address that the daemon of a repository wrote down when it started, as this machine reaches it;
    None without one.

    Raises:
        InvalidAddress: what is written there is none.
    """
    try:
        text = (repo / "api").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    address = RpcAddress.parse(text)
    return replace(address, host=_ALL_INTERFACES.get(address.host, address.host))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an RPC with `API.Authorizations` asks for."""

    authorization: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read a secret as Kubo's `AuthSecret` has it: `bearer:TOKEN` or `basic:USER:PASSWORD`.

        Raises:
            ConfigError: it is none; the message does not repeat it.
        """
        kind, _, secret = text.strip().partition(":")
        if secret.isprintable() and secret.isascii() and secret:
            if kind == "bearer":
                return cls(f"Bearer {secret}")
            if kind == "basic":
                # Kubo takes both USER:PASSWORD and its base64
                encoded = base64.b64encode(secret.encode()).decode() if ":" in secret else secret
                return cls(f"Basic {encoded}")
        raise ConfigError(
            "the secret of the node's RPC cannot be used",
            hint="bearer:TOKEN or basic:USER:PASSWORD is expected, as in the daemon's API.Authorizations",
        )

    @property
    def header(self) -> dict[str, str]:
        """The header to send."""
        return {"Authorization": self.authorization}


def credentials_from(file: Path | None, environ: Mapping[str, str]) -> Credentials | None:
    """The secret of the environment variable, else of the file; None where neither is given.

    Raises:
        ConfigError: the file cannot be read, others may read it, or it holds no secret.
    """
    if text := environ.get(SECRET_VARIABLE):
        return Credentials.parse(text)
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            about = os.fstat(opened.fileno())
            if about.st_uid != os.geteuid():
                raise ConfigError(
                    f"{file}: it belongs to another user", hint="[node] auth_file names a file of your own"
                )
            if about.st_mode & 0o077:
                raise ConfigError(f"{file}: others than its owner may use it", hint=f"chmod 600 {file}")
            return Credentials.parse(opened.read(_SECRET_LIMIT).decode())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{file}: cannot be read: {why}", hint="[node] auth_file names it") from None
