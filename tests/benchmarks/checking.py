"""Checking the dependencies of a large repository, beside evaluating each marker of each wheel by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ipwhl_mirror.domain.checks.checking import check_repository
from ipwhl_mirror.domain.checks.repository import CheckedWheel, Repository, RepositoryKind
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.marker_environments import environment_values
from tests.benchmarks.measuring import Figure, clocked, in_turns, require
from tests.simulators.repositories import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.measuring import Size

ENVIRONMENTS = tuple(
    Environment.parse(f"cp3{minor} {platform}")
    for minor in (11, 12)
    for platform in ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "macosx_14_0_arm64", "win_amd64")
)
_TAGS = (
    *(
        f"cp3{minor}-cp3{minor}-{platform}"
        for minor in (11, 12)
        for platform in ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "macosx_11_0_arm64", "win_amd64")
    ),
    "cp312-cp312-musllinux_1_2_x86_64",
)
_MISSING = "gone; sys_platform == 'darwin'"
_UNMET = 20
"""One project of so many needs something that is not there."""


def check(size: Size) -> Iterator[Figure]:
    """Each rule in eight environments; every project needs others, some of them by marker or extra."""
    repository = _make(size.projects)

    def ours() -> None:
        report = check_repository(repository, ENVIRONMENTS)
        unmet = sum(_MISSING in finding.what for finding in report.findings)
        require(unmet == -(-size.projects // _UNMET), f"{unmet} findings of what is missing")

    def other() -> None:
        missing = _naively(repository)
        require(len(missing) == -(-size.projects // _UNMET), f"{len(missing)} projects with what is missing")

    taken, beside = in_turns(size.rounds, clocked(ours), clocked(other))
    yield Figure(
        name="check: every rule",
        work=f"{len(repository.wheels)} wheels, {len(ENVIRONMENTS)} environments",
        ours=taken,
        other=beside,
        other_way="dependencies alone, each marker of each wheel evaluated",
    )


def _make(projects: int) -> Repository:
    wheels = []
    for number in range(projects):
        project = f"project-{number}"
        # every other project is pure, so that all of it is needed everywhere and is there
        tags = _TAGS if number % 2 else ("py3-none-any",)
        needs = [f"project-{(number + step) // 2 * 2 % projects}>=1" for step in (2, 10, 40)]
        needs += [
            f"project-{number // 3 * 2 % projects} ; python_version < '3.12'",
            f"project-{number // 5 * 2 % projects}<3 ; platform_system == 'Windows'",
            f"project-{number // 7 * 2 % projects}>=1 ; extra == 'more'",
        ]
        needs += [_MISSING] * (number % _UNMET == 0)
        said = metadata(project, requires=needs, extras=["more"], python=">=3.9")
        for tag in tags:
            filename = f"project_{number}-1-{tag}.whl"
            wheels.append(CheckedWheel.named(f"{project}/{filename}", project, filename).described(said))
    return Repository(
        kind=RepositoryKind.WHEELS,
        projects=tuple(dict.fromkeys(wheel.project for wheel in wheels)),
        wheels=tuple(wheels),
    )


def _naively(repository: Repository) -> set[str]:
    """Projects with an unmet dependency: one environment after the other, one wheel after the other."""
    missing: set[str] = set()
    for environment in ENVIRONMENTS:
        values = next(iter(environment_values(environment, [0])))
        installable = {wheel.key: wheel for wheel in repository.wheels if environment.runs(wheel.tags)}
        for wheel in installable.values():
            assert wheel.metadata is not None
            for text in wheel.metadata.requires_dist:
                need = Requirement(text)
                if need.marker is None or any(
                    need.marker.evaluate({**values, "extra": extra}) for extra in ("", "more")
                ):
                    found = installable.get(canonicalize_name(need.name))
                    if found is None or not need.specifier.contains(found.version, prereleases=True):
                        missing.add(wheel.project)
    return missing
