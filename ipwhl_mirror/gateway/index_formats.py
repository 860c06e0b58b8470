"""In which form of the simple repository API a listing is wanted: HTML, or JSON.

By `Accept` with weights, the most specific range of a type counting for it. Who takes anything, or nothing
of this, gets HTML under the type that every browser and every installer knows.

Spec: PEP 691, https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

from enum import Enum

from ipwhl_mirror.gateway.formats import media_types


class IndexForm(Enum):
    """The form of a listing, by its media type."""

    JSON = "application/vnd.pypi.simple.v1+json"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html"

    @property
    def content_type(self) -> str:
        """Of the answer."""
        return self.value if self is IndexForm.JSON else f"{self.value}; charset=utf-8"


_NAMES = {
    IndexForm.JSON: {IndexForm.JSON.value, "application/vnd.pypi.simple.latest+json"},
    IndexForm.V1_HTML: {IndexForm.V1_HTML.value, "application/vnd.pypi.simple.latest+html"},
    IndexForm.HTML: {IndexForm.HTML.value},
}
_NAMED, _KIND, _ANYTHING = 2, 1, 0


def index_form(accept: str | None) -> IndexForm:
    """The form that an Accept header likes best; of forms it names alike, the one that says most."""
    best, liked = IndexForm.HTML, (0.0, _ANYTHING)
    weights: dict[str, float] = {}
    for media_type, _, weight in media_types(accept or "*/*"):
        weights[media_type] = max(weight, weights.get(media_type, 0.0))
    for form, names in _NAMES.items():
        weight, rank = _weight(form, names, weights)
        if weight > 0 and ((weight, rank) > liked or (rank == _ANYTHING and (weight, rank) == liked)):
            best, liked = form, (weight, rank)
    return best


def _weight(form: IndexForm, names: set[str], weights: dict[str, float]) -> tuple[float, int]:
    """How much a form is liked, and how specifically the header says so."""
    named = [weights[name] for name in names if name in weights]
    if named:
        return max(named), _NAMED
    kind = form.value.partition("/")[0] + "/*"
    if kind in weights:
        return weights[kind], _KIND
    return weights.get("*/*", 0.0), _ANYTHING
