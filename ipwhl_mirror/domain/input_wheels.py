"""The wheels that a release is made of: which they are, and where each is to be had.

Values only; `services.publish_inputs` makes them. Names were read as those of wheels, so they are safe to
show; where a wheel comes from is told in words that are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from ipwhl_mirror.domain.wheels import parse_wheel_name

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.wheels import WheelName
    from ipwhl_mirror.ipld.cid import Cid


@dataclass(frozen=True, slots=True)
class FileHere:
    """A file of this machine.

    Attributes:
        path: where it lies; its name need not be the wheel's.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class OnNode:
    """A file that is whole on the node.

    Attributes:
        cid: it goes into the release under this CID, as it is.
        tsize: of the link to it, in bytes; None where the release it is of says none.
    """

    cid: Cid
    tsize: int | None


@dataclass(frozen=True, slots=True)
class AtAddress:
    """A file that a lock names and that is not here as a file.

    Attributes:
        url: http or https, as the lock has it; not safe to show.
        on_node: where it is whole on the node under another CID than it would get here: it is copied from
            there, and nothing travels.
    """

    url: str
    on_node: Cid | None = None


Place = FileHere | OnNode | AtAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class InputWheel:
    """A wheel that goes into a release.

    Attributes:
        project: the directory it goes into: the name by PEP 503.
        filename: as it is in the release.
        place: where it is to be had.
        given_by: the input it comes from, safe to show.
        size: in bytes; of a wheel on the node what its link says. None where nobody said.
        sha256: 32 bytes; None where it is not known. Of a wheel of a lock it always is.
    """

    project: str
    filename: str
    place: Place
    given_by: str
    size: int | None = None
    sha256: bytes | None = None

    @property
    def name(self) -> WheelName:
        """What its file name says."""
        return parse_wheel_name(self.filename, self.project)

    @property
    def version(self) -> Version:
        """The version of its file name."""
        return Version(self.name.version)

    @property
    def path(self) -> str:
        """Where it lies in the release."""
        return f"{self.project}/{self.filename}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything that goes into a release.

    Attributes:
        wheels: by project and file name; no file name twice, no project in two versions from two inputs.
        environments: what the wheels of locks were chosen for, sorted; None where no input is a lock.
        left_out: environments that were thought of and left out, because a lock has no wheel of a project
            that it needs there; each with the projects. Only where nobody named the environments.
        dropped: projects that were left out on demand, sorted.
    """

    wheels: tuple[InputWheel, ...]
    environments: tuple[Environment, ...] | None = None
    left_out: tuple[tuple[Environment, tuple[str, ...]], ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def to_fetch(self) -> tuple[InputWheel, ...]:
        """Those that have to travel."""
        return tuple(
            wheel
            for wheel in self.wheels
            if isinstance(wheel.place, AtAddress) and wheel.place.on_node is None
        )

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects, sorted."""
        return tuple(dict.fromkeys(wheel.project for wheel in self.wheels))

    @property
    def bytes(self) -> int:
        """Of all wheels, as far as their sizes are known."""
        return sum(wheel.size or 0 for wheel in self.wheels)
