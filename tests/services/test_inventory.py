"""The inventory counts distinct wheels, and knows whose a pin is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.selections import Selection
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.services import pinning, releases
from ipwhl_mirror.services.inventory import inventory

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from tests.simulators.wheels import SampleRelease

LINUX = Selection.parse(platforms=["linux-x86_64"])
EVERYTHING = Selection.parse()


async def test_what_a_pin_alone_keeps_is_what_no_other_has(session: Session, sample: SampleRelease) -> None:
    """Two pins of one release: the smaller keeps nothing alone, the larger what the smaller has not."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", LINUX)
    found = await inventory(session)
    (linux,) = found.pins
    assert (linux.only_here, found.shared_bytes) == (linux.amount, 0)
    assert found.kept == linux.amount
    await pinning.pin(session, "one", EVERYTHING)
    found = await inventory(session)
    by_selection = {pin.holding.pin.selection: pin for pin in found.pins}
    linux, whole = by_selection["-p linux-x86_64"], by_selection[""]
    assert linux.only_here.bytes == 0
    assert whole.only_here == whole.amount - linux.amount
    assert found.kept == whole.amount
    assert found.shared_bytes == linux.amount.bytes


async def test_other_programs_pins_are_listed_apart(session: Session, sample: SampleRelease) -> None:
    """By name; index pins of ours are neither."""
    tree = build_directory([])
    await session.node.put_blocks(tree.blocks)
    await session.node.pin(tree.cid, "photos")
    await releases.track(session, sample.root, label="one")
    found = await inventory(session)
    assert [(pin.cid, pin.name) for pin in found.foreign] == [(tree.cid, "photos")]
    assert found.pins == ()
    assert found.kept.bytes == 0


async def test_a_release_alone_keeps_what_its_pins_share_among_themselves(
    session: Session, sample: SampleRelease
) -> None:
    """Dropping one of two parts leaves what they share; dropping the release frees all of it."""
    await releases.track(session, sample.root, label="one")
    await pinning.pin(session, "one", Selection.parse(platforms=["linux-x86_64", "macos-arm64"]))
    found = await inventory(session)
    (release,) = found.releases
    assert (release.tracked.name, release.pins) == ("one", 2)
    assert release.amount == release.only_here == found.kept
    each = sum(pin.only_here.bytes for pin in found.pins)
    assert release.only_here.bytes == each + found.shared_bytes
    assert found.shared_bytes > 0
