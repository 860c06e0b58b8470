"""Plans: what pinning fetches and shares, its parts, and what unpinning frees."""

from __future__ import annotations

import pytest

from ipwhl_mirror.domain.errors import UnknownPlatform
from ipwhl_mirror.domain.plans import (
    LARGEST,
    Amount,
    PinnedPart,
    amount_of,
    fetched_together,
    plan_pin,
    plan_unpin,
)
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.subsets import subset_tree
from tests.domain.made import Made, make_release
from tests.domain.vectors import release

NOTHING: frozenset[bytes] = frozenset()


def chosen(text: str) -> Selection:
    return Selection.from_cli_text(text)


def test_amounts_add_and_subtract() -> None:
    """Wheels with wheels, bytes with bytes."""
    assert Amount(1, 10) + Amount(2, 20) == Amount(3, 30)
    assert Amount(3, 30) - Amount(1, 10) == Amount(2, 20)


def test_what_is_here_is_shared_and_the_rest_is_fetched() -> None:
    """By content: a wheel under another release's pin is here too."""
    found = release("small-v0")
    linux = select_wheels(found, chosen("-p linux-x86_64"))
    here = {wheel.cid.digest for wheel in linux[:10]}
    plan = plan_pin(found, chosen("-p linux-x86_64"), here=here, pinned=NOTHING)
    assert plan.shared == amount_of(linux[:10])
    assert plan.fetch == amount_of(linux[10:])
    assert plan.fetch + plan.shared == plan.amount == amount_of(linux)
    assert plan.wheels == linux


def test_equal_wheels_count_under_each_name() -> None:
    """The numbers of a plan add up to those of `show`."""
    made = Made()
    names = ["a-1-py3-none-any.whl", "a-1-py2-none-any.whl"]
    directory = made.node(made.file(name, 10, content="same") for name in sorted(names))
    found = made.read([made.project("x", {})._replace(cid=directory, name="a")])
    plan = plan_pin(found, Selection(), here=NOTHING, pinned=NOTHING)
    assert plan.fetch == Amount(2, 20)
    plan = plan_pin(found, Selection(), here={found.wheels[0].cid.digest}, pinned=NOTHING)
    assert plan.shared == Amount(2, 20)


def test_plans_together_fetch_what_they_share_once() -> None:
    """Less than their sum by what more than one of them needs."""
    found = release("small-v0")
    linux, mac = (
        plan_pin(found, chosen(f"-p {name}"), here=NOTHING, pinned=NOTHING)
        for name in ("linux-x86_64", "macos-arm64")
    )
    union = plan_pin(found, chosen("-p linux-x86_64 -p macos-arm64"), here=NOTHING, pinned=NOTHING)
    assert fetched_together([linux, mac]) == union.fetch
    assert fetched_together([linux, mac]).bytes < linux.fetch.bytes + mac.fetch.bytes
    assert fetched_together([]) == Amount()


def test_the_largest_wheels_to_fetch_are_named() -> None:
    """Largest first; what is here costs nothing and is not named."""
    made = make_release({f"p{n}": {f"p{n}-1-py3-none-any.whl": n} for n in range(LARGEST + 5)})
    here = {wheel.cid.digest for wheel in made.wheels if wheel.bytes == LARGEST + 4}
    plan = plan_pin(made, Selection(), here=here, pinned=NOTHING)
    assert [wheel.bytes for wheel in plan.largest] == list(range(LARGEST + 3, 3, -1))


def test_a_whole_release_brings_its_malformed_entries() -> None:
    """Only where the tree is the official root: every wheel is selected, however that was said."""
    found = release("edge-v0")
    for text in ("", "--exclude nothing-like-it"):
        plan = plan_pin(found, chosen(text), here=NOTHING, pinned=NOTHING)
        assert plan.other.entries == len(found.malformed) > 0
        assert plan.other.bytes == sum(entry.bytes for entry in found.malformed) > 0
        assert plan.subset_cid == found.root
    plan = plan_pin(found, chosen("--exclude wide"), here=NOTHING, pinned=NOTHING)
    assert (plan.other.entries, plan.other.bytes) == (0, 0)


def test_each_part_is_a_pin_of_its_own() -> None:
    """A part's CID is the one that everybody has who pins that part alone."""
    found = release("small-v0")
    plan = plan_pin(found, chosen("-p linux-64 -p win-64 --python 3.12"), here=NOTHING, pinned=NOTHING)
    assert [part.selection.cli_text() for part in plan.parts] == [
        "-p linux-x86_64 --python 3.12",
        "-p windows-amd64 --python 3.12",
    ]
    for part in plan.parts:
        alone = plan_pin(found, part.selection, here=NOTHING, pinned=NOTHING)
        assert part.tree.cid == alone.subset_cid
        assert part.amount == alone.amount
    assert plan.subset_cid == subset_tree(found, plan.wheels).cid
    assert plan.subset_cid not in {part.tree.cid for part in plan.parts}


def test_one_part_is_the_selection() -> None:
    """With one part its CID is the plan's."""
    plan = plan_pin(release("small-v0"), chosen("-p linux-64"), here=NOTHING, pinned=NOTHING)
    assert [part.tree.cid for part in plan.parts] == [plan.subset_cid]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("-p linux-riscv64 --no-any", [], id="nothing selected"),
        pytest.param("-p linux-riscv64 -p win-64 --no-any", ["-p windows-amd64 --no-any"], id="empty part"),
        pytest.param("-p linux-riscv64 -p any", ["-p any"], id="equal parts"),
        pytest.param(
            "-e 'cp311 win_amd64' -e 'cp312 win_amd64'",
            ["-e 'cp311 win_amd64'", "-e 'cp312 win_amd64'"],
            id="different parts of one size",
        ),
        pytest.param("", [""], id="everything"),
    ],
)
def test_equal_parts_count_once_and_empty_ones_not(text: str, parts: list[str]) -> None:
    """Equal is what chooses the same wheels; the first to do so gives the name."""
    files = ["py3-none-any", "cp311-cp311-win_amd64", "cp312-cp312-win_amd64"]
    made = make_release({"a": {f"a-1-{name}.whl": 1 for name in files}})
    plan = plan_pin(made, chosen(text), here=NOTHING, pinned=NOTHING)
    assert [part.selection.cli_text() for part in plan.parts] == parts
    assert plan.is_empty is (not parts)
    assert (plan.subset_cid is None) is (not parts)


@pytest.mark.parametrize(("text", "is_root"), [("", True), ("--exclude x", False), ("-p any", False)])
def test_a_release_without_wheels(text: str, is_root: bool) -> None:
    """No option is the root, any option selects nothing."""
    made = make_release({"empty": {}})
    plan = plan_pin(made, chosen(text), here=NOTHING, pinned=NOTHING)
    assert plan.subset_cid == (made.root if is_root else None)
    assert len(plan.parts) == is_root
    assert plan.amount == Amount()


def test_a_part_that_is_pinned_says_so() -> None:
    """Under any name of the same digest, by whomever."""
    found = release("small-v0")
    first = plan_pin(found, chosen("-p any -p linux-64"), here=NOTHING, pinned=NOTHING)
    pinned = {first.parts[1].tree.cid.digest}
    plan = plan_pin(found, chosen("-p any -p linux-64"), here=NOTHING, pinned=pinned)
    assert [part.pinned for part in plan.parts] == [False, True]


def test_an_unknown_platform_is_refused_before_anything_is_planned() -> None:
    """Exit 2, not an empty plan."""
    with pytest.raises(UnknownPlatform):
        plan_pin(release("small-v0"), chosen("-p plan9"), here=NOTHING, pinned=NOTHING)


# --- unpinning


def part(text: str, name: str = "small-v0") -> PinnedPart:
    wheels = select_wheels(release(name), chosen(text))
    return PinnedPart(subset_tree(release(name), wheels).cid, chosen(text), wheels)


def test_what_other_pins_keep_stays() -> None:
    """Of linux-x86_64 the pure wheels stay, when macos-arm64 is pinned too."""
    plan = plan_unpin([part("-p linux-x86_64")], [part("-p macos-arm64")])
    pure = amount_of(select_wheels(release("small-v0"), chosen("-p any")))
    assert plan.leaving == amount_of(part("-p linux-x86_64").wheels)
    assert plan.staying == pure
    assert plan.reclaimable == plan.leaving - pure
    assert [pin.selection for pin in plan.parts] == [chosen("-p linux-x86_64")]


def test_pins_of_another_release_keep_wheels_too() -> None:
    """What is shared is found by content, across releases."""
    here, there = part("-p linux-x86_64"), part("-p linux-x86_64", "small-v0-next")
    plan = plan_unpin([here], [there])
    shared = {wheel.cid.digest for wheel in here.wheels} & {wheel.cid.digest for wheel in there.wheels}
    assert 0 < plan.staying.wheels == len(shared) < len(here.wheels)
    assert plan.staying + plan.reclaimable == plan.leaving


def test_a_file_is_reclaimed_once() -> None:
    """Pins that go together free what they share once, and no pin left keeps nothing."""
    plan = plan_unpin([part("-p linux-x86_64"), part("-p any")], [])
    assert plan.leaving == plan.reclaimable == amount_of(part("-p linux-x86_64").wheels)
    assert plan.staying == Amount()
    assert plan_unpin([], [part("")]).leaving == Amount()
