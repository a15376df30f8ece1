"""A lake of 24 months and 1,000,000 bill lines for the build's measurements, made by DuckDB in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from pipelines.endpoints import DATASETS
from pipelines.land.manifest import LandedCustomer, Manifest
from pipelines.periods import BillMonth
from tests.lake import ACCOUNT, ASKED_AT, write

if TYPE_CHECKING:
    from pathlib import Path

MONTHS = 24
LINES = 1_000_000
CUSTOMERS = 45
LANDED = (
    "customer_bill_detail",
    "customer_bill_summary",
    "bill_summary_by_product",
    "bill_summary_by_region",
    "bill_summary_by_pay_mode",
)

_LINES = """
    select
        '30000000' || lpad((i % {customers} * (i % 7) % {customers})::varchar, 4, '0') as uin,
        ('x' || hash(i, {month})) as Id,
        ((hash(i, {month}, 1) % 1000000000)::decimal(38, 8) / 100000000 * {sign})::decimal(20, 8)::varchar as cost,
        i
    from range({lines}) as numbers(i)
"""
_DETAIL = """
    select
        '100000000001' as PayerAccountId,
        uin as OwnerAccountId,
        uin as OperatorAccountId,
        'Product ' || i % 37 as ProductName,
        case when i % 37 < 30 then 'Pay-As-You-Go resources' else 'Yearly/monthly subscription' end as BillingMode,
        'Project ' || i % 11 as ProjectName,
        'Region ' || i % 37 % 5 as Region,
        'Zone ' || i % 53 as AvailabilityZone,
        'ins-' || hash(i % 5000) as InstanceId,
        case when i % 3 = 0 then '-' else 'server ' || i % 5000 end as InstanceName,
        'Subproduct ' || i % 90 as SubProductName,
        'Hourly settlement ' || i % 2 as TransactionType,
        '2026' || hash(i // 3) as TransactionId,
        '2026-10-' || lpad((1 + i % 28)::varchar, 2, '0') || ' 10:00:00' as TransactionTime,
        '2026-10-' || lpad((1 + i % 28)::varchar, 2, '0') || ' 08:00:00' as UsageStartTime,
        '2026-10-' || lpad((1 + i % 28)::varchar, 2, '0') || ' 08:59:59' as UsageEndTime,
        'Component ' || i % 210 as ComponentType,
        'Component of ' || i % 400 as ComponentName,
        (hash(i % 400) % 1000000)::varchar || '.00012' as ComponentListPrice,
        'USD/GB/hour' as ComponentPriceMeasurementUnit,
        (i % 977)::varchar || '.25' as ComponentUsage,
        'GB' as ComponentUsageUnit,
        (i % 24)::varchar as UsageDuration,
        'hour' as DurationUnit,
        cost as OriginalCost,
        '1' as DiscountRate,
        'USD' as Currency,
        cost as TotalAmountAfterDiscount,
        '0' as VoucherDeduction,
        cost as TotalCost,
        Id,
        '1' as CustomerDiscountRate,
        'p_' || i % 37 as BusinessCode,
        'sp_' || i % 90 as ProductCode,
        'sv_' || i % 210 as ComponentCode,
        'v_' || i % 400 as ItemCode,
        null::varchar as _extra,
        '{account}' as _account,
        uin as _customer_uin,
        null::varchar as _asked,
        null::varchar as _reply,
        null::varchar as _file,
        (1 + i // 200)::integer as _page,
        (i % 200)::integer as _position,
        md5(uin || (i // 200)::varchar) as _request_id,
        now() as _fetched_at
    from lines
    order by uin
"""
_SUMMARY = """
    select
        {columns},
        null::varchar as _extra,
        '{account}' as _account,
        uin as _customer_uin,
        null::varchar as _asked,
        null::varchar as _reply,
        null::varchar as _file,
        1::integer as _page,
        0::integer as _position,
        uuid()::varchar as _request_id,
        now() as _fetched_at
    from (select uin, sum(cost::decimal(38, 8))::varchar as total from lines group by uin)
    order by uin
"""


def months() -> list[str]:
    """Return the months of the lake, oldest first."""
    listed = [BillMonth("2026-10")]
    while len(listed) < MONTHS:
        listed.append(listed[-1].previous)
    return [month.key for month in reversed(listed)]


def make_lake(home: Path) -> None:
    """Land every month."""
    for month in months():
        make_month(home, month)


def make_month(home: Path, month: str, sign: int = 1) -> None:
    """Land one month; `sign` -1 makes every cost negative, which changes every row."""
    with duckdb.connect() as connection:
        lines = _LINES.format(customers=CUSTOMERS, month=month.replace("-", ""), lines=LINES // MONTHS, sign=sign)
        connection.execute(f"create table lines as {lines}")
        for name in LANDED:
            _land(connection, home, name, month)


def _land(connection: duckdb.DuckDBPyConnection, home: Path, name: str, month: str) -> None:
    dataset = DATASETS[name]
    any_text = "'any'"
    spelled = {"TotalCost": "total", "OriginalCost": "total", "VoucherPayAmount": "'0'", "Detail": "'[]'"}
    if name == "customer_bill_summary":
        spelled["TotalCost"] = "total::double::varchar"
    columns = ", ".join(f'{spelled.get(column, any_text)} as "{column}"' for column in dataset.columns)
    select = _DETAIL if name == "customer_bill_detail" else _SUMMARY
    table = connection.sql(select.format(account=ACCOUNT, columns=columns)).to_arrow_table()
    connection.register("landed", table)
    groups = connection.execute(
        "select _customer_uin, count(*), sum(TotalCost::decimal(38, 12))::varchar from landed group by all"
    ).fetchall()
    currency = "USD" if dataset.currency else ""
    total = connection.execute("select sum(TotalCost::decimal(38, 12))::varchar from landed").fetchall()[0][0]
    customers = tuple(
        LandedCustomer(uin, rows, rows, cost, "proven", ASKED_AT.isoformat()) for uin, rows, cost in sorted(groups)
    )
    manifest = Manifest(
        dataset=name,
        account=ACCOUNT,
        kind="bill_month",
        key=month,
        month_state="closed",
        rows=table.num_rows,
        asked_from=ASKED_AT.isoformat(),
        asked_to=ASKED_AT.isoformat(),
        rows_digest=str(hash(total)),
        code_version="bench",
        run_id="bench",
        costs={currency: total},
        customers=customers,
    )
    write(home, table, manifest)
