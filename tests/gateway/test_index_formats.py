"""Which form of a listing an Accept header asks for."""

from __future__ import annotations

import pytest

from ipwhl_mirror.gateway.index_formats import IndexForm, index_form

JSON, V1, HTML = (form.value for form in IndexForm)
PIP = f"{JSON}, {V1}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {V1};q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param(None, IndexForm.HTML, id="nothing"),
        pytest.param("", IndexForm.HTML, id="empty"),
        pytest.param("*/*", IndexForm.HTML, id="anything"),
        pytest.param(PIP, IndexForm.JSON, id="pip"),
        pytest.param(UV, IndexForm.JSON, id="uv"),
        pytest.param(BROWSER, IndexForm.HTML, id="browser"),
        pytest.param(JSON, IndexForm.JSON, id="json"),
        pytest.param(JSON.upper(), IndexForm.JSON, id="capitals"),
        pytest.param(V1, IndexForm.V1_HTML, id="v1-html"),
        pytest.param("application/vnd.pypi.simple.latest+json", IndexForm.JSON, id="latest-json"),
        pytest.param("application/vnd.pypi.simple.latest+html", IndexForm.V1_HTML, id="latest-html"),
        pytest.param("application/vnd.pypi.simple.v2+json", IndexForm.HTML, id="unknown-version"),
        pytest.param(f"{JSON};q=0.1, text/html", IndexForm.HTML, id="json-less"),
        pytest.param(f"{JSON};q=0, */*", IndexForm.HTML, id="never-json"),
        pytest.param(f"text/html, {JSON}", IndexForm.JSON, id="both-alike"),
        pytest.param(f"*/*, {JSON}", IndexForm.JSON, id="anything-and-json"),
        pytest.param(f"*/*, {JSON};q=0.5", IndexForm.HTML, id="anything-rather-than-json"),
        pytest.param("text/*", IndexForm.HTML, id="any-text"),
        pytest.param("application/*", IndexForm.JSON, id="any-application"),
        pytest.param("image/png", IndexForm.HTML, id="nothing-of-this"),
        pytest.param(f"{JSON};q=nonsense", IndexForm.HTML, id="no-weight"),
        pytest.param(f"{JSON};q=nan", IndexForm.HTML, id="not-a-number"),
        pytest.param(f"{JSON};q=0.2, {JSON};q=0.9, text/html;q=0.5", IndexForm.JSON, id="twice"),
    ],
)
def test_form_that_is_liked_best(accept: str | None, form: IndexForm) -> None:
    """By weight, the most specific range first; HTML to who takes anything."""
    assert index_form(accept) is form
