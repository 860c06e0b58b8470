"""What can be wrong with the inputs of `publish` taken together, in words: each with what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.domain.input_wheels import OnNode
from ipwhl_mirror.domain.lock_environments import usual_tag
from ipwhl_mirror.domain.platforms import ANY
from ipwhl_mirror.domain.selections import check_platforms
from ipwhl_mirror.domain.wheels import normalize_name
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.input_merging import REPLACING, Hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.input_wheels import InputWheel
    from ipwhl_mirror.domain.lock_choosing import LockChoice
    from ipwhl_mirror.domain.locked_wheels import WheelLock
    from ipwhl_mirror.domain.selections import Selection
    from ipwhl_mirror.services.input_locks import GivenLock
    from ipwhl_mirror.services.input_reading import ReadInput
    from ipwhl_mirror.services.presence import Presence
    from ipwhl_mirror.services.session import Session

_SHOWN = 200


def projects_to_drop(read: Sequence[ReadInput], drop: Iterable[str]) -> frozenset[str]:
    """The projects to leave out, by PEP 503.

    Raises:
        UsageProblem: no input has one.
    """
    there = set[str]().union(*(each.projects for each in read))
    for name in drop:
        if normalize_name(name) not in there:
            raise UsageProblem(
                f"--drop {safe_text(name, _SHOWN)}: no input has this project",
                hint="see how it is spelled there",
            )
    return frozenset(map(normalize_name, drop))


def check_named_platforms(read: Sequence[ReadInput], selection: Selection) -> None:
    """Make sure that each `-p` names a platform that an input has wheels for, or could have where none has a
    wheel for one platform: a mirror may wait for one to join, a release that lacks it was not meant.

    Raises:
        UsageProblem, UnknownPlatform: one does not.
    """
    tags = {wheel.name.tags for each in read for wheel in each.wheels} | {
        wheel.name.tags
        for each in read
        if each.lock is not None
        for package in each.lock.packages
        for wheel in package.wheels
    }
    families = frozenset[str]().union(*(each.families for each in tags))
    check_platforms(selection, families)
    has_lock = any(each.lock is not None for each in read)
    unknown = set(selection.platforms) - families - {ANY} if families - {ANY} else set()
    for platform in sorted(unknown):
        # what a lock lacks for a platform is told project by project
        if not has_lock or usual_tag(platform) is None:
            raise UsageProblem(
                f"-p {safe_text(platform, _SHOWN)}: no input has a wheel for it",
                hint=f"they have wheels for: {', '.join(map(safe_text, sorted(families)))}",
            )


async def check_presence(presence: Presence, wheels: Iterable[InputWheel]) -> None:
    """Raise UsageProblem where a wheel of a release is not whole here."""
    on_node = [(wheel, wheel.place.cid) for wheel in wheels if isinstance(wheel.place, OnNode)]
    here = await presence.among(cid for _, cid in on_node)
    missing = [wheel for wheel, cid in on_node if cid.digest not in here]
    if missing:
        named = sorted({wheel.given_by for wheel in missing})
        raise UsageProblem(
            f"not on this node: {plural(len(missing), 'wheel')} of {', '.join(named)}, "
            f"{missing[0].filename}{' and others' if len(missing) > 1 else ''}",
            hint=f"fetch them first: ipwhl-mirror pin {named[0]}, with the same -p, -e, --python, --project "
            "and --exclude as here",
        )


async def check_agreement(
    session: Session, fixed: Sequence[InputWheel], choice: LockChoice, locks: Sequence[GivenLock]
) -> None:
    """Compare files and wheels of releases with what locks say of their projects.

    Raises:
        UsageProblem: one has other bytes, or another version.
        TransferFailed: a file cannot be read.
    """
    hashes = Hashes(session)
    named = {wheel.filename: wheel for wheel in fixed}
    for given in locks:
        for wheel in (wheel for package in given.lock.packages for wheel in package.wheels):
            known = named.get(wheel.filename)
            if known is not None and await hashes.of(known) != wheel.sha256:
                raise UsageProblem(
                    f"{wheel.filename} of {known.given_by} has other bytes than {_name(given.lock)} says",
                    hint=REPLACING,
                )
    lines = {
        f"{wheel.project}: {wheel.version} of {wheel.given_by}, {use.version} of {_name(use.lock)}"
        for wheel in fixed
        if (use := choice.needed.get(wheel.project)) is not None and use.version not in (None, wheel.version)
    }
    if lines:
        raise UsageProblem(
            f"{len(lines)} project(s) are given in several versions", hint=REPLACING, details=sorted(lines)
        )


def _name(lock: WheelLock) -> str:
    return safe_text(lock.filename, _SHOWN)
