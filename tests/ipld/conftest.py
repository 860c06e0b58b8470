"""Links and nodes for the tests of this folder."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.dagpb import MAX_TSIZE, Link

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

DIGEST = bytes(range(32))
V0 = Cid(0, DAG_PB, DIGEST)

cids = st.builds(
    lambda form, digest: Cid(form.version, form.codec, digest),
    st.sampled_from([Cid(0, DAG_PB, DIGEST), Cid(1, DAG_PB, DIGEST), Cid(1, RAW, DIGEST)]),
    st.binary(min_size=32, max_size=32),
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
links = st.builds(Link, cids, names, st.integers(0, MAX_TSIZE))


def some_links(count: int, *, prefix: str = "project-") -> list[Link]:
    """Links with different names and CIDs, each of 1 byte."""
    return [Link(Cid.of(b"%d" % i, version=0), f"{prefix}{i}", 1) for i in range(count)]
