"""The calendar, `dim_dates`: a case would need a thousand rows, so these tests check some days only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = next(model.sql for model in read_project().models if model.name == "dim_dates")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database in which a bill month, a bill day and a snapshot landed."""
    with duckdb.connect() as connection:
        connection.execute("create schema staging")
        columns = "bill_month text, bill_date date, snapshot_date date"
        connection.execute(f"create table staging.stg_landed_files ({columns})")
        connection.execute("""
            insert into staging.stg_landed_files values
                ('2023-11', null, null), ('2024-02', '2024-02-29', null), (null, null, '2024-03-02')
        """)
        connection.execute(f"create table dim_dates as {SQL}")
        yield connection


def test_every_day_occurs_once(connection: duckdb.DuckDBPyConnection) -> None:
    """Days run without a gap from the year before the first landing to the year after the last."""
    found = connection.execute("""
        select min(calendar_date)::text, max(calendar_date)::text, count(*), count(distinct calendar_date)
        from dim_dates
    """).fetchall()
    assert found == [("2022-01-01", "2025-12-31", 1461, 1461)]


def test_days_have_the_right_attributes(connection: duckdb.DuckDBPyConnection) -> None:
    """A leap day, a weekend day and the last day of a year have the right calendar attributes."""
    found = connection.execute("""
        select
            calendar_date::text, bill_month, calendar_year, calendar_quarter, calendar_month, month_name, day_of_month,
            day_of_week, weekday_name, is_weekend, is_month_end, days_in_month
        from dim_dates
        where calendar_date in ('2024-02-29', '2024-03-02', '2023-12-31')
        order by calendar_date
    """).fetchall()
    assert found == [
        ("2023-12-31", "2023-12", 2023, 4, 12, "December", 31, 7, "Sunday", True, True, 31),
        ("2024-02-29", "2024-02", 2024, 1, 2, "February", 29, 4, "Thursday", False, True, 29),
        ("2024-03-02", "2024-03", 2024, 1, 3, "March", 2, 6, "Saturday", True, False, 31),
    ]
