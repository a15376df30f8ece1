"""The policy action: products that a rebate policy covers.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import LIMITS_PAGE, PARTNERS, Action, Field, Paging, Parameter

QUERY_POLICY_PRODUCT_LIST_BY_CODE = Action(
    name="QueryPolicyProductListByCode",
    category="policy",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("PolicyCode", required=True),
        Parameter("ProductCode"),
        Parameter("ProductName"),
        Parameter("SubProductCode"),
        Parameter("SubProductName"),
        Parameter("Page", "uint64"),
        Parameter("PageSize", "uint64", minimum=1, maximum=200),
    ),
    fields=(
        Field(
            "ProductList",
            "list<object>",
            (
                Field("PolicyCode"),
                Field("ProductCode"),
                Field("ProductName"),
                Field("SubProductCode"),
                Field("SubProductName"),
                Field("ComponentTypeCode"),
                Field("ComponentTypeName"),
                Field("ComponentCode"),
                Field("ComponentName"),
                Field("StartDate"),
                Field("EndDate"),
            ),
        ),
        Field("Total", "uint64"),
    ),
    rows="ProductList",
    total="Total",
    paging=Paging(size=200),
)

ACTIONS = (QUERY_POLICY_PRODUCT_LIST_BY_CODE,)
