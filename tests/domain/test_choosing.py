"""Which of a project's wheels a release takes: one a system, the one an installer would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging import tags as reference

from ipwhl_mirror.domain import choosing
from ipwhl_mirror.domain.choosing import Choice, choose
from ipwhl_mirror.domain.environments import Environment
from ipwhl_mirror.domain.preferences import build_rank, rank
from ipwhl_mirror.domain.wheels import parse_wheel_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from ipwhl_mirror.domain.wheels import WheelName

ENVIRONMENTS = [
    Environment.parse(text)
    for text in (
        "cp311 manylinux_2_17_x86_64",
        "cp311 manylinux_2_28_x86_64",
        "cp312 manylinux_2_28_x86_64",
        "cp312 manylinux_2_28_aarch64",
        "cp312 musllinux_1_2_x86_64",
        "cp312 macosx_12_0_arm64",
        "cp311 macosx_12_0_x86_64",
        "cp312 win_amd64",
        "cp313t manylinux_2_28_x86_64",
        "pp311 manylinux_2_28_x86_64",
    )
]
TAGS = [
    "py3-none-any",
    "py2.py3-none-any",
    "cp312-none-any",
    "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp39-abi3-manylinux_2_28_x86_64",
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp311-cp311-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp312-cp312-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_28_aarch64",
    "cp312-cp312-musllinux_1_1_x86_64",
    "cp312-cp312-musllinux_1_2_x86_64",
    "cp312-cp312-macosx_11_0_arm64",
    "cp312-cp312-macosx_10_9_universal2",
    "cp311-cp311-macosx_10_9_universal2",
    "cp311-cp311-macosx_10_9_x86_64",
    "cp312-cp312-win_amd64",
    "py3-none-win_amd64",
    "cp313-cp313t-manylinux_2_28_x86_64",
    "pp311-pypy311_pp73-manylinux_2_28_x86_64",
    "cp37-cp37m-linux_x86_64",
]
SUBSETS_OF_TAGS = st.lists(st.sampled_from(TAGS), unique=True, min_size=1)
SUBSETS_OF_ENVIRONMENTS = st.lists(st.sampled_from(ENVIRONMENTS), unique=True, min_size=1)


def wheels(tags: Iterable[str]) -> dict[str, WheelName]:
    """A wheel with each of these tags; one that begins with a number has it as its build."""
    names = [f"it-1.0-{each}.whl" for each in tags]
    return {name: parse_wheel_name(name, "it") for name in names}


def chosen(tags: Iterable[str], *environments: str) -> list[str]:
    """The tags of the wheels that are chosen."""
    choice = choose(wheels(tags), [Environment.parse(text) for text in environments])
    return [name.removeprefix("it-1.0-").removesuffix(".whl") for name in choice.filenames]


LINUX, OLD_LINUX, MUSL = (
    "cp312 manylinux_2_28_x86_64",
    "cp312 manylinux_2_17_x86_64",
    "cp312 musllinux_1_2_x86_64",
)
ARM_MAC, INTEL_MAC = "cp312 macosx_12_0_arm64", "cp312 macosx_12_0_x86_64"


@pytest.mark.parametrize(
    ("tags", "environments", "expected"),
    [
        pytest.param(["py3-none-any"], [LINUX, MUSL], ["py3-none-any"], id="one for all"),
        pytest.param(
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"],
            [LINUX],
            ["cp312-cp312-manylinux_2_28_x86_64"],
            id="the newer glibc, where it runs",
        ),
        pytest.param(
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"],
            [LINUX, OLD_LINUX],
            ["cp312-cp312-manylinux_2_17_x86_64"],
            id="the older glibc, where both are supported: the newer would be a second one on the newer",
        ),
        pytest.param(
            ["cp312-cp312-manylinux_2_28_x86_64", "cp38-abi3-manylinux_2_28_x86_64", "py3-none-any"],
            [LINUX],
            ["cp312-cp312-manylinux_2_28_x86_64"],
            id="what was built for the Python",
        ),
        pytest.param(
            ["cp312-cp312-manylinux_2_28_x86_64", "py3-none-any"],
            [LINUX, MUSL],
            ["py3-none-any"],
            id="pure Python everywhere, where native code is not for every system",
        ),
        pytest.param(
            ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-musllinux_1_2_x86_64", "py3-none-any"],
            [LINUX, MUSL],
            ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-musllinux_1_2_x86_64"],
            id="native code, where it is for every system",
        ),
        pytest.param(
            [
                "cp312-cp312-macosx_11_0_arm64",
                "cp312-cp312-macosx_10_9_x86_64",
                "cp312-cp312-macosx_10_9_universal2",
            ],
            [ARM_MAC, INTEL_MAC],
            ["cp312-cp312-macosx_10_9_x86_64", "cp312-cp312-macosx_11_0_arm64"],
            id="one for each Mac before one for both",
        ),
        pytest.param(
            ["cp312-cp312-macosx_11_0_arm64", "cp312-cp312-macosx_10_9_universal2"],
            [ARM_MAC, INTEL_MAC],
            ["cp312-cp312-macosx_10_9_universal2"],
            id="one for both Macs, where Intel has no other",
        ),
        pytest.param(
            ["1-cp312-cp312-manylinux_2_28_x86_64", "12-cp312-cp312-manylinux_2_28_x86_64",
             "cp312-cp312-manylinux_2_28_x86_64", "2a-cp312-cp312-manylinux_2_28_x86_64"],
            [LINUX],
            ["12-cp312-cp312-manylinux_2_28_x86_64"],
            id="the highest build",
        ),
        pytest.param(["cp311-cp311-win_amd64"], [LINUX], [], id="what runs nowhere is not taken"),
        pytest.param(
            ["cp38-abi3-manylinux_2_28_x86_64", "cp39-abi3-manylinux_2_28_x86_64"],
            [LINUX],
            ["cp39-abi3-manylinux_2_28_x86_64"],
            id="the newer abi3",
        ),
    ],
)  # fmt: skip
def test_choices(tags: list[str], environments: list[str], expected: list[str]) -> None:
    """Each system gets one, and the best that leaves no other system without."""
    assert chosen(tags, *environments) == expected


def test_two_on_one_system_are_taken_where_one_system_would_have_none() -> None:
    """And it is told; that is for the check to refuse."""
    tags = [
        "cp312-cp312-macosx_10_9_universal2.manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64.win_amd64",
    ]
    environments = [Environment.parse(text) for text in (ARM_MAC, LINUX, "cp312 win_amd64", MUSL)]
    choice = choose(wheels(tags), environments)
    assert len(choice.filenames) == 2
    assert list(map(str, choice.several)) == [LINUX]
    assert list(map(str, choice.uncovered)) == [MUSL]


def test_one_a_system_counts_before_the_preferred_one() -> None:
    """Also where the preferred ones were found first."""
    tags = [f"py3-none-{each}" for each in ("p0.p2.p3", "p1.p2", "p0.p3", "p1.p2.p3")]
    environments = [Environment.parse(f"cp312 p{number}") for number in range(4)]
    assert choose(wheels(tags), environments) == Choice(
        filenames=("it-1.0-py3-none-p0.p3.whl", "it-1.0-py3-none-p1.p2.whl"), uncovered=(), several=()
    )


def test_what_is_there_anyway_needs_no_second() -> None:
    """A wheel that a person gave serves its systems; the lock's are taken for the others."""
    own = wheels(["cp312-cp312-linux_x86_64"])
    tags = ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64", "py3-none-any"]
    environments = [Environment.parse(text) for text in (LINUX, "cp312 win_amd64")]
    choice = choose(wheels(tags), environments, [name.tags for name in own.values()])
    assert choice == Choice(filenames=("it-1.0-cp312-cp312-win_amd64.whl",), uncovered=(), several=())


@given(SUBSETS_OF_TAGS, SUBSETS_OF_ENVIRONMENTS, st.randoms(use_true_random=False))
def test_every_environment_that_can_have_a_wheel_has_one(
    tags: list[str], environments: list[Environment], random: Random
) -> None:
    """Exactly one, unless it is told; whatever order wheels and environments come in."""
    names = wheels(tags)
    choice = choose(names, environments)
    for environment in environments:
        running = [name for name in choice.filenames if environment.runs(names[name].tags)]
        could = any(environment.runs(name.tags) for name in names.values())
        assert bool(running) == could == (environment not in choice.uncovered)
        assert (len(running) > 1) == (environment in choice.several)
    random.shuffle(tags)
    random.shuffle(environments)
    assert choose(wheels(tags), environments) == choice


def _cost(
    names: dict[str, WheelName], filenames: tuple[str, ...], environments: list[Environment]
) -> tuple[int, int, int]:
    """Environments without a wheel that could have one, with several, and the sum of places."""
    none = several = places = 0
    for environment in environments:
        order = sorted(
            (found, name) for name in names if (found := rank(environment, names[name].tags)) is not None
        )
        running = [at for at, (_, name) in enumerate(order) if name in filenames]
        none += bool(order) and not running
        several += len(running) > 1
        places += min(running, default=0)
    return none, several, places


TANGLED_ENVIRONMENTS = [Environment.parse(f"cp312 plat{number}") for number in range(6)]
TANGLED_TAGS = st.sets(st.sampled_from([each.platform for each in TANGLED_ENVIRONMENTS]), min_size=1).map(
    lambda platforms: f"py3-none-{'.'.join(sorted(platforms))}"
)


@given(
    st.one_of(
        st.lists(st.sampled_from(TAGS), unique=True, min_size=1, max_size=7),
        st.lists(TANGLED_TAGS, unique=True, min_size=3, max_size=7),
    ),
    st.one_of(
        st.lists(st.sampled_from(ENVIRONMENTS), unique=True, min_size=1, max_size=5),
        st.just(TANGLED_ENVIRONMENTS),
    ),
)
def test_no_other_choice_is_better(tags: list[str], environments: list[Environment]) -> None:
    """Of all subsets of the wheels."""
    names = wheels(tags)
    subsets = [
        tuple(name for at, name in enumerate(sorted(names)) if mask >> at & 1)
        for mask in range(1 << len(names))
    ]
    best = min(_cost(names, subset, environments) for subset in subsets)
    assert _cost(names, choose(names, environments).filenames, environments) == best


def test_a_search_without_end_is_cut_and_still_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels with many tags can be made so that the best choice takes for ever."""
    monkeypatch.setattr(choosing, "MOST_STEPS", 3)
    names = wheels(TAGS)
    choice = choose(names, ENVIRONMENTS)
    assert choice.uncovered == ()
    assert choice == choose(dict(reversed(names.items())), ENVIRONMENTS[::-1])


def _reference_order(environment: Environment) -> list[str]:
    """What `packaging.tags` says for a CPython on Linux or Windows, best first."""
    minor = int(environment.interpreter.removesuffix("t")[3:])
    ordered = sorted(environment.platforms, key=lambda tag: _oldest_last(tag))
    abi = environment.interpreter
    return [
        *map(str, reference.cpython_tags((3, minor), [abi], ordered)),
        *map(str, reference.compatible_tags((3, minor), environment.interpreter.removesuffix("t"), ordered)),
    ]


def _oldest_last(tag: str) -> tuple[bool, int, bool]:
    legacy = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
    head = tag.split("_")[0]
    if head in legacy:
        return False, -legacy[head], True
    return (
        tag.startswith("linux"),
        -int(tag.split("_")[2]) if "linux_2_" in tag or "linux_1_" in tag else 0,
        False,
    )


@pytest.mark.parametrize(
    "environment",
    [Environment.parse(text) for text in (LINUX, MUSL, "cp38 manylinux_2_31_aarch64", "cp312 win_amd64")],
    ids=str,
)
def test_the_order_is_that_of_installers(environment: Environment) -> None:
    """Tag by tag: the same run, and each is preferred to the next."""
    order = [tag for tag in _reference_order(environment) if "abi3t" not in tag]
    ranks = [rank(environment, parse_wheel_name(f"it-1.0-{tag}.whl", "it").tags) for tag in order]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda found: found or (0, 0, 0))
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_ranked_is_what_runs(environment: Environment) -> None:
    """Nothing else."""
    for tag in TAGS:
        tags = parse_wheel_name(f"it-1.0-{tag}.whl", "it").tags
        assert (rank(environment, tags) is not None) == environment.runs(tags), tag


def test_builds_are_numbers_first() -> None:
    """As installers compare them; none comes before the first."""
    builds = [
        parse_wheel_name(f"it-1.0{build}-py3-none-any.whl", "it") for build in ("", "-1", "-2", "-2b", "-10")
    ]
    ranks = [build_rank(build) for build in builds]
    assert ranks == sorted(ranks)
