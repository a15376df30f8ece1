"""Partitions of the raw assets: bill months and days. Calendar arithmetic is in `pipelines.periods`."""

import dagster as dg

from pipelines.periods import BILLING_ZONE, FIRST_BILL_DATE, FIRST_BILL_MONTH

MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=FIRST_BILL_MONTH,
    fmt="%Y-%m",
    timezone=BILLING_ZONE.key,
    end_offset=1,  # the running month is a partition too
)
"""Bill months (UTC+8) from the first with bills to the running one."""

DAYS = dg.DailyPartitionsDefinition(
    start_date=FIRST_BILL_DATE,
    timezone=BILLING_ZONE.key,
    end_offset=1,  # today is a partition too
)
"""Days (UTC+8) from the first with costs by day to today."""
