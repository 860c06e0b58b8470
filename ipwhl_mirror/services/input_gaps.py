"""What locks lack, in words: each with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.domain.lock_environments import interpreter_of
from ipwhl_mirror.domain.platforms import ANY, family_of
from ipwhl_mirror.services.errors import NothingSelected, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ipwhl_mirror.domain.environments import Environment, PythonVersion
    from ipwhl_mirror.domain.lock_choosing import Gap, LockChoice, Taken, VersionInUse
    from ipwhl_mirror.domain.selections import Selection

_LISTED = 20
_SHOWN = 120


def check_choice(choice: LockChoice, selection: Selection, *, listed: bool) -> None:
    """Make sure that the locks give what was asked for.

    Args:
        listed: whether a file lists the environments, so that all of them count.

    Raises:
        UsageProblem: a project would be there in several versions, a wheel has other bytes in another lock,
            or an environment that was asked for is not served.
    """
    if choice.versions:
        raise UsageProblem(
            f"the locks have several versions of {_names(choice.versions)}, and a release has one",
            hint='lock again for one version on all Pythons and platforms (uv: `fork-strategy = "fewest"` in '
            "[tool.uv]), choose less (--python, -p, -e), or leave the project out (--drop)",
            details=[_version_line(name, found) for name, found in choice.versions.items()],
        )
    if choice.differing:
        raise UsageProblem(
            f"{len(choice.differing)} wheel(s) have another SHA-256 in another lock",
            hint="lock again, all of them from the same index",
            details=[_differing_line(*pair) for pair in choice.differing],
        )
    unserved = list(choice.gaps if listed else _asked_for(choice, selection))
    if unserved:
        raise UsageProblem(
            f"the locks cannot be installed in {plural(len(unserved), 'environment')} asked for",
            hint="give a wheel of what is missing as another input, choose other environments (-p, --python, "
            "-e, --supported), or leave the project out (--drop)",
            details=_lines(unserved),
        )
    if not choice.environments:
        raise NothingSelected(
            "in no environment the locks can be installed whole",
            hint="choose environments (-p, --python, -e), or leave out what is missing (--drop)",
            details=_lines(choice.gaps),
        )


def _asked_for(choice: LockChoice, selection: Selection) -> Iterator[Gap]:
    """Gaps at what was named: an environment, or the whole of a platform, a Python, or one on the other."""
    gaps = {gap.environment: gap for gap in choice.gaps}
    for environment in selection.environments:
        if environment in gaps:
            yield gaps[environment]
    families: list[str | None] = [each for each in selection.platforms if each != ANY]
    pythons: list[PythonVersion | None] = [*selection.pythons]
    if not families and not pythons:
        return
    for family in families or [None]:
        for python in pythons or [None]:
            if not any(_is_of(each, family, python) for each in choice.environments):
                yield from (gap for each, gap in gaps.items() if _is_of(each, family, python))


def _is_of(environment: Environment, family: str | None, python: PythonVersion | None) -> bool:
    return (family is None or family in family_of(environment.platform)) and (
        python is None or environment.interpreter == interpreter_of(python)
    )


def _lines(gaps: Collection[Gap]) -> list[str]:
    lines = [
        f"{gap.environment}: "
        + (f"no wheel of {_names(gap.projects)}" if gap.projects else "no lock is for it")
        for gap in gaps
    ]
    more = len(lines) - _LISTED
    return [*lines[:_LISTED], *([f"and {more} more"] if more > 0 else [])]


def _names(names: Iterable[str]) -> str:
    found = [safe_text(name, _SHOWN) for name in names]
    return ", ".join(found[:_LISTED]) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")


def _version_line(name: str, found: Iterable[VersionInUse]) -> str:
    parts = []
    for each in found:
        some = ", ".join(map(str, each.environments[:3])) + (", ..." if len(each.environments) > 3 else "")
        parts.append(
            f"{safe_text(str(each.version), _SHOWN)} of {safe_text(each.lock.filename, _SHOWN)} in {some}"
        )
    return f"{safe_text(name, _SHOWN)}: {'; '.join(parts)}"


def _differing_line(one: Taken, other: Taken) -> str:
    first, second = (safe_text(each.lock.filename, _SHOWN) for each in (one, other))
    return (
        f"{one.wheel.filename}: {one.wheel.sha256.hex()} in {first}, {other.wheel.sha256.hex()} in {second}"
    )
