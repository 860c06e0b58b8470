"""What can be wrong with names, selections and trees.

DomainError
|- InvalidWheelName      a file name that is no wheel's of its project (also a ValueError)
|- InvalidWheel          a wheel whose archive or METADATA cannot be used (also a ValueError)
|- InvalidSelection      an option of a selection that cannot be (also a ValueError)
|  `- UnknownPlatform    a platform that no release could have, nor this one has
|- InvalidMarker         an environment marker that cannot be evaluated
|- InvalidLock           a lock file that cannot be used (also a ValueError)
|- InvalidDeclaration    a file of a metadata repository that cannot be used (also a ValueError)
|  `- InvalidSupported   its list of environments
`- UnrecognisedTree      a tree that is no release, no subset and no index

Broken blocks are `ipld.errors`. Messages hold no unescaped foreign text: it went through `display.safe_text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipwhl_mirror.ipld.cid import Cid

_SHOWN = 120


class DomainError(Exception):
    """Base of every error of this layer.

    Attributes:
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message)


class InvalidWheelName(DomainError, ValueError):
    """A file name is not that of a wheel of its project.

    Attributes:
        filename: the name as published, not safe to show.
        reason: what is wrong, in words that are safe to show.
    """

    def __init__(self, filename: str, reason: str) -> None:
        self.filename = filename
        self.reason = reason
        super().__init__(f"'{safe_text(filename, _SHOWN)}' is no wheel name: {reason}")


class InvalidWheel(DomainError, ValueError):
    """A wheel's archive, or METADATA in it, cannot be used.

    Attributes:
        filename: of the wheel, not safe to show.
        reason: what is wrong, in words that are safe to show.
    """

    def __init__(self, filename: str, reason: str) -> None:
        self.filename = filename
        self.reason = reason
        super().__init__(f"'{safe_text(filename, _SHOWN)}': {reason}")


class InvalidSelection(DomainError, ValueError):
    """An option of a selection cannot be.

    Attributes:
        option: as on the command line: `-p`, `-e`, `--python`, `--no-any`.
        value: what was given, not safe to show.
    """

    def __init__(self, option: str, value: str, reason: str, *, hint: str | None = None) -> None:
        self.option = option
        self.value = value
        super().__init__(f"{option} '{safe_text(value, _SHOWN)}': {reason}", hint=hint)


class UnknownPlatform(InvalidSelection):
    """A `-p` names a platform that no release could have, nor this one has.

    Attributes:
        families: the platforms that the release has, sorted.
    """

    def __init__(self, value: str, families: Iterable[str]) -> None:
        self.families = tuple(sorted(families))
        listed = ", ".join(safe_text(family) for family in self.families) or "none"
        super().__init__(
            "-p", value, "no such platform", hint=f"the release has wheels for these platforms: {listed}"
        )


class InvalidMarker(DomainError):
    """An environment marker cannot be evaluated."""


class InvalidLock(DomainError, ValueError):
    """A lock file cannot be read, or needs nothing that a release has.

    Attributes:
        filename: of the lock, not safe to show.
        package: of the lock, not safe to show; None where it is not one package's fault.
        reason: what is wrong, in words that are safe to show.
    """

    def __init__(self, filename: str, package: str | None, reason: str, *, hint: str | None = None) -> None:
        self.filename = filename
        self.package = package
        self.reason = reason
        where = "" if package is None else f", package {safe_text(package, _SHOWN)}"
        super().__init__(f"{safe_text(filename, _SHOWN)}{where}: {reason}", hint=hint)


class InvalidDeclaration(DomainError, ValueError):
    """A file of a metadata repository cannot be used.

    Attributes:
        path: of the file, not safe to show.
        reason: what is wrong, in words that are safe to show.
    """

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{safe_text(path, _SHOWN)}: {reason}", hint=hint)


class InvalidSupported(InvalidDeclaration):
    """A list of supported environments cannot be read."""


class UnrecognisedTree(DomainError):
    """A tree is no release, no subset of one and no index.

    Attributes:
        cid: the tree.
        reason: what is wrong, in words.
    """

    def __init__(self, cid: Cid, reason: str, *, hint: str | None = None) -> None:
        self.cid = cid
        self.reason = reason
        super().__init__(f"{cid} is no release, subset or index: {reason}", hint=hint)
