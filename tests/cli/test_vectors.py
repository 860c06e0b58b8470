"""Every vector through the command line: `import`, `show` and `plan` say what the reference tools say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import VECTORS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCli

NAMES = sorted(path.stem for path in VECTORS.glob("*.car"))
BAD: dict[str, str] = json.loads((VECTORS / "bad" / "bad.json").read_text())


def expected(name: str) -> dict[str, Any]:
    loaded = json.loads((VECTORS / f"{name}.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str, ipwhl: RunCli) -> None:
    """Counts, platforms, malformed entries, the index CID, and every selection's subset CID."""
    want = expected(name)
    imported = ipwhl("import", str(VECTORS / f"{name}.car"), "--label", "vector", "--json")
    assert (imported.code, imported.stderr) == (0, "")
    assert imported.document["cid"] == want["root"]
    assert imported.document["pinned"] == []

    shown = ipwhl("show", "vector", "--json").document
    assert {key: shown[key] for key in ("label", "cid", "index_cid", "projects", "wheels", "bytes")} == {
        "label": "vector",
        "cid": want["root"],
        **{key: want[key] for key in ("index_cid", "projects", "wheels", "bytes")},
    }
    assert [entry["path"] for entry in shown["malformed"]] == want["malformed"]
    assert [row["platform"] for row in shown["platforms"]] == sorted(want["platforms"])
    assert {
        row["platform"]: {"wheels": row["wheels"], "bytes": row["bytes"]} for row in shown["platforms"]
    } == want["platforms"]
    assert {row["state"] for row in shown["platforms"]} <= {"absent"}

    for selection in want["selections"]:
        plan = ipwhl("plan", "vector", *selection["args"], "--json")
        assert plan.code == 0, plan.stderr
        got = {key: plan.document[key] for key in ("subset_cid", "wheels", "bytes")}
        assert got == {key: selection[key] for key in ("subset_cid", "wheels", "bytes")}, selection["args"]
        assert plan.document["fetch"] == {"wheels": selection["wheels"], "bytes": selection["bytes"]}


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_release_is_refused_whole(name: str, ipwhl: RunCli) -> None:
    """A release to refuse: exit 1, the block named, nothing tracked."""
    refused = ipwhl("import", str(VECTORS / "bad" / f"{name}.car"))
    assert refused.code == 1
    assert refused.stderr.startswith("error: ")
    assert "Traceback" not in refused.stderr
    assert ipwhl("status", "--json").document["releases"] == []


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        pytest.param(0, "is no CAR of a release: it ends inside the header, at byte 0", id="empty"),
        pytest.param(5000, "at byte 5000, before the directories of the release", id="in a block"),
        pytest.param(-1, "at byte 16916, before the directories of the release", id="last byte"),
    ],
)
def test_cut_car_changes_nothing(cut: int, words: str, ipwhl: RunCli, tmp_path: Path) -> None:
    """A truncated CAR is told, and nothing of it is tracked."""
    whole = (VECTORS / "small-v0.car").read_bytes()
    path = tmp_path / "cut.car"
    path.write_bytes(whole[:cut])
    refused = ipwhl("import", str(path))
    assert refused.code == 1
    assert words in refused.stderr
    assert ipwhl("status", "--json").document["releases"] == []
