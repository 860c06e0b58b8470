"""Reads figures in the Prometheus text format with the parser of the Python client, and checks what it lets
pass."""

from __future__ import annotations

import re
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


def figures(text: str) -> dict[str, dict[Labels, float]]:
    """Name -> labels -> value; every family told once, with HELP and TYPE before its samples, and no figure
    twice."""
    told = Counter(re.findall(r"^# (HELP|TYPE) (\S+) \S", text, re.MULTILINE))
    assert set(told.values()) == {1}, told
    assert text.endswith("\n")
    lines = [line for line in text[:-1].split("\n") if not line.startswith("#")]
    read: dict[str, dict[Labels, float]] = {}
    parsed = 0
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "gauge")
        for sample in family.samples:
            of_name = read.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in of_name, (sample.name, labels)
            assert {("HELP", sample.name), ("TYPE", sample.name)} <= set(told)
            of_name[labels] = sample.value
            parsed += 1
    assert parsed == len(lines)
    return read


def figure(text: str, name: str, **labels: str) -> float | None:
    """One figure of this program; None where it is not there."""
    return figures(text).get(f"ipwhl_mirror_{name}", {}).get(frozenset(labels.items()))
