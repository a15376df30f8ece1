"""The commands that need no Dagster: `python -m pipelines sandbox`, `plan`, `rebuild`, `docs`, `sql`."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines import paths, settings
from pipelines.endpoints.shapes import Role
from pipelines.errors import BillEtlError, SettingError
from pipelines.periods import BILLING_ZONE, BillingClock, asked_month

if TYPE_CHECKING:
    from datetime import datetime

ROOT = Path(__file__).parent.parent
_AS_WIDE_AS_NEEDED = 10_000


@click.group()
def main() -> None:
    """Everything that needs no Dagster."""


@main.command()
@click.option("--port", default=8765, show_default=True, help="0: a free one.")
@click.option("--customers", default=12, show_default=True)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bills.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.RESELLER.value,
    show_default=True,
    help="What the account is that the sandbox's key belongs to.",
)
@click.option("--latency", default=0.0, show_default=True, help="Seconds that every answer takes longer.")
@click.option("--now", type=click.DateTime(), help="The billing clock in UTC+8; the real one if not given.")
def sandbox(port: int, customers: int, seed: int, role: str, latency: float, now: datetime | None) -> None:
    """Run a local stand-in for the API on loopback, until ctrl-C."""
    from pipelines.sandbox import Principal, World, serve  # noqa: PLC0415  only this command needs a web server

    principal = Principal(settings.SANDBOX_SECRET_ID, settings.SANDBOX_SECRET_KEY, Role(role))
    serve(
        [principal],
        world=World(seed=seed, customers=customers, beyond_double=False),
        now=now.replace(tzinfo=BILLING_ZONE) if now else None,
        latency=latency,
        port=port,
    )


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--account", "accounts", multiple=True, help="Only this account; may be given several times.")
@click.option("--full", is_flag=True, help="Plan to ask also what nothing says has changed.")
def plan(key: str, accounts: tuple[str, ...], *, full: bool) -> None:
    """Print what a run of a month (YYYY-MM) would ask, by what is landed; nothing is asked."""
    from rich.console import Console  # noqa: PLC0415  only this command needs them

    from pipelines import refresh  # noqa: PLC0415
    from pipelines.endpoints import DATASETS  # noqa: PLC0415
    from pipelines.endpoints.shapes import PartitionKind  # noqa: PLC0415

    loaded = settings.load(ROOT)
    month = asked_month(key, loaded.clock.now())
    run = refresh.Run.dry(loaded.home, loaded.clock, full=full)
    monthly = [dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH]
    askers = [account.asker for account in loaded.named(accounts)]
    plans = [each for asker in askers for each in refresh.plan_month(run, asker, monthly, month)]
    for drawn in refresh.tables(plans):
        Console(width=max(Console().width, 120)).print(drawn)


@main.command()
def rebuild() -> None:
    """Build every model from the lake, offline, and publish."""
    from pipelines.publish import build_and_publish  # noqa: PLC0415  only this command needs it

    home = settings.home(ROOT)
    if not paths.raw_root(home).exists():
        raise click.ClickException(f"Nothing is landed in {home}: set BILL_ETL_HOME to the home that you mean.")
    release = build_and_publish(home, now=BillingClock().now(), code_version=settings.code_version(ROOT), full=True)
    if release:
        click.echo(f"{release.release_id} in {release.seconds:.1f} s: {paths.current_release(home)}")
        for warning in release.warnings.values():
            click.echo(warning, err=True)
        if not (release.is_complete and release.is_reconciled):
            click.echo("Not every month of it is complete and reconciled: see rpt_reconciliation.", err=True)
            sys.exit(3)


@main.command()
def docs() -> None:
    """Write the generated pages of docs/ again."""
    from pipelines.endpoints import ACTIONS, DATASETS  # noqa: PLC0415  only this command needs them
    from pipelines.model import read_project  # noqa: PLC0415
    from pipelines.publish.coverage import coverage_page  # noqa: PLC0415

    page = ROOT / "docs" / "coverage.md"
    page.write_text(coverage_page(ACTIONS.values(), DATASETS.values(), read_project()), encoding="utf-8")
    click.echo(page.relative_to(ROOT).as_posix())


@main.command()
@click.argument("query")
def sql(query: str) -> None:
    """Print the answer of a query on the current release."""
    import duckdb  # noqa: PLC0415  only this command needs it
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    link = paths.current_release(settings.home(ROOT))
    if not link.exists():
        raise click.ClickException(f"There is no release at {link} yet: run make demo, or make month MONTH=...")
    try:
        with duckdb.connect(str(link), read_only=True) as connection:
            connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
            connection.execute(query)
            table = Table(*(column[0] for column in connection.description or ()), box=box.SIMPLE)
            for row in connection.fetchall():
                table.add_row(*map(_cell, row))
    except duckdb.Error as error:
        raise click.ClickException(str(error)) from None
    Console(width=_AS_WIDE_AS_NEEDED).print(table)


def _cell(value: object) -> str:
    """Spell a value; a Decimal without an exponent, all its digits shown."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


if __name__ == "__main__":
    try:
        main()
    except BillEtlError as error:
        click.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, SettingError) else 1)
