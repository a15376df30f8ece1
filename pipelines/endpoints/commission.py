"""The commission action: a link to the partner's commission file.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import LIMITS_PAGE, PARTNERS, Action, Field, Parameter

DESCRIBE_REBATE_DOWNLOAD_URL = Action(
    name="DescribeRebateDownloadUrl",
    category="commission",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Month", required=True),
        Parameter("FileType", required=True),
    ),
    fields=(
        Field("DownloadUrl"),
        Field("Ready", "int64"),
    ),
)

ACTIONS = (DESCRIBE_REBATE_DOWNLOAD_URL,)
