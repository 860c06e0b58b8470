"""Reading releases and recognising trees: every clause of trees.md 1, and who is not believed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.domain.errors import UnrecognisedTree
from ipwhl_mirror.domain.reading import IndexReader, TreeKind, TreeReader
from ipwhl_mirror.domain.selections import Selection, select_wheels
from ipwhl_mirror.domain.subsets import subset_tree
from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import NotADirectory, build_directory
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock, MissingBlock
from ipwhl_mirror.ipld.subset_tree import INDEX
from tests.domain.made import FILE_DATA, Made
from tests.domain.vectors import car_blocks, feed_all, read_release, read_tree, release, vector

if TYPE_CHECKING:
    from ipwhl_mirror.domain.releases import Release
    from ipwhl_mirror.ipld.directories import Tree

WHEEL = "a-1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("-dash", "not a project's name"),
        (".dot", "not a project's name"),
        ("..", "not a project's name"),
        (".ipwhl", "not a project's name"),
        ("a-", "not a project's name"),
        ("a b", "not a project's name"),
        ("a\n", "not a project's name"),
        ("\u0430", "not a project's name"),
        ("", "not a project's name"),
    ],
)
def test_a_root_entry_with_another_name_is_malformed(name: str, reason: str) -> None:
    """It is listed with its claimed bytes, and its block is never asked for."""
    made = Made()
    root = made.node([Link(Cid.of(b"nowhere", version=0), name, 77), made.project("b", {})])
    reader = IndexReader(root)
    asked = feed_all(reader, made.blocks)
    found = reader.finish()
    assert [(entry.path, entry.reason, entry.bytes) for entry in found.malformed] == [(name, reason, 77)]
    assert [project.name for project in found.projects] == ["b"]
    assert Cid.of(b"nowhere", version=0) not in asked


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        pytest.param(b"\x0a\x08" + FILE_DATA, "file", id="a file"),
        pytest.param(b"\x0a\x04\x08\x04\x12\x00", "symlink", id="a symlink"),
        pytest.param(b"not dag-pb at all", "", id="no dag-pb"),
        pytest.param(b"\x0a\x02\x08\x63", "", id="no UnixFS"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_a_root_entry_that_is_no_directory_is_malformed(block: bytes, reason: str) -> None:
    """Its name fits, its block does not: it is in no tree and the rest of the release is read."""
    made = Made()
    entries = [Link(made.block(block), "a", 5), made.project("b", {"b-1-py3-none-any.whl": 3})]
    found = made.read(entries)
    assert [entry.path for entry in found.malformed] == ["a"]
    assert reason in found.malformed[0].reason
    assert [wheel.filename for wheel in found.wheels] == ["b-1-py3-none-any.whl"]
    assert [cid.digest for cid in found.index_blocks] == [found.root.digest, entries[1].cid.digest]


def test_a_raw_root_entry_is_malformed_and_not_asked_for() -> None:
    """A raw-codec link is never a project, even where the block under it is a directory."""
    made = Made(version=1)
    directory = made.project("a", {WHEEL: 1})
    root = made.node([Link(directory.cid.as_raw(), "a", 9)])
    reader = IndexReader(root)
    assert feed_all(reader, made.blocks) == [root]
    assert [entry.path for entry in reader.finish().malformed] == ["a"]


def test_entries_of_a_project_that_are_no_wheels_are_malformed() -> None:
    """They are listed by path, sorted, and count in no number of the release."""
    made = Made()
    files = {WHEEL: 10, WHEEL + ".metadata": 20, "b-1-py3-none-any.whl": 40, "index.html": 80}
    found = made.read([made.project("a", files), made.file("README", 160)._replace(name=".x")])
    assert [entry.path for entry in found.malformed] == [
        ".x",
        "a/a-1-py3-none-any.whl.metadata",
        "a/b-1-py3-none-any.whl",
        "a/index.html",
    ]
    assert (len(found.wheels), found.bytes) == (1, 10)
    assert (found.other_entries, found.other_bytes) == (4, 300)
    assert [link.name for link in found.projects[0].other] == [
        "a-1-py3-none-any.whl.metadata",
        "b-1-py3-none-any.whl",
        "index.html",
    ]


def test_an_empty_project_counts_and_is_in_the_index() -> None:
    """`projects` has it, and its block is kept."""
    made = Made()
    empty = made.project("empty", {})
    found = made.read([empty])
    assert [project.name for project in found.projects] == ["empty"]
    assert found.index_blocks == (found.root, empty.cid)
    assert found.wheels == ()


def test_projects_whose_names_normalize_alike_stay_apart() -> None:
    """Each is keyed by its name as published."""
    made = Made()
    links = [
        made.project("A_b", {"a_b-1-py3-none-any.whl": 1}),
        made.project("a-b", {"A_B-1-py3-none-any.whl": 2}),
    ]
    found = made.read(links)
    assert [(wheel.project, wheel.bytes) for wheel in found.wheels] == [("A_b", 1), ("a-b", 2)]


def test_equal_contents_under_two_names_count_twice() -> None:
    """Also two projects with one directory, which is read once."""
    made = Made()
    directory = made.project("a", {WHEEL: 10})
    reader = IndexReader(made.node([directory, directory._replace(name="A")]))
    asked = feed_all(reader, made.blocks)
    found = reader.finish()
    assert len(asked) == 2
    assert (len(found.projects), len(found.wheels), found.bytes) == (2, 2, 20)
    assert len(found.index_blocks) == 2


def test_an_absent_tsize_is_nothing() -> None:
    """A wheel whose official link has no Tsize counts 0 bytes, and the link is kept as it is."""
    project = next(project for project in release("edge-v0").projects if project.name == "no.tsize")
    assert [(wheel.tsize, wheel.bytes) for wheel in project.wheels] == [(77, 77), (None, 0)]


@pytest.mark.parametrize(
    ("versions", "root_version"),
    [([0, 0], 0), ([0, 1], 1), ([1, 1], 1), ([], 0)],
    ids=["v0", "mixed", "v1", "empty"],
)
@pytest.mark.parametrize("asked_version", [0, 1])
def test_the_root_is_named_by_its_links(versions: list[int], root_version: int, asked_version: int) -> None:
    """Version 0 when all links of its block are, else 1, however it was asked for."""
    made = Made()
    links = [made.project(f"p{at}", {}) for at in range(len(versions))]
    root = made.node(
        Link(link.cid.as_version(version), link.name, 4)
        for link, version in zip(links, versions, strict=True)
    )
    found = read_release(root.as_version(asked_version), made.blocks)
    assert found.root == root.as_version(root_version)
    assert found.index_blocks[0] == found.root


@pytest.mark.parametrize("name", ["edge-v0", "edge-v1", "sharded-v0"])
def test_directory_blocks_are_asked_for_once_by_their_official_names(name: str) -> None:
    """Never raw, never twice, and exactly those that the index keeps."""
    reader = IndexReader(vector(name).root)
    asked = feed_all(reader, car_blocks(name))
    found = reader.finish()
    assert all(cid.codec == DAG_PB for cid in asked)
    assert len({cid.digest for cid in asked}) == len(asked)
    assert set(found.index_blocks) <= set(asked)
    # asked for and not kept: what turned out to be no project
    assert len(asked) - len(found.index_blocks) <= len(found.malformed)


@pytest.mark.parametrize("name", ["edge-v0", "edge-v1", "small-v1"])
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_blocks_does_not_matter(name: str, seed: int) -> None:
    """Blocks come as the network gives them, with some that nobody asked for."""
    shuffle = random.Random(seed)
    blocks = car_blocks(name)
    reader = IndexReader(vector(name).root)
    while wanted := reader.needed():
        shuffle.shuffle(wanted)
        for cid in wanted:
            reader.feed(Cid.of(b"unasked"), b"unasked")
            reader.feed(cid, blocks[cid.digest])
    found, expected = reader.finish(), release(name)
    assert found.projects == expected.projects
    assert found.malformed == expected.malformed
    assert found.index.cid == expected.index.cid
    assert set(found.index_blocks) == set(expected.index_blocks)


@pytest.mark.parametrize("reader", [IndexReader, TreeReader])
def test_a_block_that_is_not_fed_fails_the_read(reader: type[IndexReader | TreeReader]) -> None:
    """`finish` names it."""
    made = Made()
    project = made.project("a", {WHEEL: 1})
    root = made.node([project])
    reading = reader(root)
    with pytest.raises(MissingBlock, match=str(root)):
        reading.finish()
    reading.feed(*next((cid, made.blocks[cid.digest]) for cid in reading.needed()))
    assert reading.needed() == [project.cid]
    with pytest.raises(MissingBlock, match=str(project.cid)):
        reading.finish()


@pytest.mark.parametrize("read", [read_release, read_tree], ids=["index", "tree"])
def test_a_root_that_is_no_directory_is_refused(read: type) -> None:
    """A file, bytes that are nothing, a raw CID."""
    made = Made()
    with pytest.raises(NotADirectory):
        read(made.node([], FILE_DATA), made.blocks)
    with pytest.raises(MalformedBlock):
        read(made.block(b"not dag-pb at all"), made.blocks)
    with pytest.raises(NotADirectory):
        read(Cid.of(b"raw", RAW), {})


def test_a_project_that_breaks_a_rule_refuses_the_release() -> None:
    """A name twice in one project is no malformed entry: nothing of the release is believed."""
    made = Made()
    bad = made.node([made.file(WHEEL, 1), made.file(WHEEL, 2)])
    with pytest.raises(ForbiddenBlock, match=str(bad)):
        made.read([Link(bad, "a", 1)])


# --- recognising


@pytest.mark.parametrize("name", ["small-v0", "small-v1", "edge-v0", "edge-v1"])
def test_a_release_is_recognised(name: str) -> None:
    """Also one that has a malformed `.ipwhl` whose block is nowhere."""
    reader = TreeReader(vector(name).root)
    asked = feed_all(reader, car_blocks(name))
    found = reader.finish()
    assert (found.kind, found.wheels) == (TreeKind.RELEASE, None)
    assert found.release.projects == release(name).projects
    assert len(set(asked)) == len(asked)


def test_an_ipwhl_beside_what_no_subset_has_is_not_asked_for() -> None:
    """A directory with an entry that is no project's is a release, wherever its `.ipwhl` may be."""
    made = Made(version=1)
    nowhere = Link(Cid.of(b"nowhere"), INDEX, 1)
    root = made.node([made.project("-dash", {}), nowhere, made.project("a", {WHEEL: 1})])
    found = read_tree(root, made.blocks)
    assert [entry.path for entry in found.release.malformed] == ["-dash", INDEX]


@pytest.mark.parametrize("name", ["small-v0", "small-v1", "edge-v0", "sharded-v0"])
def test_an_index_is_recognised(name: str) -> None:
    """From the index tree and the official blocks."""
    tree = release(name).index
    found = read_tree(tree.cid, with_blocks(car_blocks(name), tree))
    assert (found.kind, found.wheels) == (TreeKind.INDEX, None)
    assert found.release.root == release(name).root


@pytest.mark.parametrize("name", ["small-v0", "small-v1"])
def test_blocks_of_a_subset_are_asked_for_by_official_names(name: str) -> None:
    """The release is read in the version it was published in, and nothing is asked for twice."""
    wheels = select_wheels(release(name), Selection.parse(["linux-x86_64"], pythons=["3.11"], no_any=True))
    tree = subset_tree(release(name), wheels)
    reader = TreeReader(tree.cid)
    asked = feed_all(reader, with_blocks(car_blocks(name), tree))
    assert reader.finish().wheels == wheels
    assert len({cid.digest for cid in asked}) == len(asked)
    assert set(release(name).index_blocks) <= set(asked)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(lambda made: Link(made.node([], FILE_DATA), INDEX, 1), id="a file"),
        pytest.param(lambda made: Link(made.node([]), INDEX, 1), id="an empty directory"),
        pytest.param(lambda made: Link(made.block(b"garbage"), INDEX, 1), id="garbage"),
        pytest.param(lambda made: made.raw(INDEX), id="a raw block"),
        pytest.param(
            lambda made: Link(made.node([made.raw("root"), made.raw("x")]), INDEX, 1), id="no projects"
        ),
        pytest.param(
            lambda made: Link(made.node([made.raw("root"), made.raw("root")]), INDEX, 1), id="a name twice"
        ),
    ],
)
def test_an_ipwhl_that_is_no_index_is_a_malformed_entry(entry: type) -> None:
    """It says nothing about another release, so the release that has it is read as one."""
    made = Made(version=1)
    root = made.node([entry(made), made.project("a", {WHEEL: 1})])
    found = read_tree(root, made.blocks)
    assert found.kind is TreeKind.RELEASE
    assert [malformed.path for malformed in found.release.malformed] == [INDEX]
    assert [wheel.filename for wheel in found.release.wheels] == [WHEEL]


def with_blocks(blocks: dict[bytes, bytes], tree: Tree) -> dict[bytes, bytes]:
    return {**blocks, **{cid.digest: block for cid, block in tree.blocks}}


class Liar:
    """A subset of two projects, and ways to change it."""

    def __init__(self) -> None:
        self.made = Made()
        both = {f"{tag}.whl": 10 for tag in ("b-1-cp311-cp311-win32", "b-1-cp312-cp312-win32")}
        links = [
            self.made.project("a", {WHEEL: 1, "a-1-py3-none-win32.whl": 2}),
            self.made.project("b", both),
        ]
        self.other = self.made.read([self.made.project("a", {})])
        self.release: Release = self.made.read([*links, self.made.project("empty", {})])
        self.a, self.b, self.empty = (project.link for project in self.release.projects)
        self.wheel, self.other_wheel = self.release.projects[0].entries
        self.index = self.release.index.link(INDEX)
        self.blocks = with_blocks(with_blocks(self.made.blocks, self.release.index), self.other.index)

    def directory(self, links: list[Link], name: str) -> Link:
        tree = build_directory(links)
        self.blocks = with_blocks(self.blocks, tree)
        return tree.link(name)

    def tree(self, *links: Link) -> Cid:
        return self.directory(list(links), "").cid


LIES = {
    "a wheel's link was changed": lambda of: of.tree(
        of.index, of.directory([of.wheel._replace(cid=of.other_wheel.cid)], "a"), of.b
    ),
    "a wheel's bytes were changed": lambda of: of.tree(
        of.index, of.directory([of.wheel._replace(tsize=9)], "a"), of.b
    ),
    "a file was added to a project": lambda of: of.tree(
        of.index, of.directory([of.wheel, of.made.file("evil-1-py3-none-any.whl", 1)], "a"), of.b
    ),
    "a file was added beside the projects": lambda of: of.tree(
        of.index, of.directory([of.wheel], "a"), of.directory([of.wheel], "c")
    ),
    "a project has another's name": lambda of: of.tree(
        of.index, of.directory([of.wheel], "a"), of.b._replace(name="c")
    ),
    "a project is kept without wheels": lambda of: of.tree(of.index, of.directory([], "a"), of.b),
    "a whole project was built anew": lambda of: of.tree(
        of.index, of.directory([of.wheel, of.other_wheel], "a"), of.directory([of.wheel], "b")
    ),
    "a project's bytes were changed": lambda of: of.tree(of.index, of.b._replace(tsize=1)),
    "an official link is in another version": lambda of: of.tree(
        of.index, of.b._replace(cid=of.b.cid.as_version(1))
    ),
    "everything is selected": lambda of: of.tree(of.index, of.a, of.b),
    "an empty project is kept": lambda of: of.tree(of.index, of.b, of.empty),
    "the index is another's": lambda of: of.tree(of.other.index.link(INDEX), of.b),
    "the index's bytes were changed": lambda of: of.tree(of.index._replace(tsize=1), of.b),
    "the index lacks a project": lambda of: of.tree(
        of.directory([Link(of.release.root.as_raw(), "root", 0), of.directory([], "projects")], INDEX), of.b
    ),
    "the index has shards that are none": lambda of: of.tree(
        of.directory(
            [
                Link(of.release.root.as_raw(), "root", 0),
                of.directory(
                    [link._replace(cid=link.cid.as_raw(), tsize=0) for link in (of.a, of.b, of.empty)],
                    "projects",
                ),
                of.directory([], "shards"),
            ],
            INDEX,
        ),
        of.b,
    ),
    "a project is a file": lambda of: of.tree(
        of.index, Link(of.made.node([], FILE_DATA).as_version(1), "a", 1), of.b
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_subset_that_lies_is_not_believed(lie: str) -> None:
    """A tree with an index is refused unless it is exactly the subset that its wheels make."""
    liar = Liar()
    cid = LIES[lie](liar)
    with pytest.raises(UnrecognisedTree) as refused:
        read_tree(cid, {**liar.made.blocks, **liar.blocks})
    assert refused.value.cid == cid


def test_the_truth_is_believed() -> None:
    """The tree from which the lies are made is a subset."""
    liar = Liar()
    cid = liar.tree(liar.index, liar.directory([liar.wheel], "a"), liar.b)
    found = read_tree(cid, liar.blocks)
    assert found.kind is TreeKind.SUBSET
    assert found.wheels is not None
    assert [wheel.filename for wheel in found.wheels] == [
        WHEEL,
        "b-1-cp311-cp311-win32.whl",
        "b-1-cp312-cp312-win32.whl",
    ]


def test_a_subset_of_nothing_is_what_it_says() -> None:
    """Nobody plans one, but building it anew gives the same CID."""
    liar = Liar()
    assert read_tree(liar.tree(liar.index), liar.blocks).wheels == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda of, entries: entries[:1], id="a project less"),
        pytest.param(lambda of, entries: [*entries, entries[0]._replace(name="c")], id="a project more"),
        pytest.param(lambda of, entries: [entries[0]._replace(tsize=5), *entries[1:]], id="bytes"),
        pytest.param(
            lambda of, entries: [entries[0]._replace(cid=entries[1].cid), *entries[1:]], id="another block"
        ),
    ],
)
def test_an_index_that_lies_is_not_believed(change: type) -> None:
    """An index is one only when it is the index of the release whose root it has."""
    liar = Liar()
    entries = [link._replace(cid=link.cid.as_raw(), tsize=0) for link in (liar.a, liar.b, liar.empty)]
    root = Link(liar.release.root.as_raw(), "root", 0)
    assert liar.tree(root, liar.directory(entries, "projects")) == liar.release.index.cid
    cid = liar.tree(root, liar.directory(change(liar, entries), "projects"))
    with pytest.raises(UnrecognisedTree):
        read_tree(cid, liar.blocks)


def test_projects_called_root_and_projects_are_a_release() -> None:
    """Only a raw `root` makes an index of a directory."""
    made = Made()
    names = {name: {f"{name}-1-py3-none-any.whl": 1} for name in ("root", "projects", "shards")}
    root = made.node(made.project(name, names[name]) for name in sorted(names))
    found = read_tree(root, made.blocks)
    assert (found.kind, len(found.release.wheels)) == (TreeKind.RELEASE, 3)
