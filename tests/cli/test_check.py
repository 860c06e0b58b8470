"""`check` as a person and as a script use it: what it prints, the JSON document, the exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.files import FileBuilder
from tests.simulators.repositories import declaration, declared, wheel, write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunCli

A = "a/a-1-py3-none-any.whl"
WHY = "it cannot be installed there from this repository alone"


def broken(directory: Path) -> str:
    """A directory in which a dependency is missing on one of two systems."""
    tree = {
        A: wheel("a", requires=["b"]),
        "b/b-1-cp312-cp312-win_amd64.whl": wheel("b"),
        "SUPPORTED": b"cp312 win_amd64\ncp312 manylinux_2_28_x86_64\n",
    }
    return str(write_tree(directory / "wheels", tree))


def test_what_a_person_reads(ipwhl: RunCli, tmp_path: Path) -> None:
    """The head, the environments, then the rule with its reason, and each finding with what mends it."""
    directory = broken(tmp_path)
    ran = ipwhl("check", directory)
    assert ran.code == 1
    assert ran.stdout.splitlines() == [
        f"{directory}: 1 finding in 2 projects, 2 wheels",
        "2 environments, those it says it supports:",
        "  cp312 win_amd64",
        "  cp312 manylinux_2_28_x86_64",
        "",
        f"dependency-missing: 1 finding: {WHY}",
        f"  {A}: it needs 'b'; no wheel of 'b' installs there",
        "    on cp312 manylinux_2_28_x86_64",
        "    -> add a wheel of 'b' for these environments, or remove what needs it",
    ]


def test_what_a_script_reads(ipwhl: RunCli, tmp_path: Path) -> None:
    """One document, with file, rule, why and fix of each finding."""
    directory = broken(tmp_path)
    ran = ipwhl("check", directory, "--json")
    assert (ran.code, ran.document) == (
        1,
        {
            "schema": "ipwhl-mirror/check/1",
            "selection_rules": 1,
            "name": directory,
            "cid": None,
            "kind": "wheels",
            "ok": False,
            "environments": ["cp312 win_amd64", "cp312 manylinux_2_28_x86_64"],
            "environments_from": "repository",
            "projects": 2,
            "wheels": 2,
            "findings": [
                {
                    "rule": "dependency-missing",
                    "project": "a",
                    "path": A,
                    "what": "it needs 'b'; no wheel of 'b' installs there",
                    "why": WHY,
                    "fix": "add a wheel of 'b' for these environments, or remove what needs it",
                    "environments": ["cp312 manylinux_2_28_x86_64"],
                }
            ],
            "allowed": {},
            "declared": None,
        },
    )


def test_a_rule_that_is_allowed_is_counted(ipwhl: RunCli, tmp_path: Path) -> None:
    """It no longer makes the check fail; a rule that is none is a wrong option."""
    directory = broken(tmp_path)
    ran = ipwhl("check", directory, "--allow", "dependency-missing")
    assert ran.code == 0
    assert ran.stdout.startswith(f"{directory}: nothing to find fault with in 2 projects, 2 wheels\n")
    assert ran.stdout.endswith("allowed: dependency-missing: 1 finding\n")
    assert ipwhl("check", directory, "--allow", "everything").code == 2


def test_given_environments_count_instead(ipwhl: RunCli, tmp_path: Path) -> None:
    """Here the one in which nothing is missing; a file that is no list is wrong usage."""
    directory, file = broken(tmp_path), tmp_path / "systems"
    file.write_text("cp312 win_amd64\n")
    assert ipwhl("check", directory, "--supported", str(file)).code == 0
    file.write_text("windows\n")
    ran = ipwhl("check", directory, "--supported", str(file))
    assert ran.code != 0
    assert "line 1, 'windows', is no environment" in ran.stderr


def test_a_name_with_an_escape_is_shown_not_sent(ipwhl: RunCli, tmp_path: Path) -> None:
    """Neither by the words nor by the path of a finding."""
    tree = {A: wheel("a", requires=["b; \x1b[31m"]), "a/\x1b[31m": b""}
    ran = ipwhl("check", str(write_tree(tmp_path / "wheels", tree)))
    assert ran.code == 1
    assert "\x1b" not in ran.stdout
    assert "31m" in ran.stdout


def test_a_metadata_repository(ipwhl: RunCli, tmp_path: Path) -> None:
    """It is checked where it lies; nothing is fetched."""
    tree = declared("a", "a-1-py3-none-any.whl", declaration(requires=["gone"]))
    ran = ipwhl("check", str(write_tree(tmp_path / "repository", tree)), "--json")
    assert (ran.code, ran.document["kind"]) == (1, "declarations")
    assert [finding["path"] for finding in ran.document["findings"]] == ["pkgs/61/a/a-1-py3-none-any.toml"]


def test_a_release_of_which_a_part_is_here(ipwhl: RunCli, tmp_path: Path) -> None:
    """METADATA is read of the wheels on the node; that others are not there is a finding."""
    files = {A: wheel("a", requires=["b"]), "b/b-1-cp312-cp312-win_amd64.whl": wheel("b")}
    tree, file = write_tree(tmp_path / "wheels", files), tmp_path / "systems"
    assert ipwhl("publish", str(tree), "--label", "2026.10").code == 0
    assert ipwhl("check", "2026.10").code == 0
    file.write_text("cp312 manylinux_2_28_x86_64\n")
    whole = ipwhl("check", "2026.10", "--supported", str(file), "--json")
    assert [finding["rule"] for finding in whole.document["findings"]] == ["dependency-missing"]
    assert ipwhl("unpin", "2026.10", "--yes").code == 0
    assert ipwhl("gc", "--yes").code == 0
    gone = ipwhl("check", "2026.10", "--json")
    assert (gone.code, gone.document["cid"]) == (1, whole.document["cid"])
    assert [(finding["rule"], finding["path"]) for finding in gone.document["findings"]] == [
        ("wheel-absent", path) for path in files
    ]


def test_what_is_neither_a_directory_nor_a_release(ipwhl: RunCli) -> None:
    """It is asked for as a release, and told to be none."""
    ran = ipwhl("check", "nowhere")
    assert ran.code == 2
    assert "nowhere" in ran.stderr


def test_declarations_are_written_for_what_is_sound(ipwhl: RunCli, tmp_path: Path) -> None:
    """As IPWHL's utilities write them; a second run finds them, and the repository is sound in itself."""
    files = {
        A: wheel("a", requires=["b; extra == 'x'"], extras=["x"], python=">=3"),
        "b/b-1-py3-none-any.whl": wheel("b"),
    }
    tree, repository = write_tree(tmp_path / "wheels", files), tmp_path / "repository"
    options = ("--declare", str(repository), "--source", "https://example.org/2026.10/")
    assert ipwhl("check", str(tree), *options, "--json").document["declared"] == {
        "written": 2,
        "unchanged": 0,
        "left_out": 0,
    }
    declaration = repository / "pkgs/61/a/a-1-py3-none-any.toml"
    cid = FileBuilder()
    cid.update(files[A])
    assert declaration.read_text().splitlines() == [
        f"source = 'https://example.org/2026.10/{A}'",
        f"content-id = '{cid.finish().cid}'",
        "requires-python = '>=3'",
        "extras = ['x']",
        "dependencies = [",
        "\t\"b; extra == 'x'\",",
        "]",
    ]
    declaration.write_text(declaration.read_text().replace("['x']", "[]"))
    again = ipwhl("check", str(tree), *options)
    assert again.stdout.endswith("declared: 0 declarations written, 2 as they were\n")
    assert "extras = []" in declaration.read_text()
    assert ipwhl("check", str(repository)).code == 0


def test_declarations_of_a_release(ipwhl: RunCli, tmp_path: Path) -> None:
    """Their CIDs are those of the release."""
    tree, repository = write_tree(tmp_path / "wheels", {A: wheel("a")}), tmp_path / "repository"
    assert ipwhl("publish", str(tree), "--label", "2026.10", "--cid-version", "1").code == 0
    options = ("--declare", str(repository), "--source", "https://example.org")
    assert ipwhl("check", "2026.10", *options).code == 0
    assert "content-id = 'bafk" in (repository / "pkgs/61/a/a-1-py3-none-any.toml").read_text()


def test_nothing_is_declared_with_a_finding(ipwhl: RunCli, tmp_path: Path) -> None:
    """Nor what cannot be read, where that is allowed; nor without the address, nor from declarations."""
    repository = tmp_path / "repository"
    options = ("--declare", str(repository), "--source", "https://example.org")
    assert ipwhl("check", broken(tmp_path), *options).code == 1
    assert not repository.exists()
    assert ipwhl("check", broken(tmp_path), *options[:2]).code == 2
    assert ipwhl("check", broken(tmp_path), *options[:3], "here", "--allow", "dependency-missing").code == 2
    tree = write_tree(tmp_path / "unread", {A: b"no archive, however long it is"})
    ran = ipwhl("check", str(tree), *options, "--allow", "metadata-readable")
    assert ran.stdout.endswith("declared: 0 declarations written, 0 as they were, 1 left out: no METADATA\n")
    declarations = declared("a", "a-1-py3-none-any.whl", declaration())
    ran = ipwhl("check", str(write_tree(tmp_path / "declarations", declarations)), *options)
    assert (ran.code, "has declarations already" in ran.stderr) == (2, True)
