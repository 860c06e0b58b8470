"""What `nodes/base.py` promises of every node, one test a sentence.

A node's test module subclasses `NodeContract`, imports the fixture `dag`, and gives a fixture `world`: a
fresh node, and a network in which only what the test offers can be had (`world.World`).
"""

from __future__ import annotations

from tests.nodes.contract_content import ContentContract
from tests.nodes.contract_names import NameContract
from tests.nodes.contract_pins import PinContract
from tests.nodes.contract_upkeep import UpkeepContract
from tests.nodes.world import World, dag

__all__ = ["NodeContract", "UpkeepContract", "World", "dag"]


class NodeContract(ContentContract, PinContract, UpkeepContract, NameContract):
    """The promises; collected in the modules that subclass it."""
