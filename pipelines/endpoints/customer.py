"""Customer actions: customers, second-level resellers, invitations, and lists of countries and industries.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import (
    DISTRIBUTORS,
    EVERYONE,
    LIMITS_PAGE,
    PARTNERS,
    Action,
    Field,
    Paging,
    Parameter,
    Role,
)

APPROVE_CLIENT_APPLY = Action(
    name="ApproveClientApply",
    category="customer",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("ClientUin", "int64", required=True),
        Parameter("ApproveType", required=True),
        Parameter("RejectReason"),
    ),
    writes=True,
)

APPROVE_SUB_AGENT_APPLY = Action(
    name="ApproveSubAgentApply",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER),
    parameters=(
        Parameter("SubAgentUin", "int64", required=True),
        Parameter("ApproveType", required=True),
        Parameter("RejectReason"),
    ),
    writes=True,
)

CREATE_ACCOUNT = Action(
    name="CreateAccount",
    category="customer",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("AccountType", required=True),
        Parameter("Mail", required=True),
        Parameter("Password", required=True),
        Parameter("ConfirmPassword", required=True),
        Parameter("PhoneNum", required=True),
        Parameter("CountryCode", required=True),
        Parameter("Area", required=True),
        Parameter("VerifyCode", required=True),
        Parameter("TradeOne", required=True),
        Parameter("TradeTwo", required=True),
        Parameter("Extended"),
        Parameter("CustomerName"),
    ),
    fields=(
        Field("Uin"),
        Field("Reason"),
    ),
    writes=True,
)

CREATE_AND_SEND_CLIENT_INVITATION_MAIL = Action(
    name="CreateAndSendClientInvitationMail",
    category="customer",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Email", required=True),
        Parameter("InvitationRole"),
        Parameter("MaterialUrl"),
    ),
    fields=(Field("InvitationLink"),),
    writes=True,
)

DESCRIBE_CUSTOMER_INFO = Action(
    name="DescribeCustomerInfo",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.RESELLER),
    parameters=(Parameter("CustomerUin", "list<int64>", required=True, minimum=1, maximum=20),),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("CustomerUin"),
                Field("Email", personal=True),
                Field("Phone", personal=True),
                Field("Mark", personal=True),
                Field("Name", personal=True),
                Field("BindTime"),
                Field("AccountStatus", values=("0", "1", "2")),
                Field("AuthStatus", values=("-999", "-1", "0", "1", "2", "3")),
                Field("AuthType", "int64", values=("-1", "0", "1")),
                Field("CidRegisterTime"),
                Field("UinRegisterTime"),
                Field("AuthPassTime"),
                Field("HasExpense", "int64", values=("0", "1")),
            ),
        ),
    ),
    rows="Data",
)

DESCRIBE_CUSTOMER_UIN = Action(
    name="DescribeCustomerUin",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
    ),
    fields=(
        Field("Data", "list<object>", (Field("CustomerUin", nullable=True),), nullable=True),
        Field("Total"),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100, documented=False),
)

GET_COUNTRY_CODES = Action(
    name="GetCountryCodes",
    category="customer",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=EVERYONE,
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("EnName"),
                Field("Name"),
                Field("IOS2"),
                Field("IOS3"),
                Field("Code"),
            ),
        ),
    ),
    rows="Data",
)

GET_TRADE_CONFIG_LIST = Action(
    name="GetTradeConfigList",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=EVERYONE,
    fields=(
        Field(
            "TradeList",
            "list<object>",
            (
                Field("Id"),
                Field("Name"),
                Field(
                    "Children",
                    "list<object>",
                    (
                        Field("Id"),
                        Field("Name"),
                        Field("TradeInfo"),
                    ),
                ),
            ),
        ),
    ),
    rows="TradeList",
)

MODIFY_CLIENT_REMARK = Action(
    name="ModifyClientRemark",
    category="customer",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("ClientUin", required=True),
        Parameter("Remark", required=True),
    ),
    fields=(Field("ClientRemark"),),
    writes=True,
)

QUERY_ACCOUNT_VERIFICATION_STATUS = Action(
    name="QueryAccountVerificationStatus",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.RESELLER),
    parameters=(Parameter("ClientUin", "int64", required=True),),
    fields=(Field("AccountStatus", "bool", values=("true", "false")),),
)

QUERY_INVITATION_INFO = Action(
    name="QueryInvitationInfo",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(Parameter("InvitationToken", "list<string>", required=True, minimum=1, maximum=100),),
    fields=(
        Field(
            "InvitationInfo",
            "list<object>",
            (
                Field("InvitationToken"),
                Field("CreateTime"),
                Field("Status", "int64", values=("1", "2")),
                Field("UseTime"),
                Field("ClientUin", "int64"),
                Field("ClientMail", personal=True),
                Field("ClientType", "int64", values=("1", "2")),
                Field("BindTime"),
            ),
        ),
    ),
    rows="InvitationInfo",
)

QUERY_PENDING_CLIENTS_V2 = Action(
    name="QueryPendingClientsV2",
    category="customer",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("ApplyTime"),
                Field("ClientUin", "uint64"),
                Field("Email", personal=True),
                Field("Mobile", personal=True),
                Field("Name", personal=True),
                Field("Status"),
                Field("Type"),
            ),
        ),
        Field("Total", "int64"),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100),
)

QUERY_PENDING_SUB_AGENTS_V2 = Action(
    name="QueryPendingSubAgentsV2",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER),
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("SubAgentUin", "int64"),
                Field("Name", personal=True),
                Field("Mobile", personal=True),
                Field("Email", personal=True),
                Field("ApplyTime"),
                Field("Status", values=("Reviewing",)),
                Field("MaterialUrl", personal=True),
                Field("AuthState", "int64", values=("-1", "0", "1", "2", "3")),
            ),
        ),
        Field("Total", "int64"),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100),
)

QUERY_SUB_AGENTS_DETAIL_V2 = Action(
    name="QuerySubAgentsDetailV2",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=(Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER),
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
        Parameter("FilterType"),
        Parameter("Filter"),
        Parameter("Order"),
    ),
    fields=(
        Field("Total", "int64"),
        Field(
            "Data",
            "list<object>",
            (
                Field("SubAgentUin", "int64"),
                Field("Name", personal=True),
                Field("Remark", personal=True),
                Field("Mobile", personal=True),
                Field("Email", personal=True),
                Field("CountOfCustomers", "int64"),
                Field("BindTime"),
                Field("Credit", "float"),
                Field("RemainingCredit", "float"),
                Field("Voucher", "float"),
                Field("RemainingVoucher", "float"),
            ),
        ),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100),
)

QUERY_T1_INDIRECT_CUSTOMERS_DETAIL = Action(
    name="QueryT1IndirectCustomersDetail",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=DISTRIBUTORS,
    parameters=(
        Parameter("SubAgentUin", "int64", required=True),
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=100),
    ),
    fields=(
        Field("Total", "int64"),
        Field("SubAgentUin", "int64"),
        Field("SubAgentName", personal=True),
        Field(
            "Data",
            "list<object>",
            (
                Field("ClientUin", "int64"),
                Field("ClientName", personal=True),
                Field("ClientBindTime"),
            ),
        ),
    ),
    rows="Data",
    total="Total",
    paging=Paging(size=100),
)

SEND_VERIFY_CODE = Action(
    name="SendVerifyCode",
    category="customer",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=EVERYONE,
    parameters=(
        Parameter("CountryCode", required=True),
        Parameter("PhoneNum", required=True),
    ),
    writes=True,
)

ACTIONS = (
    APPROVE_CLIENT_APPLY,
    APPROVE_SUB_AGENT_APPLY,
    CREATE_ACCOUNT,
    CREATE_AND_SEND_CLIENT_INVITATION_MAIL,
    DESCRIBE_CUSTOMER_INFO,
    DESCRIBE_CUSTOMER_UIN,
    GET_COUNTRY_CODES,
    GET_TRADE_CONFIG_LIST,
    MODIFY_CLIENT_REMARK,
    QUERY_ACCOUNT_VERIFICATION_STATUS,
    QUERY_INVITATION_INFO,
    QUERY_PENDING_CLIENTS_V2,
    QUERY_PENDING_SUB_AGENTS_V2,
    QUERY_SUB_AGENTS_DETAIL_V2,
    QUERY_T1_INDIRECT_CUSTOMERS_DETAIL,
    SEND_VERIFY_CODE,
)
