"""What the gateway has done, in the Prometheus text format.

Spec: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipwhl_mirror import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipwhl_mirror.gateway.sending import Kind
    from ipwhl_mirror.nodes.base import NodeStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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

    def render(self, node: NodeStatus | None, connections: int) -> str:
        """All of it as text.

        Args:
            node: the node at this moment; None when it does not answer.
            connections: being answered.
        """
        return "".join(_lines(self._families(node, connections)))

    def _families(self, node: NodeStatus | None, connections: int) -> Iterator[_Family]:
        yield "info", "gauge", "The program.", [(f'{{version="{__version__}"}}', 1)]
        yield (
            "http_requests_total",
            "counter",
            "Answers sent whole.",
            [
                (f'{{kind="{kind.value}",status="{status}"}}', count)
                for (kind, status), count in sorted(
                    self._requests.items(), key=lambda item: (item[0][0].value, item[0][1])
                )
            ],
        )
        yield "http_broken_off_total", "counter", "Answers broken off.", _by_kind(self._broken)
        yield "http_sent_bytes_total", "counter", "Bytes of bodies sent.", _by_kind(self._sent)
        yield "http_answering", "gauge", "Requests being answered.", [("", connections)]
        refused = [("", self.refused_connections)]
        yield "http_refused_connections_total", "counter", "Connections turned away.", refused
        yield "node_up", "gauge", "Whether the node answers.", [("", 0 if node is None else 1)]
        if node is not None:
            yield "node_repo_bytes", "gauge", "What the node keeps on disk.", [("", node.repo_bytes)]
            yield "node_free_bytes", "gauge", "Free on the node's disk.", [("", node.free_bytes)]


if TYPE_CHECKING:
    _Family = tuple[str, str, str, list[tuple[str, int]]]


def _by_kind(counter: Counter[Kind]) -> list[tuple[str, int]]:
    ordered = sorted(counter.items(), key=lambda item: item[0].value)
    return [(f'{{kind="{kind.value}"}}', count) for kind, count in ordered]


def _lines(families: Iterable[_Family]) -> Iterator[str]:
    for name, metric_type, about, samples in families:
        yield f"# HELP ipwhl_mirror_{name} {about}\n# TYPE ipwhl_mirror_{name} {metric_type}\n"
        for labels, value in samples:
            yield f"ipwhl_mirror_{name}{labels} {value}\n"
