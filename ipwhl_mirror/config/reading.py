"""Reads the configuration file. What is wrong in it is told with file, line, and what was expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec
import platformdirs

from ipwhl_mirror.config.errors import ConfigError
from ipwhl_mirror.config.positions import line_of, position_of
from ipwhl_mirror.config.tables import (
    Config,
    MirrorConfig,
    NodeConfig,
    ServeConfig,
    SourcesConfig,
    StorageConfig,
    UiConfig,
)
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.labels import LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = "ipwhl-mirror"
_UNITS = {"B": 1} | {
    f"{prefix}{unit}": base ** (power + 1)
    for unit, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("kMGT" if base == 1000 else "KMGT")
}
_SIZE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_UNITS)})")
_SIZES = ("budget", "reserve_free")
_TABLES = (Config, NodeConfig, ServeConfig, StorageConfig, SourcesConfig, UiConfig, MirrorConfig)


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
    mirrors = document.get("mirror")
    for name in mirrors if isinstance(mirrors, dict) else ():
        if not LABEL.fullmatch(name):
            raise ConfigError(
                f"{position_of(file, f'mirror.{name}')}: {safe_text(name, 80)!r} is no name of a mirror",
                hint="use 1 to 64 of A-Z a-z 0-9 . _ + -",
            )
    _read_sizes(document, file)
    try:
        return msgspec.convert(document, Config, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{file}{_line_of_error(text, str(error), document)}: {error}",
            hint=_nearest(str(error)) or "see the configuration section of the README",
        ) from error


def _read_sizes(document: dict[str, Any], file: Path) -> None:
    """Make bytes of sizes that are written with a unit."""
    mirrors = document.get("mirror")
    tables = {"storage": document.get("storage")}
    if isinstance(mirrors, dict):
        tables |= {f"mirror.{name}": table for name, table in mirrors.items()}
    for name, table in tables.items():
        if not isinstance(table, dict):
            continue
        for key in _SIZES:
            if isinstance(text := table.get(key), str):
                if (found := _SIZE.fullmatch(text)) is None:
                    raise ConfigError(
                        f"{position_of(file, f'{name}.{key}')}: {key}: {safe_text(text, 40)!r} is no size",
                        hint='write bytes, or a number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB: "500 GB"',
                    )
                table[key] = int(float(found[1]) * _UNITS[found[2]])


def _nearest(error: str) -> str | None:
    """What an unknown key may have been meant to be."""
    unknown = re.search(r"unknown field `(\w+)`", error)
    known = {field for struct in _TABLES for field in struct.__struct_fields__}
    nearest = difflib.get_close_matches(unknown[1], known, n=1) if unknown else []
    return f"did you mean {nearest[0]}?" if nearest else None


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


def _line_of_error(text: str, error: str, document: dict[str, Any]) -> str:
    """`:LINE` of the key that an error of msgspec names, when it can be found.

    msgspec writes `$.mirror[...]` for a value of a dictionary, without its name: the first mirror with the
    same error is meant.
    """
    place = re.search(r"`\$((?:\.\w+|\[\.\.\.\])*)", error)
    names = [] if place is None else [name for name in re.split(r"[.\[\]]+", place[1]) if name]
    if names[:1] == ["mirror"] and isinstance(mirrors := document["mirror"], dict):
        names[:1] = ["mirror", next((name for name in mirrors if _has_error(mirrors[name], error)), "")]
    if unknown := re.search(r"unknown field `(\w+)`", error):
        names.append(unknown[1])
    elif named := re.match(r"(\w+) must", error):
        names.append(named[1])
    while names:
        if line := line_of(text, ".".join(names)):
            return line
        names.pop()
    return ""


def _has_error(table: object, error: str) -> bool:
    """Whether a mirror's table is wrong in this way."""
    try:
        msgspec.convert(table, MirrorConfig, strict=True)
    except msgspec.ValidationError as found:
        return str(found).partition(" - at ")[0] == error.partition(" - at ")[0]
    return False
