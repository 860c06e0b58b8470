"""Tests of nodes. The contract's modules are no test modules themselves, but their assertions explain too."""

import pytest

pytest.register_assert_rewrite(
    "tests.nodes.world",
    "tests.nodes.contract_content",
    "tests.nodes.contract_pins",
    "tests.nodes.contract_upkeep",
)
