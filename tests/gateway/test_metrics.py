"""Figures can be read by a parser of the format, whatever their labels hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.gateway.errors import MirrorsUnknown
from ipwhl_mirror.gateway.exposition import CONTENT_TYPE, Family, MetricType, Sample, exposition
from ipwhl_mirror.gateway.metrics import node_families
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from ipwhl_mirror.nodes.base import NodeStatus
from tests.exposition import figure, figures
from tests.gateway.client import Client
from tests.gateway.local_node import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.gateway.conftest import Site

NODE = NodeStatus(kind="embedded", version="0", repo_bytes=5, free_bytes=7, free_inodes=9)


@given(st.text(), st.text())
def test_any_text_is_a_label(first: str, second: str) -> None:
    """Quotes, backslashes and line ends come back as they were."""
    samples = (Sample(1, {"a": first, "b": "1"}), Sample(2.5, {"a": second, "b": "2"}))
    read = figures(exposition([Family("x", "About it.", samples)]))["ipwhl_mirror_x"]
    assert read == {
        frozenset({("a", first), ("b", "1")}): 1.0,
        frozenset({("a", second), ("b", "2")}): 2.5,
    }


@pytest.mark.parametrize(
    ("family", "lines"),
    [
        (
            Family("a", 'With a \\ and "quotes".', (Sample(3),)),
            [
                '# HELP ipwhl_mirror_a With a \\\\ and "quotes".',
                "# TYPE ipwhl_mirror_a gauge",
                "ipwhl_mirror_a 3",
            ],
        ),
        (
            Family("b_total", "Counted.", (), MetricType.COUNTER),
            ["# HELP ipwhl_mirror_b_total Counted.", "# TYPE ipwhl_mirror_b_total counter"],
        ),
    ],
    ids=["escaped help", "none yet"],
)
def test_lines(family: Family, lines: list[str]) -> None:
    """Byte for byte."""
    assert exposition([family]).splitlines() == lines


def test_node_families() -> None:
    """What is not known is left out: no limit of inodes, and all but `up` of a node that is away."""
    text = exposition(node_families(NODE))
    assert [figure(text, f"node_{name}") for name in ("up", "repo_bytes", "free_bytes", "free_inodes")] == [
        1,
        5,
        7,
        9,
    ]
    assert figure(exposition(node_families(replace(NODE, free_inodes=None))), "node_free_inodes") is None
    assert figures(exposition(node_families(None))) == {"ipwhl_mirror_node_up": {frozenset(): 0.0}}


async def test_metrics_of_a_gateway_can_be_parsed(site: Site) -> None:
    """After answers of several kinds."""
    for target in (f"/ipfs/{site.root}/", f"/ipfs/{site.six}", "/nothing"):
        await site.client.get(target)
    answer = await site.client.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert figure(answer.text, "http_requests_total", kind="listing", status="200") == 1
    assert figure(answer.text, "http_sent_bytes_total", kind="file") == len(b"six wheel")
    assert figure(answer.text, "http_answering") == 1


class Said:
    """What monitoring is told by a test; or nothing can be told."""

    error: MirrorsUnknown | None = None

    def families(self) -> Iterable[Family]:
        self._answer()
        return (Family("more", "More.", (Sample(4),)),)

    def health(self) -> Iterable[str]:
        self._answer()
        return ("campus: fine",)

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error


async def test_monitoring_is_told_more_where_there_is_more() -> None:
    """Asked anew each time; where it cannot be told, or the node is away, /healthz is 503."""
    shelf, said = Shelf(), Said()
    gateway = await start_gateway(shelf.node(), GatewaySettings("127.0.0.1:0"), monitored=said)
    try:
        client = Client(gateway.port)
        assert figure((await client.get("/metrics")).text, "more") == 4
        healthy = await client.get("/healthz")
        assert (healthy.status, healthy.text) == (200, "ok\ncampus: fine\n")
        said.error = MirrorsUnknown("the database is gone")
        for target in ("/healthz", "/metrics"):
            answer = await client.get(target)
            assert (answer.status, answer.text) == (503, "the database is gone\n")
        said.error, shelf.is_away = None, True
        assert (await client.get("/healthz")).status == 503
        assert figure((await client.get("/metrics")).text, "node_up") == 0
    finally:
        await gateway.aclose()


async def test_hosts_can_be_changed_while_it_runs(site: Site) -> None:
    """Those named now are answered, those named before are not."""
    for hosts in ((), ("mirror.example.org",), ("other.example.org",)):
        site.gateway.answer_for(GatewaySettings("127.0.0.1:0", hosts=hosts))
        statuses = {
            name: (await site.client.get("/healthz", Host=f"{name}.example.org")).status
            for name in ("mirror", "other")
        }
        assert statuses == {
            name: 200 if f"{name}.example.org" in hosts else 421 for name in ("mirror", "other")
        }
