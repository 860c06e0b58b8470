"""Of the wheels of some locks, those that a release takes.

An environment is *served* by a lock that is for it and of which every package that it needs there has a wheel
that installs there, in the lock or among the wheels that the release has anyway. Of several locks (one a
platform, one a Python) each serves what it can, and a release takes what those need that serve. Of each
project `choosing` then takes the wheels for the environments in which it is needed.

Nothing is raised here for what locks or environments lack: it is all in the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.choosing import choose
from ipwhl_mirror.domain.locked_wheels import Needs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.version import Version

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.locked_wheels import LockedPackage, LockedWheel, WheelLock
    from ipwhl_mirror.domain.wheels import WheelTags


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A wheel that is taken from a lock.

    Attributes:
        lock: the first of those that have it.
    """

    project: str
    lock: WheelLock
    wheel: LockedWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An environment that no lock serves.

    Attributes:
        projects: what the lock that lacks least needs there and has no wheel of, sorted; () where no lock is
            for the environment.
    """

    environment: Environment
    projects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInUse:
    """A version of a project that locks need."""

    version: Version | None
    lock: WheelLock
    environments: tuple[Environment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChoice:
    """What is taken, and what is wrong with it.

    Attributes:
        taken: by project and file name.
        environments: those that are served, sorted.
        gaps: the others, sorted.
        needed: the projects that are needed in one version, with it.
        versions: of projects that would be there in several versions, in what they are needed.
        differing: two wheels of one name and other bytes.
    """

    taken: tuple[Taken, ...]
    environments: tuple[Environment, ...]
    gaps: tuple[Gap, ...]
    needed: Mapping[str, VersionInUse]
    versions: Mapping[str, tuple[VersionInUse, ...]]
    differing: tuple[tuple[Taken, Taken], ...]


@dataclass(slots=True)
class _Project:
    """Where a project is needed, by version, and what wheels of it there are."""

    environments: dict[Version | None, dict[Environment, WheelLock]] = field(default_factory=dict)
    wheels: dict[str, Taken] = field(default_factory=dict)


def choose_of_locks(
    locks: Sequence[WheelLock],
    environments: Iterable[Environment],
    there: Mapping[str, Sequence[WheelTags]],
) -> LockChoice:
    """Choose.

    Args:
        locks: narrowed to what is wanted.
        there: tags of the wheels that the release has anyway, by project.

    Raises:
        InvalidLock: a marker cannot be evaluated.
    """
    needs = [(lock, Needs(lock)) for lock in locks]
    served: list[Environment] = []
    gaps: list[Gap] = []
    projects: dict[str, _Project] = {}
    differing: dict[str, tuple[Taken, Taken]] = {}
    for environment in sorted(set(environments)):
        serving, gap = _serving(needs, environment, there)
        if serving:
            served.append(environment)
        else:
            gaps.append(gap)
        for lock, packages in serving:
            for package in packages:
                found = projects.setdefault(package.name, _Project())
                found.environments.setdefault(package.version, {}).setdefault(environment, lock)
                _add_wheels(found, package, lock, differing)
    taken: list[Taken] = []
    in_use: dict[str, tuple[VersionInUse, ...]] = {}
    for name, project in sorted(projects.items()):
        in_use[name] = tuple(
            VersionInUse(version=version, lock=next(iter(found.values())), environments=tuple(found))
            for version, found in project.environments.items()
        )
        if len(in_use[name]) == 1:
            names = {filename: each.wheel.name for filename, each in project.wheels.items()}
            choice = choose(names, in_use[name][0].environments, there.get(name, ()))
            taken += (project.wheels[filename] for filename in choice.filenames)
    return LockChoice(
        taken=tuple(taken),
        environments=tuple(served),
        gaps=tuple(gaps),
        needed={name: found[0] for name, found in in_use.items() if len(found) == 1},
        versions={name: found for name, found in in_use.items() if len(found) > 1},
        differing=tuple(pair for _, pair in sorted(differing.items())),
    )


def _serving(
    needs: Sequence[tuple[WheelLock, Needs]],
    environment: Environment,
    there: Mapping[str, Sequence[WheelTags]],
) -> tuple[list[tuple[WheelLock, tuple[LockedPackage, ...]]], Gap]:
    """The locks that serve an environment with what they need there; what is lacking where none does."""
    serving: list[tuple[WheelLock, tuple[LockedPackage, ...]]] = []
    lacking: list[tuple[str, ...]] = []
    runs: dict[str, bool] = {}

    def install(tags: WheelTags) -> bool:
        if tags.text not in runs:
            runs[tags.text] = environment.runs(tags)
        return runs[tags.text]

    for lock, need in needs:
        packages = need.needed(environment)
        missing = {
            package.name
            for package in packages
            if not any(map(install, there.get(package.name, ())))
            and not (
                need.installs(package, environment)
                and any(install(wheel.name.tags) for wheel in package.wheels)
            )
        }
        if packages and not missing:
            serving.append((lock, packages))
        elif packages:
            lacking.append(tuple(sorted(missing)))
    least = min(lacking, key=lambda names: (len(names), names), default=())
    return serving, Gap(environment=environment, projects=least)


def _add_wheels(
    project: _Project, package: LockedPackage, lock: WheelLock, differing: dict[str, tuple[Taken, Taken]]
) -> None:
    for wheel in package.wheels:
        this = Taken(project=package.name, lock=lock, wheel=wheel)
        known = project.wheels.setdefault(wheel.filename, this)
        if known.wheel.sha256 != wheel.sha256:
            differing.setdefault(wheel.filename, (known, this))
