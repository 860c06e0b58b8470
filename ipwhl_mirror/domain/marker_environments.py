"""What environment markers see on the machines that a selection is for.

A marker asks for `sys_platform` or `python_full_version`, a selection names families, platform tags and
Pythons. Here a selection becomes every combination of marker values that one of its machines may have, and a
marker is *possible* when one combination makes it true. Where that cannot be told (the release of a kernel,
a platform nobody knows), it is possible.

Spec: https://packaging.python.org/specifications/dependency-specifiers/#environment-markers
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.environments import PythonVersion
from ipwhl_mirror.domain.errors import InvalidMarker
from ipwhl_mirror.domain.platforms import ANY, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.specifiers import SpecifierSet

    from ipwhl_mirror.domain.environments import Environment
    from ipwhl_mirror.domain.selections import Selection

OLDEST_PYTHON, NEWEST_PYTHON = 6, 20
"""Minor versions of Python 3 that are thought of where none is named."""
_CPYTHON, _PYPY = ("cpython", "CPython"), ("pypy", "PyPy")
_INTERPRETER = re.compile(r"(cp|pp)([1-9])([0-9]+)t?")
_UNTOLD = re.compile(r"\b(?:platform_release|platform_version|implementation_version)\b")
_VARIABLE = re.compile(
    r"\b(?:os_name|sys_platform|platform_machine|platform_python_implementation|platform_system|"
    r"python_version|python_full_version|implementation_name|extras|dependency_groups)\b"
)
_PATCH = re.compile(r"\b[0-9]{1,3}\.[0-9]{1,3}\.([0-9]{1,4})\b")
_SOME_PATCHES = (0, 99)
_SHOWN = 200

_SYSTEMS = {
    "linux-": ("posix", "linux", "Linux"),
    "musl-": ("posix", "linux", "Linux"),
    "macos-": ("posix", "darwin", "Darwin"),
    "windows-": ("nt", "win32", "Windows"),
    "android-": ("posix", "android", "Android"),
    "ios-": ("posix", "ios", "iOS"),
}
_MACHINES = {
    "linux-": ("x86_64", "i686", "aarch64", "armv7l", "armv6l", "ppc64le", "s390x", "riscv64", "loongarch64"),
    "macos-": ("arm64", "x86_64"),
    "windows-": ("AMD64", "x86", "ARM64"),
    "android-": ("aarch64", "x86_64"),
    "ios-": ("arm64", "x86_64"),
}
_OTHER_MACHINES = {
    # a program of 32 bits sees the machine that runs it
    "i686": ("i686", "i386", "x86_64"),
    "armv7l": ("armv7l", "armv8l", "aarch64"),
    "amd64": ("AMD64",),
    "x86": ("x86", "AMD64"),
    "arm64": ("arm64", "ARM64"),
    "arm64_v8a": ("aarch64",),
    "arm64_iphoneos": ("arm64",),
    "arm64_iphonesimulator": ("arm64",),
    "x86_64_iphonesimulator": ("x86_64",),
}


@dataclass(frozen=True, slots=True)
class Platform:
    """What markers see of a platform."""

    os_name: str
    sys_platform: str
    platform_system: str
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Python:
    """What markers see of an interpreter, but for its patch release."""

    version: PythonVersion
    implementation: tuple[str, str]


Machine = tuple[Python, Platform]
Values = dict[str, str | frozenset[str]]


def machines_of(selection: Selection, requires_python: SpecifierSet | None) -> tuple[Machine, ...]:
    """The machines that a selection is for: each `-e`, and each `-p` with each `--python`.

    Args:
        requires_python: bounds the Pythons where the selection names none.
    """
    found: dict[Machine, None] = {}
    for environment in selection.environments:
        found |= dict.fromkeys(product([_python_of(environment)], platforms_of(environment.platform)))
    if selection.platforms or not selection.environments:
        pythons = [Python(version, _CPYTHON) for version in selection.pythons] or list(
            _thinkable_pythons(requires_python)
        )
        platforms = [
            platform for family in selection.platforms or (ANY,) for platform in _platforms_of_family(family)
        ]
        found |= dict.fromkeys(product(pythons, platforms))
    return tuple(found)


def platforms_of(tag: str) -> tuple[Platform, ...]:
    """The platforms that a platform tag may be of."""
    return tuple(platform for family in sorted(family_of(tag)) for platform in _platforms_of_family(family))


def environment_values(environment: Environment, patches: Iterable[int]) -> Iterator[Values]:
    """Every combination of marker values that a machine of an environment may have.

    Args:
        patches: the patch releases of its Python that are thought of.
    """
    python = _python_of(environment)
    for platform, patch in product(platforms_of(environment.platform), patches):
        yield from _values(python, platform, patch)


class Possibilities:
    """Every combination of marker values on some machines, and which markers can be true there.

    Args:
        machines: at least one.
        markers: all that will be asked for; they say which patch releases make a difference.
        choices: extras and groups that may be chosen at a time.
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        markers: Iterable[Marker],
        choices: Sequence[tuple[frozenset[str], frozenset[str]]],
    ) -> None:
        patches = set(_SOME_PATCHES)
        for marker in markers:
            for text in _PATCH.findall(str(marker)):
                patches.update((max(0, int(text) - 1), int(text), int(text) + 1))
        self._combinations = [
            values
            for (python, platform), patch in product(machines, sorted(patches))
            for values in _values(python, platform, patch)
        ]
        self._choices = choices
        self._answers: dict[str, bool] = {}

    def narrow(self, markers: Sequence[Marker]) -> None:
        """Keep the combinations that make one of these true, all of them where there is no marker.

        Raises:
            InvalidMarker: one cannot be evaluated.
        """
        if markers:
            tests = [_Test(marker) for marker in markers]
            self._combinations = [
                values
                for values in self._combinations
                if any(test.holds({**values, **_chosen(self._choices[0])}) for test in tests)
            ]

    def allow(self, marker: Marker | None) -> bool:
        """Whether a marker can be true; no marker always is.

        Raises:
            InvalidMarker: it cannot be evaluated.
        """
        if marker is None:
            return bool(self._combinations)
        text = str(marker)
        if text not in self._answers:
            test = _Test(marker)
            self._answers[text] = any(
                test.holds({**values, **_chosen(choice)})
                for choice in (self._choices if test.asks_for_choices else self._choices[:1])
                for values in self._combinations
            )
        return self._answers[text]


class _Test:
    """One marker, each combination of the values that it asks for evaluated once."""

    def __init__(self, marker: Marker) -> None:
        text = str(marker)
        self._marker = marker
        self._is_untold = _UNTOLD.search(text) is not None
        self._asked = sorted(set(_VARIABLE.findall(text)))
        self.asks_for_choices = not {"extras", "dependency_groups"}.isdisjoint(self._asked)
        self._known: dict[tuple[str | frozenset[str], ...], bool] = {}

    def holds(self, values: Values) -> bool:
        if self._is_untold:
            return True
        key = tuple(values[name] for name in self._asked)
        if key not in self._known:
            try:
                self._known[key] = self._marker.evaluate(values, context="lock_file")
            except (UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError) as error:
                reason = safe_text(str(error) or type(error).__name__, _SHOWN)
                raise InvalidMarker(f"its marker cannot be evaluated: {reason}") from error
        return self._known[key]


def _chosen(choice: tuple[frozenset[str], frozenset[str]]) -> Mapping[str, frozenset[str]]:
    return {"extras": choice[0], "dependency_groups": choice[1]}


def _values(python: Python, platform: Platform, patch: int) -> Iterator[Values]:
    version = f"{python.version.major}.{python.version.minor}"
    name, shown_name = python.implementation
    for machine in platform.machines:
        yield {
            "implementation_name": name,
            "implementation_version": f"{version}.{patch}",
            "os_name": platform.os_name,
            "platform_machine": machine,
            "platform_python_implementation": shown_name,
            "platform_release": "",
            "platform_system": platform.platform_system,
            "platform_version": "",
            "python_full_version": f"{version}.{patch}",
            "python_version": version,
            "sys_platform": platform.sys_platform,
        }


def _python_of(environment: Environment) -> Python:
    found = _INTERPRETER.fullmatch(environment.interpreter)
    assert found is not None, "an Environment was checked when it was made"
    return Python(PythonVersion(int(found[2]), int(found[3])), _CPYTHON if found[1] == "cp" else _PYPY)


def _thinkable_pythons(requires_python: SpecifierSet | None) -> Iterator[Python]:
    versions = [PythonVersion(3, minor) for minor in range(OLDEST_PYTHON, NEWEST_PYTHON + 1)]
    if requires_python is not None:
        fitting = [
            version
            for version in versions
            if any(requires_python.contains(f"{version}.{patch}") for patch in _SOME_PATCHES)
        ]
        versions = fitting or versions
    yield from (Python(*pair) for pair in product(versions, (_CPYTHON, _PYPY)))


def _platforms_of_family(family: str) -> tuple[Platform, ...]:
    for prefix, system in _SYSTEMS.items():
        if family.startswith(prefix):
            machine = family.removeprefix(prefix)
            machines = _OTHER_MACHINES.get(machine, (machine,))
            found = [Platform(*system, machines)]
            if prefix == "android-":  # before Python 3.13 it called itself so
                found.append(Platform("posix", "linux", "Linux", machines))
            return tuple(found)
    return tuple(Platform(*_SYSTEMS[prefix], machines) for prefix, machines in _MACHINES.items())
