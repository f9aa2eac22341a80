"""Related and suggested search terms.

Source: https://developers.pinterest.com/docs/api/v5/ (terms)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, cast

from pinflow import ActionError, Context, Number, Text, UsageError, action
from pinflow_pinterest.types import RelatedTerms

Term = Annotated[str, Text(min_length=1, pattern="^[^,]*$", description="a term without a comma")]


def _some(terms: list[str]) -> None:
    if not terms:
        raise UsageError("related_terms needs at least one term")


@action("related_terms", api="v5", scopes={"ads:read"}, quota={"ads_read"}, checks=(_some,))
def related_terms(ctx: Context, *, terms: list[Term]) -> Iterator[RelatedTerms]:
    """Terms that people also search for, for each of some search terms. (GET /terms/related)

    Arguments:
        terms: at least one
    """
    answer = ctx.client.get("/terms/related", params={"terms": terms})
    related = answer.get("related_terms_list") if isinstance(answer, dict) else None
    if not isinstance(related, list) or not all(isinstance(term, dict) and "term" in term for term in related):
        raise ActionError("the service's answer has no list of related terms")
    yield from (cast("RelatedTerms", term) for term in related)


@action("suggested_terms", api="v5", scopes={"ads:read"}, quota={"ads_read"})
def suggested_terms(ctx: Context, *, term: Term, limit: Annotated[int, Number(ge=1, le=10)] | None = None) -> list[str]:
    """Search terms that begin with a term, the most popular first. (GET /terms/suggested)

    Arguments:
        term: their beginning
        limit: at most so many, 4 by default
    """
    suggestions = ctx.client.get("/terms/suggested", params={"term": term, "limit": limit})
    if not isinstance(suggestions, list) or not all(isinstance(suggestion, str) for suggestion in suggestions):
        raise ActionError("the service's answer is not a list of terms")
    return suggestions


ACTIONS: Final = (related_terms, suggested_terms)
