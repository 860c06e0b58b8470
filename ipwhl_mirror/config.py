"""Settings: command line, then environment, then the TOML file, then defaults.

The file is `config.toml` in the user's configuration directory (platformdirs) or `--config FILE`. Unknown
keys and values of the wrong kind are errors that name the file, the key and what was expected.

    [node]                          [serve]                          [storage]
    spec = "auto"                   listen = "127.0.0.1:8085"        reserve_free = 1073741824
    gateways = ["https://..."]      hosts = []                       budget = 0
    concurrency = 8                 behind_proxy = false
    stall_timeout = 30
    auth_file = ""                                                   [sources]
    [ui]                            [keys]                           private_hosts = []
    theme = "textual-dark"          "release.pin" = "p"
    ascii = false
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec
import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = "ipwhl-mirror"
DEFAULT_GATEWAYS = ("https://trustless-gateway.link",)


class ConfigError(Exception):
    """A setting cannot be used.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class NodeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[node]`: which node, and how the embedded one fetches.

    Attributes:
        spec: "auto", "embedded", or the address of a Kubo RPC, a multiaddr or a URL.
        auth_file: a file with the RPC's secret, which only its owner may read, absolute or from ~; "" for
            none.
        gateways: trustless gateways, base addresses, asked side by side.
        concurrency: wheels fetched at once.
        stall_timeout: seconds without a byte after which a source is left.
    """

    spec: str = "auto"
    auth_file: str = ""
    gateways: tuple[str, ...] = DEFAULT_GATEWAYS
    concurrency: int = 8
    stall_timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.spec not in ("auto", "embedded") and not self.spec.startswith(("/", "http://", "https://")):
            raise ValueError(
                "spec must be auto, embedded, or the address of a Kubo RPC, for instance http://127.0.0.1:5001"
            )
        if self.auth_file and not self.auth_file.startswith(("/", "~")):
            raise ValueError("auth_file must be an absolute path, or begin with ~")
        if not 1 <= self.concurrency <= 64:
            raise ValueError("concurrency must be from 1 to 64")
        if self.stall_timeout <= 0:
            raise ValueError("stall_timeout must be above 0 seconds")


class ServeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[serve]`: the gateway for pip.

    Attributes:
        listen: host:port.
        hosts: further names that clients may ask for in the Host header.
        behind_proxy: believe a reverse proxy's forwarding headers.
    """

    listen: str = "127.0.0.1:8085"
    hosts: tuple[str, ...] = ()
    behind_proxy: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", self.listen):
            raise ValueError("listen must be host:port, for instance 127.0.0.1:8085")


class StorageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[storage]`: what a pin may take.

    Attributes:
        reserve_free: bytes of the disk that stay free.
        budget: bytes the node may keep in all; 0 is no limit.
    """

    reserve_free: int = 1 << 30
    budget: int = 0


class SourcesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[sources]`: how sources are asked.

    Attributes:
        private_hosts: names of hosts that may be on a private network; the others may not.
    """

    private_hosts: tuple[str, ...] = ()


class UiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[ui]`: how the terminal UI looks.

    Attributes:
        theme: its colours; the UI knows which there are.
        ascii: draw with ASCII characters, whatever the terminal is said to show.
    """

    theme: str = "textual-dark"
    ascii: bool = False


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        keys: `[keys]`: names of keys by what they do, as they were written; the UI knows which there are.
    """

    node: NodeConfig = NodeConfig()
    serve: ServeConfig = ServeConfig()
    storage: StorageConfig = StorageConfig()
    sources: SourcesConfig = SourcesConfig()
    ui: UiConfig = UiConfig()
    keys: dict[str, str] = {}


def default_data_dir() -> Path:
    """Where releases, pins and the embedded node are kept when `--data-dir` says nothing."""
    return platformdirs.user_data_path(APP)


def default_config_path() -> Path:
    """The file that is read when `--config` says nothing and it exists."""
    return platformdirs.user_config_path(APP) / "config.toml"


def load_config(path: Path | None) -> Config:
    """Read the configuration file; without one, the defaults.

    Args:
        path: the file of `--config`, which must exist; None for the default place.

    Raises:
        ConfigError: unreadable, not TOML, an unknown key, or a value that is not what is expected.
    """
    file = path if path is not None else default_config_path()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path is None:
            return Config()
        raise ConfigError(f"{file}: no such file", hint="write it, or leave --config away") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    if isinstance(keys := document.get("keys"), dict):
        document["keys"] = dict(_key_names(keys, file))
    try:
        return msgspec.convert(document, Config, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{file}{_line_of(text, str(error))}: {error}", hint="see the configuration section of the README"
        ) from error


def position_of(file: Path | None, key: str) -> str:
    """`FILE:LINE` where a key is set, for messages; the file alone where the line cannot be found."""
    if file is None:
        return "the configuration"
    try:
        return f"{file}{_line_of_key(file.read_text(encoding='utf-8'), key)}"
    except (OSError, UnicodeDecodeError):
        return str(file)


def _key_names(table: dict[str, Any], file: Path) -> Iterator[tuple[str, str]]:
    """The entries of `[keys]` by their whole names: `release.pin = "p"` says the same with quotes round the
    name and without, where TOML makes it a table in a table."""
    for place, value in table.items():
        entries = (
            {f"{place}.{verb}": inner for verb, inner in value.items()}
            if isinstance(value, dict)
            else {place: value}
        )
        for name, keys in entries.items():
            if not isinstance(keys, str):
                got = str(keys)[:40] if isinstance(keys, int | float) else f"a {type(keys).__name__}"
                raise ConfigError(
                    f"{position_of(file, name)}: [keys] {name}: expected a text, got {got}",
                    hint=f'write "{name}" = "p", or "" for no key',
                )
            yield name, keys


def _line_of(text: str, error: str) -> str:
    """`:LINE` of the key that an error of msgspec names, when it can be found."""
    named = re.search(r"unknown field `(\w+)`", error) or re.search(r"\$(?:\.\w+)*\.(\w+)", error)
    return "" if named is None else _line_of_key(text, named[1])


def _line_of_key(text: str, key: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*\[?\s*[\"']?{re.escape(key)}[\"']?\s*[]=]", line):
            return f":{number}"
    return ""
