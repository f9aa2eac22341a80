"""Search terms that belong to others.

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
    """For each of some search terms, those that people search for as well. (GET /terms/related)

    Arguments:
        terms: at least one
    """
    answer = ctx.client.get("/terms/related", params={"terms": terms})
    found = answer.get("related_terms_list") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) and "term" in each for each in found):
        raise ActionError("the service's answer holds no list of related terms")
    yield from (cast("RelatedTerms", each) for each in found)


@action("suggested_terms", api="v5", scopes={"ads:read"}, quota={"ads_read"})
def suggested_terms(ctx: Context, *, term: Term, limit: Annotated[int, Number(ge=1, le=10)] | None = None) -> list[str]:
    """Search terms that begin with a term, the most popular first. (GET /terms/suggested)

    Arguments:
        term: how they begin
        limit: at most so many, 4 if left out
    """
    found = ctx.client.get("/terms/suggested", params={"term": term, "limit": limit})
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ActionError("the service's answer is no list of terms")
    return found


ACTIONS: Final = (related_terms, suggested_terms)
