"""IPWHL's metadata repository: one TOML declaration a wheel, and the environments it supports.

    SUPPORTED                                     `<interpreter> <platform tag>` a line
    pkgs/<prefix>/<project>/<wheel name>.toml     source, content-id, requires-python, extras, dependencies

The prefix is the low 8 bits of the sum of the code points of the project's name, as two hex digits. `extras`
names those extras that the repository keeps working; a wheel may have more. Text in, text out: what is
written reads back as the same value, and hostile text gives InvalidDeclaration and nothing else.

Left out: whether the content of a wheel is what its declaration says.

Format: https://git.sr.ht/~cnx/ipwhl-utils
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.errors import (
    InvalidDeclaration,
    InvalidSelection,
    InvalidSupported,
    InvalidWheelName,
)
from ipwhl_mirror.domain.wheels import parse_wheel_name
from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.domain.wheel_metadata import CoreMetadata

PACKAGES = "pkgs"
"""The directory of the declarations."""
SUPPORTED = "SUPPORTED"
"""The name of the list of environments."""
DECLARATION_LIMIT = 1 << 20
"""Characters of a declaration or a list of environments, at most."""
MOST_ENVIRONMENTS = 500
"""Lines with an environment, at most."""

_SUFFIX = ".toml"
_FIELDS = frozenset({"source", "content-id", "requires-python", "extras", "dependencies"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_NOT_LITERAL = re.compile(r"[^\x20-\x26\x28-\x7e]")
_ESCAPED = re.compile(r'[\x00-\x1f"\\\x7f]')
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a declaration says of a wheel; the texts are from outside, not safe to show and not checked.

    Attributes:
        source: the address the wheel was published at.
        content_id: of its file.
        requires_python: a version specifier; None where the wheel has none.
        extras: those that are kept working.
        dependencies: requirements (PEP 508).
    """

    source: str
    content_id: Cid
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


def declare(source: str, content_id: Cid, metadata: CoreMetadata) -> Declaration:
    """The declaration of a wheel with this METADATA."""
    return Declaration(
        source=source,
        content_id=content_id,
        requires_python=metadata.requires_python,
        extras=metadata.provides_extra,
        dependencies=metadata.requires_dist,
    )


def prefix_of(project: str) -> str:
    """The directory that a project's directory lies in.

    >>> prefix_of("numpy")
    '39'
    """
    return f"{sum(map(ord, project)) & 0xFF:02x}"


def declaration_path(project: str, filename: str) -> str:
    """Where the declaration of a wheel lies, below the repository's root.

    >>> declaration_path("six", "six-1.16.0-py2.py3-none-any.whl")
    'pkgs/54/six/six-1.16.0-py2.py3-none-any.toml'
    """
    return f"{PACKAGES}/{prefix_of(project)}/{project}/{filename.removesuffix('.whl')}{_SUFFIX}"


def declared_wheel(path: str) -> tuple[str, str]:
    """The project and the file name of the wheel that a declaration at this path is of.

    Args:
        path: below the repository's root.

    Raises:
        InvalidDeclaration: no declaration lies there.
    """
    parts = path.split("/")
    if len(parts) != 4 or parts[0] != PACKAGES or not path.endswith(_SUFFIX):
        raise InvalidDeclaration(path, "it is not at pkgs/PREFIX/PROJECT/WHEEL.toml")
    _, prefix, project, name = parts
    if prefix != prefix_of(project):
        raise InvalidDeclaration(
            path, f"the prefix of the project is '{prefix_of(project)}', not '{safe_text(prefix, _SHOWN)}'"
        )
    filename = name.removesuffix(_SUFFIX) + ".whl"
    try:
        parse_wheel_name(filename, project)
    except InvalidWheelName as error:
        raise InvalidDeclaration(path, error.reason) from error
    return project, filename


def parse_declaration(text: str, path: str) -> Declaration:
    """Read a declaration.

    Args:
        path: for the error.

    Raises:
        InvalidDeclaration: it is no TOML, longer than DECLARATION_LIMIT, or a field is missing or no such
            value.
    """
    if len(text) > DECLARATION_LIMIT:
        raise InvalidDeclaration(path, f"it is longer than {DECLARATION_LIMIT} characters")
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidDeclaration(path, f"it is no TOML: {safe_text(str(error), _SHOWN)}") from error
    if unknown := sorted(table.keys() - _FIELDS):
        raise InvalidDeclaration(path, f"'{safe_text(unknown[0], _SHOWN)}' is no field of a declaration")
    named = _text(table, "content-id", path)
    try:
        cid = Cid.parse(named)
    except InvalidCid as error:
        raise InvalidDeclaration(path, f"content-id '{safe_text(named, _SHOWN)}' is no CID") from error
    return Declaration(
        source=_text(table, "source", path),
        content_id=cid,
        requires_python=_text(table, "requires-python", path) if "requires-python" in table else None,
        extras=_texts(table, "extras", path),
        dependencies=_texts(table, "dependencies", path),
    )


def _text(table: Mapping[str, object], field: str, path: str) -> str:
    value = table.get(field)
    if not isinstance(value, str):
        raise InvalidDeclaration(path, f"{field} is missing, or no text")
    return value


def _texts(table: Mapping[str, object], field: str, path: str) -> tuple[str, ...]:
    values = table.get(field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidDeclaration(path, f"{field} is missing, or no list of texts")
    return tuple(values)


def format_declaration(declaration: Declaration) -> str:
    """The text of a declaration, dependencies a line each."""
    lines = [
        f"source = {_quoted(declaration.source)}",
        f"content-id = {_quoted(str(declaration.content_id))}",
    ]
    if declaration.requires_python is not None:
        lines.append(f"requires-python = {_quoted(declaration.requires_python)}")
    lines.append(f"extras = [{', '.join(map(_quoted, declaration.extras))}]")
    if declaration.dependencies:
        lines += [
            "dependencies = [",
            *(f"\t{_quoted(dependency)}," for dependency in declaration.dependencies),
            "]",
        ]
    else:
        lines.append("dependencies = []")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As a TOML string: literal where that can be, because requirements have quotation marks in them."""
    if not _NOT_LITERAL.search(text):
        return f"'{text}'"
    escaped = _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], f"\\u{ord(found[0]):04x}"), text)
    return f'"{escaped}"'


def parse_supported(text: str, path: str = SUPPORTED) -> tuple[Environment, ...]:
    """Read a list of environments, in its order; empty lines and those that begin with `#` do not count.

    Args:
        path: for the error.

    Raises:
        InvalidSupported: a line is none, there are none or more than MOST_ENVIRONMENTS, or the text is
            longer than DECLARATION_LIMIT.
    """
    if len(text) > DECLARATION_LIMIT:
        raise InvalidSupported(path, f"it is longer than {DECLARATION_LIMIT} characters")
    found: dict[Environment, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found[_environment(line, number, path)] = None
        if len(found) > MOST_ENVIRONMENTS:
            raise InvalidSupported(path, f"it has more than {MOST_ENVIRONMENTS} environments")
    if not found:
        raise InvalidSupported(path, "it names no environment")
    return tuple(found)


def _environment(line: str, number: int, path: str) -> Environment:
    try:
        # one word would be `this`, which is another environment on another machine
        if len(line.split()) == 2:
            return Environment.parse(line)
        raise InvalidSelection("-e", line, "not two words")
    except InvalidSelection as error:
        raise InvalidSupported(
            path,
            f"line {number}, '{safe_text(line, _SHOWN)}', is no environment",
            hint="write an interpreter and a platform tag, as in: cp312 manylinux_2_28_x86_64",
        ) from error


def format_supported(environments: Iterable[Environment]) -> str:
    """The text of a list of environments."""
    return "".join(f"{environment}\n" for environment in environments)
