"""What checks find: which rule is broken where, why it matters, and how to mend it.

Every rule is strict until it is allowed by its id. The words of a finding are safe to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipwhl_mirror.domain.environments import Environment


class Rule(Enum):
    """A rule, by its id; in the order in which findings are told."""

    FOREIGN_ENTRY = "foreign-entry"
    DECLARATION = "declaration"
    DIR_NORMALIZED = "dir-normalized"
    NAMES_ALIKE = "names-alike"
    WHEEL_NAME = "wheel-name"
    VERSION_NORMALIZED = "version-normalized"
    WHEEL_ABSENT = "wheel-absent"
    METADATA_READABLE = "metadata-readable"
    METADATA_VALID = "metadata-valid"
    METADATA_NAME = "metadata-name"
    METADATA_VERSION = "metadata-version"
    REQUIRES_PYTHON = "requires-python"
    ONE_VERSION = "one-version"
    ONE_WHEEL = "one-wheel"
    DEPENDENCY_MISSING = "dependency-missing"
    DEPENDENCY_VERSION = "dependency-version"
    DEPENDENCY_URL = "dependency-url"
    EXTRA_UNKNOWN = "extra-unknown"
    EXTRA_DEPENDENCY = "extra-dependency"

    @property
    def why(self) -> str:
        """Why it matters that it is kept."""
        return _WHY[self]


_WHY: Mapping[Rule, str] = {
    Rule.FOREIGN_ENTRY: "installers and mirrors see wheels in the directories of projects, and nothing else",
    Rule.DECLARATION: "a wheel whose declaration cannot be used is in no release that is made of it",
    Rule.DIR_NORMALIZED: "installers ask for the normalized name (PEP 503), and get no other",
    Rule.NAMES_ALIKE: "to installers they are one project, of which they see only a part",
    Rule.WHEEL_NAME: "installers ignore a file whose name is no wheel's of its project (PEP 427)",
    Rule.VERSION_NORMALIZED: "tools that compare versions as text take them for different ones (PEP 440)",
    Rule.WHEEL_ABSENT: "what is not on this node was not looked at",
    Rule.METADATA_READABLE: "installers cannot tell what the wheel is and needs",
    Rule.METADATA_VALID: "installers refuse the wheel, or leave out what they cannot read",
    Rule.METADATA_NAME: "installers refuse a wheel that says it is of another project",
    Rule.METADATA_VERSION: "installers refuse a wheel that says it is of another version",
    Rule.REQUIRES_PYTHON: "the wheel installs nowhere: its Requires-Python excludes every Python of its tags",
    Rule.ONE_VERSION: "what is installed would depend on the platform, and dependencies on both",
    Rule.ONE_WHEEL: "which of them is installed depends on the installer",
    Rule.DEPENDENCY_MISSING: "it cannot be installed there from this repository alone",
    Rule.DEPENDENCY_VERSION: "it cannot be installed there from this repository alone",
    Rule.DEPENDENCY_URL: "installers fetch it from that address, not from this repository",
    Rule.EXTRA_UNKNOWN: "installers warn, and leave out what the extra was to bring",
    Rule.EXTRA_DEPENDENCY: "the extra cannot be installed there from this repository alone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule.

    Attributes:
        project: the name of its directory; "" where it is not about one project.
        path: below the root, of the file or the directory.
        what: what is so.
        fix: how to mend it.
        environments: where, of those that were checked; () where it is so everywhere.
    """

    rule: Rule
    project: str
    path: str
    what: str
    fix: str
    environments: tuple[Environment, ...] = ()

    @property
    def why(self) -> str:
        """Why it matters."""
        return self.rule.why


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What came out of a check.

    Attributes:
        environments: those for which it was decided.
        projects, wheels: how many were looked at.
        findings: in the order of the rules, then by path; without those of allowed rules.
        allowed: how many findings there are of each rule that is allowed, where there is one.
    """

    environments: tuple[Environment, ...]
    projects: int
    wheels: int
    findings: tuple[Finding, ...]
    allowed: Mapping[Rule, int]
