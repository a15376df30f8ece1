"""Costs of a month in pandas, every amount an exact decimal.

    .venv/bin/python docs/examples/pandas_costs.py 2026-10

It reads the release of BILL_ETL_HOME, or of `var`.

DuckDB's `.df()` makes floats of decimals. Through Arrow, with pandas' Arrow types, a cost stays decimal128(38, 8), and
sums, groups and pivots are exact. The script shows it: its totals must be those that the database itself computes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
import pandas as pd

RELEASE = Path(os.environ.get("BILL_ETL_HOME") or "var") / "warehouse" / "billing.duckdb"
COSTS = """
    select customer_uin, product_name, billing_currency, billed_cost
    from fct_monthly_costs
    where bill_month = $month
"""
TOTALS = "select billing_currency, sum(billed_cost) from fct_monthly_costs where bill_month = $month group by all"


def costs(connection: duckdb.DuckDBPyConnection, month: str) -> pd.DataFrame:
    """Return a month's costs; `billed_cost` holds decimals."""
    table = connection.sql(COSTS, params={"month": month}).to_arrow_table()
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def by(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sum costs by these columns, the dearest first; never over currencies, and rows without a name count too."""
    sums = frame.groupby(["billing_currency", *columns], as_index=False, dropna=False)["billed_cost"].sum()
    return sums.sort_values("billed_cost", ascending=False, ignore_index=True)


def main(month: str) -> int:
    """Print what each product cost, check the totals, and return the exit code."""
    if not RELEASE.exists():
        sys.exit(
            f"There is no release at {RELEASE}: run make demo and set BILL_ETL_HOME=var/sandbox, or run make month."
        )
    with duckdb.connect(RELEASE, read_only=True) as connection:
        frame = costs(connection, month)
        if frame.empty:
            sys.exit(f"No customer has costs in {month}: write a month that landed as YYYY-MM.")
        expected = dict(connection.execute(TOTALS, {"month": month}).fetchall())
    print(by(frame, "product_name").to_string())
    found = dict(by(frame)[["billing_currency", "billed_cost"]].itertuples(index=False))
    print("Totals are those of the database:" if found == expected else "Totals DIFFER from the database's:", found)
    return 0 if found == expected else 1


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(words[0]) if words and not words[1:] else __doc__)
