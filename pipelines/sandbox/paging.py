"""Paging: the positions of a page in a list, and the undocumented properties of paging as a setting of the world.

The API documents neither the first page nor the largest size of DescribeCustomerUin, QueryCustomersCredit and
QueryCreditAllocationHistory. `checks` refuses pages that are out of range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.endpoints.shapes import Action

STATED_IN_PROSE = 100
"""The largest page of actions whose catalogue entry has no maximum: their descriptions say 100."""


@dataclass(frozen=True, slots=True)
class PagingQuirk:
    """Paging of the actions that do not document it: the number of the `first` page and the `largest` size.

    A larger size is refused, or with `capped` treated as the largest without an error. With `page_ignored` every page
    is the first. A request without page or size gets the first page or the largest size.
    """

    first: int = 1
    largest: int = 100
    capped: bool = False
    page_ignored: bool = False


def quirk_of(action: Action, quirk: PagingQuirk) -> PagingQuirk:
    """Return the paging of an action: as documented, or the world's quirk if it is not."""
    if action.paging is None or not action.paging.documented:
        return quirk
    sizes = (parameter.maximum for parameter in action.parameters if parameter.name == "PageSize")
    return PagingQuirk(largest=next(sizes, None) or STATED_IN_PROSE)


def window(action: Action, quirk: PagingQuirk, parameters: Mapping[str, Any]) -> slice:
    """Return the positions of the requested page in a list."""
    quirk = quirk_of(action, quirk)
    size = min(parameters.get("PageSize", quirk.largest), quirk.largest)
    page = 0 if quirk.page_ignored else parameters.get("Page", quirk.first) - quirk.first
    return slice(page * size, (page + 1) * size)
