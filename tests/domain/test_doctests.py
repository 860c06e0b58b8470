"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["display", "platforms", "selections", "wheels"])
def test_examples_give_what_they_say(name: str) -> None:
    """Each of these modules has examples, and none fails."""
    result = doctest.testmod(importlib.import_module(f"ipwhl_mirror.domain.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
