"""A lake of 24 months for the build's measurements, with as many bill lines as are asked for, made by DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from pipelines.endpoints import DATASETS
from pipelines.land.manifest import Manifest, SliceState
from pipelines.periods import BillMonth
from tests.lake import ACCOUNT, REQUESTED_AT, write

if TYPE_CHECKING:
    from pathlib import Path

MONTHS = 24
CUSTOMERS = 45
RESOURCES = 1900
LANDED = (
    "customer_bill_detail",
    "customer_bill_summary",
    "bill_summary_by_product",
    "bill_summary_by_region",
    "bill_summary_by_pay_mode",
)

_LINES = """
    select
        '30000000' || lpad((resource % {customers} * (resource % 7) % {customers})::varchar, 4, '0') as uin,
        ('x' || hash(i, {month})) as Id,
        ((hash(i, {month}, 1) % 1000000000)::decimal(38, 8) / 100000000 * {sign})::decimal(20, 8)::varchar as cost,
        resource,
        product,
        product * 8 + i // {resources} % 8 as component,
        lpad((1 + i % 28)::varchar, 2, '0') as day,
        i
    from (select i, i % {resources} as resource, i % {resources} % 37 as product from range({lines}) as numbers(i))
"""
"""Lines as bills have them: a resource is one customer's, of one product and in one region, and every day it has a line
for each of a few components of the product.
"""
_DETAIL = """
    select
        '100000000001' as PayerAccountId,
        uin as OwnerAccountId,
        uin as OperatorAccountId,
        'Product ' || product as ProductName,
        case when product < 30 then 'Pay-As-You-Go resources' else 'Yearly/monthly subscription' end as BillingMode,
        'Project ' || resource % 11 as ProjectName,
        'Region ' || resource % 5 as Region,
        'Zone ' || resource % 53 as AvailabilityZone,
        'ins-' || hash(resource) as InstanceId,
        case when resource % 3 = 0 then '-' else 'server ' || resource end as InstanceName,
        'Subproduct ' || component // 4 as SubProductName,
        'Hourly settlement ' || component % 2 as TransactionType,
        '2026' || hash(i // 3) as TransactionId,
        '{month}-' || day || ' 10:00:00' as TransactionTime,
        '{month}-' || day || ' 08:00:00' as UsageStartTime,
        '{month}-' || day || ' 08:59:59' as UsageEndTime,
        'Component ' || component // 2 as ComponentType,
        'Component of ' || component as ComponentName,
        (hash(component) % 1000000)::varchar || '.00012' as ComponentListPrice,
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
        'p_' || product as BusinessCode,
        'sp_' || component // 4 as ProductCode,
        'sv_' || component // 2 as ComponentCode,
        'v_' || component as ItemCode,
        null::varchar as _extra,
        '{account}' as _account,
        uin as _customer_uin,
        null::varchar as _slice_params,
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
        null::varchar as _slice_params,
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


def make_lake(home: Path, lines: int) -> None:
    """Land every month, of so many bill lines in all."""
    for month in months():
        make_month(home, month, lines // MONTHS)


def make_month(home: Path, month: str, lines: int, sign: int = 1) -> None:
    """Land one month of so many lines; `sign` -1 makes every cost negative, which changes every row."""
    with duckdb.connect() as connection:
        made = _LINES.format(
            customers=CUSTOMERS, resources=RESOURCES, month=month.replace("-", ""), lines=lines, sign=sign
        )
        connection.execute(f"create table lines as {made}")
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
    table = connection.sql(select.format(account=ACCOUNT, month=month, columns=columns)).to_arrow_table()
    connection.register("landed", table)
    groups = connection.execute(
        "select _customer_uin, count(*), sum(TotalCost::decimal(38, 12))::varchar from landed group by all"
    ).fetchall()
    currency = "USD" if dataset.currency else ""
    total = connection.execute("select sum(TotalCost::decimal(38, 12))::varchar from landed").fetchall()[0][0]
    slices = tuple(
        SliceState(uin, rows, rows, cost, "proven", REQUESTED_AT.isoformat()) for uin, rows, cost in sorted(groups)
    )
    manifest = Manifest(
        dataset=name,
        account=ACCOUNT,
        kind="bill_month",
        partition_key=month,
        month_state="issued",
        rows=table.num_rows,
        requested_from=REQUESTED_AT.isoformat(),
        requested_to=REQUESTED_AT.isoformat(),
        rows_digest=str(hash(total)),
        code_version="bench",
        run_id="bench",
        costs={currency: total},
        slices=slices,
    )
    write(home, table, manifest)
