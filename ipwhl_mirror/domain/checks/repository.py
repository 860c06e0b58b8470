"""A repository as checks see it: directories of projects, wheels in them, and what their METADATA says.

It is a tree of `<project>/<wheel>`, a release or a directory of this machine, or a metadata repository.
Texts of METADATA that many wheels share are kept once: 50,000 wheels repeat a few thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.version import Version

from ipwhl_mirror.domain.checks.findings import Rule
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.wheel_metadata import CoreMetadata, parse_metadata
from ipwhl_mirror.domain.wheels import normalize_name, parse_wheel_name

if TYPE_CHECKING:
    from ipwhl_mirror.domain.declarations import Declaration
    from ipwhl_mirror.domain.wheels import WheelTags

_MENDED = {
    Rule.FOREIGN_ENTRY: "remove it",
    Rule.DECLARATION: "write the declaration anew",
    Rule.WHEEL_NAME: "give it the name it was built with, or remove it",
    Rule.WHEEL_ABSENT: "pin the release here, and check it then",
    Rule.METADATA_READABLE: "replace the wheel by one that is whole, as its publisher made it",
}


class RepositoryKind(Enum):
    """What is checked."""

    WHEELS = "wheels"
    DECLARATIONS = "declarations"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedWheel:
    """A wheel, or the declaration of one.

    Attributes:
        path: of the file, below the root.
        project: the name of its directory.
        key: the same in the form in which names are compared.
        filename: of the wheel.
        name: of the project, as the file name spells it.
        version: of the file name; `spelled_version` as it is there.
        tags: of the file name.
        metadata: None where it could not be read.
    """

    path: str
    project: str
    key: str
    filename: str
    name: str
    version: Version
    spelled_version: str
    tags: WheelTags
    metadata: CoreMetadata | None = None

    @classmethod
    def named(cls, path: str, project: str, filename: str) -> CheckedWheel:
        """A wheel of which only the name was read.

        Raises:
            InvalidWheelName: it is no wheel's name of this project.
        """
        name = parse_wheel_name(filename, project)
        return cls(
            path=path,
            project=project,
            key=normalize_name(project),
            filename=filename,
            name=name.name,
            version=_version(name.version),
            spelled_version=name.version,
            tags=name.tags,
        )

    def described(self, metadata: bytes) -> CheckedWheel:
        """The same with its METADATA.

        Raises:
            InvalidWheel: it cannot be read.
        """
        return replace(self, metadata=_shared(parse_metadata(metadata, self.filename)))

    def declared(self, declaration: Declaration) -> CheckedWheel:
        """The same with what its declaration says; of name and version that says nothing."""
        return replace(
            self,
            metadata=_shared(
                CoreMetadata(
                    name=self.name,
                    version=self.spelled_version,
                    requires_python=declaration.requires_python,
                    requires_dist=declaration.dependencies,
                    provides_extra=declaration.extras,
                )
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What was found wrong while a repository was read.

    Attributes:
        path: below the root, not safe to show.
        project: the name of its directory; "" where there is none.
        reason: in words that are safe to show.
    """

    rule: Rule
    path: str
    project: str
    reason: str

    @property
    def fix(self) -> str:
        """How to mend it."""
        return _MENDED[self.rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """All of it.

    Attributes:
        projects: the names of the projects' directories, each once.
        wheels: those whose names could be read.
        faults: what was wrong with the rest, and with METADATA.
    """

    kind: RepositoryKind
    projects: tuple[str, ...]
    wheels: tuple[CheckedWheel, ...]
    faults: tuple[Fault, ...] = ()


def shown(text: str) -> str:
    """Text from outside in the words of a finding."""
    return f"'{safe_text(text, 120)}'"


@lru_cache(maxsize=16384)
def _version(text: str) -> Version:
    return Version(text)


@lru_cache(maxsize=16384)
def _same(texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts


def _shared(metadata: CoreMetadata) -> CoreMetadata:
    return replace(
        metadata,
        requires_dist=_same(metadata.requires_dist),
        provides_extra=_same(metadata.provides_extra),
    )
