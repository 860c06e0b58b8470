"""The embedded node keeps the contract of nodes."""

from __future__ import annotations

from tests.nodes.contract import NodeContract, dag
from tests.nodes.embedded_world import store_directory, world

__all__ = ["dag", "store_directory", "world"]


class TestEmbeddedNode(NodeContract):
    """The contract."""
