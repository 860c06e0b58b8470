"""The environments that wheels of locks are chosen for where no list of them is given.

They are those that the locks' wheels are made for (`checks.supported`), within the selection, but that the
platform tag is as old as it can be: the oldest on which every project has the wheels that it has on newer
ones. So what is chosen for them installs on as many machines as the locks allow.

- `-e`: these.
- `-p`: the platforms; a platform that no wheel names (a lock of pure Python) has the usual oldest tag.
- `--python`: on every platform these Pythons, and no other.
- Where the locks are for none of the Pythons that the wheels name: the oldest that they are for, from the
  3.12 on that a repository without such wheels has.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.checks.supported import OLDEST_PYTHON, derive_supported, ranked
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.marker_environments import NEWEST_PYTHON
from ipwhl_mirror.domain.platforms import ANY, family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ipwhl_mirror.domain.checks.supported import Ranked
    from ipwhl_mirror.domain.environments import PythonVersion
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.domain.wheels import WheelTags

_USUAL = {
    "linux-": "manylinux_2_28_",
    "musl-": "musllinux_1_2_",
    "macos-": "macosx_14_0_",
}
_USUAL_WINDOWS = {"windows-amd64": "win_amd64", "windows-x86": "win32", "windows-arm64": "win_arm64"}


def environments_within(
    selection: Selection, projects: Collection[Collection[WheelTags]], is_for: Callable[[Environment], bool]
) -> tuple[Environment, ...]:
    """The environments, sorted.

    Args:
        projects: of each project of the locks the tags of all its wheels.
        is_for: whether one of the locks is for the Python of an environment.
    """
    found = set(selection.environments)
    if selection.environments and not selection.platforms:
        return tuple(sorted(found))
    derived = set(derive_supported({tags for project in projects for tags in project}))
    if selection.pythons:
        platforms = {environment.platform for environment in derived}
        named = {interpreter_of(python) for python in selection.pythons}
        derived = {Environment(*pair) for pair in product(named, platforms)}
    elif not any(map(is_for, derived)):
        derived = _of_another_python(derived, is_for)
    else:
        derived = {environment for environment in derived if is_for(environment)}
    on_platforms = _on_platforms(derived, set(selection.platforms) - {ANY})
    return tuple(sorted(found | _as_old_as_can_be(on_platforms, projects)))


def narrowed(environments: Iterable[Environment], selection: Selection) -> tuple[Environment, ...]:
    """Those that a selection is for, sorted: its own, and those of its platforms and Pythons."""
    families = set(selection.platforms) - {ANY}
    pythons = {interpreter_of(python) for python in selection.pythons}
    is_open = not selection.environments or bool(selection.platforms)
    return tuple(
        sorted(
            environment
            for environment in environments
            if environment in selection.environments
            or (
                is_open
                and (not families or not families.isdisjoint(family_of(environment.platform)))
                and (not pythons or environment.interpreter in pythons)
            )
        )
    )


def interpreter_of(python: PythonVersion) -> str:
    """The interpreter tag of a CPython.

    >>> from ipwhl_mirror.domain.environments import PythonVersion
    >>> interpreter_of(PythonVersion.parse("3.13t"))
    'cp313t'
    """
    return f"cp{python.major}{python.minor}{'t' if python.free_threaded else ''}"


def _of_another_python(
    derived: Collection[Environment], is_for: Callable[[Environment], bool]
) -> set[Environment]:
    minors = [*range(OLDEST_PYTHON, NEWEST_PYTHON + 1), *range(OLDEST_PYTHON - 1, 5, -1)]
    for minor in minors:
        found = {Environment(f"cp3{minor}", environment.platform) for environment in derived}
        if any(map(is_for, found)):
            return found
    return set()


def _on_platforms(derived: Collection[Environment], families: set[str]) -> set[Environment]:
    if not families:
        return set(derived)
    interpreters = {environment.interpreter for environment in derived}
    found: set[Environment] = set()
    for family in families:
        on_it = {each for each in derived if family in family_of(each.platform)}
        found |= on_it or {
            Environment(interpreter, usual)
            for interpreter in interpreters
            if (usual := usual_tag(family)) is not None
        }
    return found


def _as_old_as_can_be(
    environments: Collection[Environment], projects: Iterable[Collection[WheelTags]]
) -> set[Environment]:
    families = {each: min(family_of(each.platform)) for each in environments}
    needed: dict[str, Ranked] = {}
    oldest: dict[str, Ranked] = {}
    for project in projects:
        for environment, family in families.items():
            running = [tags for tags in project if environment.runs(tags)]
            asked = [each for tags in running if (each := _asked(tags, family)) is not None]
            if asked:
                least = min(asked)
                oldest[family] = min(oldest.get(family, least), least)
                if len(asked) == len(running):  # none runs anywhere
                    needed[family] = max(needed.get(family, least), least)
    tags = {family: tag for family, (_, tag) in (oldest | needed).items()}
    return {
        Environment(each.interpreter, tags.get(family, each.platform)) for each, family in families.items()
    }


def _asked(tags: WheelTags, family: str) -> Ranked | None:
    """The oldest platform tag of a family that a wheel runs on; None where it runs anywhere."""
    if ANY in tags.platforms:
        return None
    return min((ranked(tag, family) for tag in tags.platforms if family in family_of(tag)), default=None)


def usual_tag(family: str) -> str | None:
    """The platform tag that wheels for a platform usually have; None where it is no platform.

    >>> usual_tag("windows-amd64"), usual_tag("windows-x86_64")
    ('win_amd64', None)
    """
    for prefix, tag in _USUAL.items():
        if family.startswith(prefix):
            return tag + family.removeprefix(prefix)
    return _USUAL_WINDOWS.get(family)
