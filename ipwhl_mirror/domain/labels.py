"""What releases, sources and repositories may be called: safe in a path, a URL and a command line."""

from __future__ import annotations

import re

LABEL = re.compile(r"[A-Za-z0-9._+-]{1,64}")
"""Matched as a whole (`fullmatch`)."""
