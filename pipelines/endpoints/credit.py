"""Credit actions: limits, balances and allocations.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import CUSTOMERS, LIMITS_PAGE, PARTNERS, Action, Field, Paging, Parameter, Role

ALLOCATE_CREDIT_POOL = Action(
    name="AllocateCreditPool",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER),
    parameters=(
        Parameter("SubAgentUin", "int64", required=True),
        Parameter("Credit", "float", required=True),
    ),
    fields=(
        Field("RemainingCredit", "float"),
        Field("TotalCredit", "float"),
    ),
    writes=True,
)

ALLOCATE_CUSTOMER_CREDIT = Action(
    name="AllocateCustomerCredit",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("AddedCredit", "float", required=True),
        Parameter("ClientUin", "uint64", required=True),
        Parameter("Remark"),
    ),
    fields=(
        Field("TotalCredit", "float"),
        Field("RemainingCredit", "float"),
    ),
    writes=True,
)

FORCE_QN = Action(
    name="ForceQN",
    category="credit",
    limit=2,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("ClientUin", "uint64", required=True),
        Parameter("Type", "uint64", required=True),
    ),
    fields=(
        Field("C", "int64"),
        Field("M"),
    ),
    writes=True,
)

QUERY_CREDIT_ALLOCATION_HISTORY = Action(
    name="QueryCreditAllocationHistory",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("ClientUin", "uint64", required=True),
        Parameter("Page", "uint64"),
        Parameter("PageSize", "uint64"),
    ),
    fields=(
        Field("Total", "uint64"),
        Field(
            "History",
            "list<object>",
            (
                Field("AllocatedTime"),
                Field("Operator", personal=True),
                Field("Credit", "float"),
                Field("AllocatedCredit", "float"),
                Field("ClientCreditAfter", "float"),
                Field("Remark", personal=True),
            ),
        ),
    ),
    rows="History",
    total="Total",
    paging=Paging(size=100, documented=False),
)

QUERY_CREDIT_BY_UIN_LIST = Action(
    name="QueryCreditByUinList",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(Parameter("UinList", "list<uint64>", required=True, minimum=1, maximum=50),),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("Uin", "uint64"),
                Field("TotalCredit", "float"),
                Field("RemainingCredit", "float"),
            ),
        ),
    ),
    rows="Data",
)

QUERY_CUSTOMER_BILLING_QUOTA = Action(
    name="QueryCustomerBillingQuota",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=CUSTOMERS,
    parameters=(
        Parameter("EventId", "int64"),
        Parameter("ComponentName"),
    ),
    fields=(
        Field(
            "Data",
            "object",
            (
                Field("TotalCredit", "float"),
                Field("RemainingCredit", "float"),
                Field("RemainingVoucher", "float"),
                Field("Force", "int64", nullable=True),
                Field("PrepayFrozen", "float"),
                Field("PostpayFrozen", "float"),
            ),
        ),
    ),
    rows="Data",
)

QUERY_CUSTOMERS_CREDIT = Action(
    name="QueryCustomersCredit",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("FilterType"),
        Parameter("Filter"),
        Parameter("Page", "int64"),
        Parameter("PageSize", "int64"),
        Parameter("Order"),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("Name", personal=True),
                Field("Type"),
                Field("Mobile", personal=True),
                Field("Email", personal=True),
                Field("Arrears"),
                Field("AssociationTime"),
                Field("RecentExpiry"),
                Field("ClientUin", "uint64"),
                Field("Credit", "float"),
                Field("RemainingCredit", "float"),
                Field("IdentifyType", "uint64", values=("0", "1", "2")),
                Field("Remark", personal=True),
                Field("Force", "int64"),
            ),
        ),
        Field("Total", "uint64"),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100, documented=False),
)

QUERY_DIRECT_CUSTOMERS_CREDIT = Action(
    name="QueryDirectCustomersCredit",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("Uin", "uint64"),
                Field("TotalCredit", "float"),
                Field("RemainingCredit", "float"),
            ),
        ),
    ),
    rows="Data",
)

QUERY_PARTNER_CREDIT = Action(
    name="QueryPartnerCredit",
    category="credit",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    fields=(
        Field("AllocatedCredit", "float"),
        Field("TotalCredit", "float"),
        Field("RemainingCredit", "float"),
        Field("CustomerTotalCredit", "float"),
        Field("CustomerRemainingCredit", "float"),
    ),
)

ACTIONS = (
    ALLOCATE_CREDIT_POOL,
    ALLOCATE_CUSTOMER_CREDIT,
    FORCE_QN,
    QUERY_CREDIT_ALLOCATION_HISTORY,
    QUERY_CREDIT_BY_UIN_LIST,
    QUERY_CUSTOMER_BILLING_QUOTA,
    QUERY_CUSTOMERS_CREDIT,
    QUERY_DIRECT_CUSTOMERS_CREDIT,
    QUERY_PARTNER_CREDIT,
)
