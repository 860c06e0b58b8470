"""Environments: an interpreter and a platform, and the tags that run there.

The tag sets are written down here (trees.md 3) instead of asked of a library, because two mirrors that
choose the same must get the same wheels whatever they have installed. Only what macOS runs is
`packaging.tags.mac_platforms` (as of packaging 26.3). Nothing here asks which wheel would be preferred,
only whether one runs.

Spec: PEP 425 (tags), PEP 384 (abi3), PEP 600 (manylinux), PEP 656 (musllinux), PEP 703 (free-threaded
CPython).
"""

from __future__ import annotations

import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import mac_platforms, platform_tags

from ipwhl_mirror.domain.errors import InvalidSelection
from ipwhl_mirror.domain.platforms import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.domain.wheels import WheelTags

THIS = "this"
"""The environment of the running Python, as an `-e` value."""

_NUMBER = r"([0-9]{1,4})"
_PYTHON = re.compile(r"([1-9])\.(0|[1-9][0-9]{0,2})(t?)")
_INTERPRETER = re.compile(r"(cp|pp)([1-9])(0|[1-9][0-9]{0,2})(t?)")
_PLATFORM_TAG = re.compile(r"[a-z0-9_]+")
_MANYLINUX = re.compile(rf"manylinux_2_{_NUMBER}_(.+)")
_OLD_MANYLINUX = re.compile(r"manylinux(1|2010|2014)_(.+)")
_MUSLLINUX = re.compile(rf"musllinux_1_{_NUMBER}_(.+)")
_MACOS = re.compile(rf"macosx_{_NUMBER}_{_NUMBER}_(.+)")
_OLD_GLIBC = {"2014": 17, "2010": 12, "1": 5}
_OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
_OLDEST_GLIBC_ELSEWHERE = 17


@dataclass(frozen=True, slots=True)
class InterpreterTags:
    """The (py, abi) pairs that an interpreter loads.

    Attributes:
        abis: of each py tag, the abi tags that go with it.
        prefixes: of a py tag, how further abi tags begin (PyPy).
    """

    abis: Mapping[str, frozenset[str]]
    prefixes: Mapping[str, str]

    def load(self, tags: WheelTags) -> bool:
        """True when one (py, abi) of the wheel is among them."""
        for python in tags.pythons & self.abis.keys():
            if not self.abis[python].isdisjoint(tags.abis):
                return True
            prefix = self.prefixes.get(python)
            if prefix is not None and any(abi.startswith(prefix) for abi in tags.abis):
                return True
        return False

    def load_anywhere(self, tags: WheelTags) -> bool:
        """The same with the abi `none`, as the platform `any` needs it."""
        return "none" in tags.abis and any(
            "none" in self.abis[python] for python in tags.pythons & self.abis.keys()
        )


@dataclass(frozen=True, slots=True, order=True)
class PythonVersion:
    """A minor version of CPython.

    Attributes:
        major, minor: 3 and 13 in 3.13.
        free_threaded: True for 3.13t, a build without the global lock.
    """

    major: int
    minor: int
    free_threaded: bool = False

    @classmethod
    def parse(cls, text: str) -> PythonVersion:
        """Read `X.Y` or `X.Yt`.

        Raises:
            InvalidSelection: it is neither.
        """
        found = _PYTHON.fullmatch(text.lower())
        if found is None:
            raise InvalidSelection(
                "--python", text, "not a Python version", hint="write X.Y, as in 3.12, or X.Yt, as in 3.13t"
            )
        return cls(int(found[1]), int(found[2]), bool(found[3]))

    @property
    def tags(self) -> InterpreterTags:
        """What this CPython loads."""
        return _cpython_tags(self)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}{'t' if self.free_threaded else ''}"


@dataclass(frozen=True, slots=True, order=True)
class Environment:
    """An interpreter on a platform, as in a SUPPORTED line of IPWHL.

    Attributes:
        interpreter: `cp311`, `cp313t`, `pp310`.
        platform: a platform tag in lower case; manylinux2014 and older are written as their 2_N.
    """

    interpreter: str
    platform: str

    @classmethod
    def parse(cls, text: str) -> Environment:
        """Read `INTERPRETER PLATFORMTAG`, or `this`.

        Raises:
            InvalidSelection: it is neither, the interpreter is no CPython or PyPy, or the platform is
                macOS universal2, which no machine is.
        """
        words = text.lower().split()
        if words == [THIS]:
            return this_environment()
        if len(words) != 2:
            raise InvalidSelection(
                "-e",
                text,
                "not an interpreter tag and a platform tag",
                hint="write both, as in -e 'cp312 manylinux_2_28_x86_64', or -e this",
            )
        interpreter, platform = words
        if not _is_interpreter(interpreter):
            raise InvalidSelection(
                "-e", text, "not an interpreter", hint="write cp312, cp313t or pp311 before the platform tag"
            )
        return cls(interpreter, _canonical_platform(text, platform))

    @property
    def tags(self) -> InterpreterTags:
        """What the interpreter loads."""
        return _interpreter_tags(self.interpreter)

    @property
    def platforms(self) -> frozenset[str]:
        """The platform tags that run there, without `any`."""
        return _platforms_that_run(self.platform)

    def runs(self, tags: WheelTags) -> bool:
        """True when a wheel with these tags runs there."""
        loads = not self.platforms.isdisjoint(tags.platforms) and self.tags.load(tags)
        return loads or (ANY in tags.platforms and self.tags.load_anywhere(tags))

    def __str__(self) -> str:
        return f"{self.interpreter} {self.platform}"


def this_environment() -> Environment:
    """The environment of the running Python.

    Raises:
        InvalidSelection: it is neither CPython nor PyPy.
    """
    short = {"cpython": "cp", "pypy": "pp"}.get(sys.implementation.name)
    if short is None:
        raise InvalidSelection(
            "-e",
            THIS,
            f"this Python is {sys.implementation.name}, neither CPython nor PyPy",
            hint="name an environment, as in -e 'cp312 manylinux_2_28_x86_64'",
        )
    threads = "t" if short == "cp" and sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    interpreter = f"{short}{sys.version_info.major}{sys.version_info.minor}{threads}"
    tags = tuple(platform_tags())
    # some versions of packaging name `linux_x86_64` first, which runs no manylinux wheel
    platform = next((tag for tag in tags if not tag.startswith("linux_")), tags[0])
    return Environment(interpreter, _canonical_platform(THIS, platform))


def _is_interpreter(text: str) -> bool:
    found = _INTERPRETER.fullmatch(text)
    return found is not None and not (found[1] == "pp" and found[4])


@lru_cache(maxsize=256)
def _interpreter_tags(interpreter: str) -> InterpreterTags:
    found = _INTERPRETER.fullmatch(interpreter)
    if found is None:
        raise InvalidSelection("-e", interpreter, "not an interpreter")
    version = PythonVersion(int(found[2]), int(found[3]), bool(found[4]))
    return _cpython_tags(version) if found[1] == "cp" else _pypy_tags(version)


@lru_cache(maxsize=256)
def _cpython_tags(version: PythonVersion) -> InterpreterTags:
    major, minor = version.major, version.minor
    own = f"cp{major}{minor}"
    abis = _pure_tags(version)
    if version.free_threaded:
        return InterpreterTags({**abis, own: frozenset({f"{own}t", "none"})}, {})
    native = {own, "none", f"{own}m"} if (major, minor) <= (3, 7) else {own, "none"}
    if major == 3:
        abis |= {f"cp3{older}": frozenset({"abi3"}) for older in range(2, minor)}
        if minor >= 2:
            native.add("abi3")
    return InterpreterTags({**abis, own: frozenset(native)}, {})


def _pypy_tags(version: PythonVersion) -> InterpreterTags:
    digits = f"{version.major}{version.minor}"
    own = f"pp{digits}"
    return InterpreterTags({**_pure_tags(version), own: frozenset({"none"})}, {own: f"pypy{digits}_"})


def _pure_tags(version: PythonVersion) -> dict[str, frozenset[str]]:
    none = frozenset({"none"})
    older = {f"py{version.major}{minor}": none for minor in range(version.minor + 1)}
    return {f"py{version.major}": none, **older}


def _canonical_platform(text: str, platform: str) -> str:
    if not _PLATFORM_TAG.fullmatch(platform):
        raise InvalidSelection(
            "-e",
            text,
            "not a platform tag",
            hint="as in manylinux_2_28_x86_64, macosx_12_0_arm64 or win_amd64",
        )
    if found := _OLD_MANYLINUX.fullmatch(platform):
        return f"manylinux_2_{_OLD_GLIBC[found[1]]}_{found[2]}"
    if found := _MANYLINUX.fullmatch(platform):
        return f"manylinux_2_{int(found[1])}_{found[2]}"
    if found := _MUSLLINUX.fullmatch(platform):
        return f"musllinux_1_{int(found[1])}_{found[2]}"
    if found := _MACOS.fullmatch(platform):
        if found[3] == "universal2":
            raise InvalidSelection(
                "-e",
                text,
                "universal2 is how wheels are built, no machine is it",
                hint=f"write macosx_{found[1]}_{found[2]}_arm64 or macosx_{found[1]}_{found[2]}_x86_64",
            )
        return f"macosx_{int(found[1])}_{int(found[2])}_{found[3]}"
    return platform


@lru_cache(maxsize=256)
def _platforms_that_run(platform: str) -> frozenset[str]:
    if found := _MANYLINUX.fullmatch(platform):
        return _manylinux_platforms(int(found[1]), found[2])
    if found := _MUSLLINUX.fullmatch(platform):
        machine = found[2]
        versions = range(int(found[1]) + 1)
        return frozenset({f"linux_{machine}", *(f"musllinux_1_{minor}_{machine}" for minor in versions)})
    found = _MACOS.fullmatch(platform)
    if found and found[3] in {"arm64", "x86_64"}:
        return frozenset(mac_platforms((int(found[1]), int(found[2])), found[3]))
    return frozenset({platform}) - {ANY}


def _manylinux_platforms(newest: int, machine: str) -> frozenset[str]:
    oldest = _OLDEST_GLIBC.get(machine, _OLDEST_GLIBC_ELSEWHERE)
    versions = range(oldest, newest + 1)
    tags = {f"linux_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in versions)}
    tags.update(f"manylinux{name}_{machine}" for name, minor in _OLD_GLIBC.items() if minor in versions)
    return frozenset(tags)
