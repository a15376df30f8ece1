"""Which page is which: what is undocumented about paging, as a setting of the world.

The API states neither the first page nor the largest size of DescribeCustomerUin, QueryCustomersCredit and
QueryCreditAllocationHistory. What does not belong here: refusing a page (`checks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.endpoints.shapes import Action

STATED_IN_PROSE = 100
"""The largest page of the actions whose range the catalogue does not have: their texts say 100."""


@dataclass(frozen=True, slots=True)
class PagingQuirk:
    """How the actions with undocumented paging page: the number of their `first` page and the `largest` size.

    A larger size is refused, or with `capped` answered quietly as the largest. With `page_ignored` every page is the
    first. Where a request may leave them out, the first page and the largest size are answered.
    """

    first: int = 1
    largest: int = 100
    capped: bool = False
    page_ignored: bool = False


def quirk_of(action: Action, quirk: PagingQuirk) -> PagingQuirk:
    """Return how an action pages: as documented, or by the world's quirk where nothing is."""
    if action.paging is None or not action.paging.documented:
        return quirk
    sizes = (parameter.maximum for parameter in action.parameters if parameter.name == "PageSize")
    return PagingQuirk(largest=next(sizes, None) or STATED_IN_PROSE)


def window(action: Action, quirk: PagingQuirk, parameters: Mapping[str, Any]) -> slice:
    """Return the asked page's place in a list."""
    quirk = quirk_of(action, quirk)
    size = min(parameters.get("PageSize", quirk.largest), quirk.largest)
    page = 0 if quirk.page_ignored else parameters.get("Page", quirk.first) - quirk.first
    return slice(page * size, (page + 1) * size)
