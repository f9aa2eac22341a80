"""Related and suggested search terms in API v5. A sandbox has no data: it appends common words to any term.

Source: https://github.com/pinterest/api-description (v5/openapi.json; terms)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import invalid_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow_sandbox.server.request import OperationRequest


def _related_terms(request: OperationRequest) -> object:
    terms = [term.strip() for term in request.values("terms") if term.strip()]
    if not terms:
        raise invalid_request("Parameter 'terms' is required")
    related = [{"term": term, "related_terms": [f"{term} {word}" for word in _RELATED]} for term in terms]
    return {"id": terms[0], "related_term_count": len(related) * len(_RELATED), "related_terms_list": related}


def _suggested_terms(request: OperationRequest) -> object:
    term = (request.query_value("term") or "").strip()
    if not term:
        raise invalid_request("Parameter 'term' is required")
    limit = request.number("limit", default=4, most=10)
    return [f"{term} {word}" for word in _SUGGESTED][:limit]


_RELATED: Final = ("ideas", "inspiration", "aesthetic", "for beginners")
_SUGGESTED: Final = (
    *("ideas", "design", "for small spaces", "diy", "aesthetic"),
    *("on a budget", "for beginners", "modern", "vintage", "tips"),
)


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], object]]] = {
    "terms_related/list": _related_terms,
    "terms_suggested/list": _suggested_terms,
}
