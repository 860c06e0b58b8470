"""Whether an environment marker can be true in an environment, for a wheel or an extra of it.

A marker sees the patch release of Python and the machine, and an environment names neither: it holds where it
does for one of those that the environment may be. Where that cannot be told (the release of a kernel), it
holds. So what is needed somewhere is looked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

from ipwhl_mirror.domain.marker_environments import environment_values

if TYPE_CHECKING:
    from packaging.markers import Marker

    from ipwhl_mirror.domain.checks.requirements import Need
    from ipwhl_mirror.domain.environments import Environment

SOME_PATCHES = (0, 99)
"""Patch releases of a Python that are thought of, beside those around one that is named."""
_UNTOLD = re.compile(r"\b(?:platform_release|platform_version|implementation_version)\b")
_VARIABLE = re.compile(
    r"\b(?:os_name|sys_platform|platform_machine|platform_python_implementation|platform_system|"
    r"python_version|python_full_version|implementation_name)\b"
)
_PATCH = re.compile(r"\b[0-9]{1,3}\.[0-9]{1,3}\.([0-9]{1,4})\b")
_MOST_PATCHES = 32


def thinkable_patches(text: str) -> tuple[int, ...] | None:
    """The patch releases that make a difference to a marker or a specifier; None where they are too many."""
    named = {int(found) for found in _PATCH.findall(text)}
    if len(named) > _MOST_PATCHES:
        return None
    around = {patch for each in named for patch in (max(0, each - 1), each, each + 1)}
    return tuple(sorted(around.union(SOME_PATCHES)))


class EnvironmentMarkers:
    """What markers say in one environment, each evaluated once.

    Attributes:
        unusable: texts of markers that cannot be evaluated; they hold.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._answers: dict[tuple[str, str], bool] = {}
        self.unusable: set[str] = set()

    def hold(self, need: Need, extra: str = "") -> bool:
        """Whether something is needed; `extra`: the one that is chosen."""
        if need.marker is None:
            return True
        chosen = extra if need.asks_for_extra else ""
        key = (need.marker_text, chosen)
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = self._evaluate(need, need.marker, chosen)
        return found

    def _evaluate(self, need: Need, marker: Marker, extra: str) -> bool:
        patches = thinkable_patches(need.marker_text)
        if patches is None or _UNTOLD.search(need.marker_text):
            return not need.of_extras or extra in need.of_extras
        asked = sorted(set(_VARIABLE.findall(need.marker_text)))
        tried = {
            tuple(values[name] for name in asked): values
            for values in environment_values(self._environment, patches)
        }
        try:
            return any(marker.evaluate({**values, "extra": extra}) for values in tried.values())
        except (UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
            self.unusable.add(need.marker_text)
            return True
