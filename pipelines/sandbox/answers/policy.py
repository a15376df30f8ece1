"""The answer about products that a rebate policy covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sandbox.api_request import json_members, row_matches
from pipelines.sandbox.goods import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members

SPAN = ("2026-01-01 00:00:00", "2026-12-31 23:59:59")
"""Start and end of every policy."""


def query_policy_product_list_by_code(request: ApiRequest) -> Members:
    """List what a policy covers; nothing for an unknown one. What the real service answers to that is not known.

    Filters must match exactly. Whether `*` passes every filter is not known; here it does not.
    """
    code = request.parameters["PolicyCode"]
    names = [f"{level}{part}" for level in ("Product", "SubProduct", "ComponentType", "Component") for part in _PARTS]
    rows = [
        {
            "PolicyCode": code,
            **dict(zip(names, (text for level in covered for text in level), strict=True)),
            "StartDate": SPAN[0],
            "EndDate": SPAN[1],
        }
        for covered in POLICIES.get(code, ())
    ]
    wanted = request.given_parameters("ProductCode", "ProductName", "SubProductCode", "SubProductName")
    rows = [row for row in rows if row_matches(row, wanted)]
    return json_members(ProductList=request.page(rows), Total=len(rows))


_PARTS = ("Code", "Name")

ANSWERS: Mapping[str, Answer] = {"QueryPolicyProductListByCode": query_policy_product_list_by_code}
