"""What the gateway has done, as families of figures; and what monitoring is told besides."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror import __version__
from ipwhl_mirror.gateway.exposition import Family, MetricType, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipwhl_mirror.gateway.sending import Kind
    from ipwhl_mirror.nodes.base import NodeStatus


class Monitored(Protocol):
    """What whoever runs a gateway has to tell monitoring; asked anew for every request.

    Raises:
        Refused: it cannot be told now.
    """

    def families(self) -> Iterable[Family]:
        """For `/metrics`, after the gateway's own."""

    def health(self) -> Iterable[str]:
        """Lines for `/healthz`, in printable ASCII, after `ok`."""


class NothingMore:
    """Nothing besides what the gateway knows."""

    def families(self) -> Iterable[Family]:
        """None."""
        return ()

    def health(self) -> Iterable[str]:
        """None."""
        return ()


class Metrics:
    """Counters since the gateway started.

    Attributes:
        refused_connections: turned away because all were taken.
    """

    def __init__(self) -> None:
        self.refused_connections = 0
        self._requests: Counter[tuple[Kind, int]] = Counter()
        self._sent: Counter[Kind] = Counter()
        self._broken: Counter[Kind] = Counter()

    def count_answer(self, kind: Kind, status: int, sent: int) -> None:
        """Count an answer that went out whole."""
        self._requests[kind, status] += 1
        self._sent[kind] += sent

    def count_broken(self, kind: Kind, sent: int) -> None:
        """Count an answer that was broken off, by either side."""
        self._broken[kind] += 1
        self._sent[kind] += sent

    def families(self, node: NodeStatus | None, connections: int) -> Iterator[Family]:
        """All of it.

        Args:
            node: the node at this moment; None when it does not answer.
            connections: being answered.
        """
        yield program_family()
        yield Family(
            "http_requests_total",
            "Answers sent whole.",
            tuple(
                Sample(count, {"kind": kind.value, "status": str(status)})
                for (kind, status), count in sorted(
                    self._requests.items(), key=lambda item: (item[0][0].value, item[0][1])
                )
            ),
            MetricType.COUNTER,
        )
        yield _by_kind("http_broken_off_total", "Answers broken off.", self._broken)
        yield _by_kind("http_sent_bytes_total", "Bytes of bodies sent.", self._sent)
        yield Family("http_answering", "Requests being answered.", (Sample(connections),))
        yield Family(
            "http_refused_connections_total",
            "Connections turned away.",
            (Sample(self.refused_connections),),
            MetricType.COUNTER,
        )
        yield from node_families(node)


def program_family() -> Family:
    """Which version this is."""
    return Family("info", "The program.", (Sample(1, {"version": __version__}),))


def node_families(node: NodeStatus | None) -> Iterator[Family]:
    """The node and its disk; None: it does not answer."""
    yield Family("node_up", "Whether the node answers.", (Sample(0 if node is None else 1),))
    if node is None:
        return
    yield Family("node_repo_bytes", "What the node keeps on disk.", (Sample(node.repo_bytes),))
    yield Family("node_free_bytes", "Free on the node's disk.", (Sample(node.free_bytes),))
    if node.free_inodes is not None:
        yield Family("node_free_inodes", "Inodes free on the node's disk.", (Sample(node.free_inodes),))


def _by_kind(name: str, about: str, counter: Counter[Kind]) -> Family:
    ordered = sorted(counter.items(), key=lambda item: item[0].value)
    samples = tuple(Sample(count, {"kind": kind.value}) for kind, count in ordered)
    return Family(name, about, samples, MetricType.COUNTER)
