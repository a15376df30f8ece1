"""The commands that need no Dagster, such as `python -m pipelines sandbox`, `plan`, `rebuild`, `report`, `sql`."""

from __future__ import annotations

import sys
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines import paths, settings
from pipelines.endpoints.shapes import Role
from pipelines.errors import BillEtlError, SettingError
from pipelines.periods import BILLING_ZONE, BillMonth, parse_bill_month

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pipelines.publish.exports import Export

ROOT = Path(__file__).parent.parent
_AS_WIDE_AS_NEEDED = 10_000
_READING = frozenset({"report", "statements", "focus", "export", "focus-validate"})
"""Commands that read whatever release there is: `close` takes one of this code only, and the others none."""


class _Commands(click.Group):
    """Commands of which none ends in DuckDB's own words about the release that it reads."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is asked for. Raises what `release_faults` does."""
        from pipelines.model.session import release_faults  # noqa: PLC0415  to ask for help needs none

        def read() -> Path | None:
            return paths.current_release(settings.home(ROOT)) if ctx.invoked_subcommand in _READING else None

        with release_faults(read):
            return super().invoke(ctx)


@click.group(cls=_Commands)
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
    month = parse_bill_month(key, loaded.clock.now())
    run = refresh.RefreshContext.dry(loaded.home, loaded.clock, full=full)
    monthly = [dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH]
    profiles = [account.profile for account in loaded.accounts_named(accounts)]
    plans = [each for profile in profiles for each in refresh.plan_month(run, profile, monthly, month)]
    for drawn in refresh.tables(plans):
        Console(width=max(Console().width, 120)).print(drawn)


@main.command()
def rebuild() -> None:
    """Build every model from the lake, offline, and publish."""
    from pipelines.publish import build_and_publish  # noqa: PLC0415  only this command needs it

    home = settings.home(ROOT)
    if not paths.raw_root(home).exists():
        raise click.ClickException(f"Nothing is landed in {home}: set BILL_ETL_HOME to the home that you mean.")
    release = build_and_publish(
        home,
        now=settings.clock(ROOT).now(),
        code_version=settings.code_version(ROOT),
        masked=settings.masked(ROOT),
        full=True,
    )
    if release:
        click.echo(f"{release.release_id} in {release.seconds:.1f} s: {paths.current_release(home)}")
        for warning in release.warnings.values():
            click.echo(warning, err=True)
        if not (release.is_complete and release.is_reconciled):
            click.echo("Not every month of it is complete and reconciled: see rpt_reconciliation.", err=True)
            sys.exit(3)


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--reason", help="Why it is closed although not all of it is final, complete and reconciled; kept.")
def close(key: str, reason: str | None) -> None:
    """Freeze what was invoiced for a bill month (YYYY-MM), and publish that it is closed."""
    from pipelines.model.closes import TERMS  # noqa: PLC0415  only this command needs them
    from pipelines.publish.closing import close_month  # noqa: PLC0415

    home, now = settings.home(ROOT), settings.clock(ROOT).now()
    month = parse_bill_month(key, now)
    closed = close_month(
        home,
        month,
        now=now,
        code_version=settings.code_version(ROOT),
        reason=reason,
        terms_file=settings.customers_file(ROOT),
        masked=settings.masked(ROOT),
    )
    click.echo(f"{month} is closed with release {closed.release_id}: {paths.closed_folder(home, month.key)}")
    if TERMS in closed.contents:
        click.echo("Its statements go by customers.csv as it was now.")
    else:
        click.echo("There is no customers.csv: its statements are without markup and tax, in the bills' currencies.")
    for objection in closed.overridden:
        click.echo(f"in spite of: {objection}", err=True)


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--account", "accounts", multiple=True, help="Only this account; may be given several times.")
@click.option("--customer", "customers", multiple=True, help="Only this customer (UIN); may be given several times.")
def statements(key: str, accounts: tuple[str, ...], customers: tuple[str, ...]) -> None:
    """Write an Excel workbook for each customer of a bill month (YYYY-MM)."""
    from rich.console import Console  # noqa: PLC0415  only this command needs them
    from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415

    from pipelines.publish.statements import make_statements  # noqa: PLC0415

    month = BillMonth(key)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("statements", visible=False)
        written = make_statements(
            settings.home(ROOT),
            month,
            terms_file=settings.customers_file(ROOT),
            accounts=accounts,
            customers=customers,
            progress=lambda done, of: bar.update(task, completed=done, total=of, visible=of > 0),
        )
    for folder in sorted({made.path.parent for made in written.made}):
        count = sum(made.path.parent == folder for made in written.made)
        click.echo(f"{count} statements of {month} from release {written.release_id}: {folder}")
    if not written.made:
        whose = f"customer of {_some(accounts)}" if accounts else "customer"
        click.echo(f"No {whose} was billed in {month}, says release {written.release_id}: there are no statements.")
    if written.closed_terms is not None:
        terms = f"{written.closed_terms} rows of terms" if written.closed_terms else "no terms"
        click.echo(f"{month} is closed, with {terms}: that is what they are made of, whatever customers.csv says now.")
    for rest in written.ownerless:
        told = f"{rest.line_count} lines ({_cell(rest.billed)} {rest.currency or ''})".replace(" )", ")")
        click.echo(f"Account {rest.account}: {told} belong to no customer and stand on no statement.", err=True)
    for standing in sorted({made.standing for made in written.made if not made.is_final}):
        some = [made.customer_uin for made in written.made if made.standing is standing]
        click.echo(f"{len(some)} of them are {standing}, and say why: {_some(some)}.", err=True)
    for lacking in written.unlanded:
        told = f"Customer {lacking.customer_uin} of account {lacking.account} has no statement, its bill did not land"
        click.echo(f"{told}: {lacking.reason or 'nothing says why'}", err=True)
    for account in written.partial:
        click.echo(f"The month of account {account} is partial: rpt_coverage says of what.", err=True)
    if not written.is_whole:
        sys.exit(3)


@main.command()
def docs() -> None:
    """Write the generated pages of docs/ and the snapshot of the published columns again."""
    from pipelines.endpoints import ACTIONS, DATASETS  # noqa: PLC0415  only this command needs them
    from pipelines.model import read_project  # noqa: PLC0415
    from pipelines.publish.coverage import coverage_page  # noqa: PLC0415
    from pipelines.publish.dictionary import dictionary_page  # noqa: PLC0415
    from pipelines.publish.schema import renewed  # noqa: PLC0415

    project, snapshots = read_project(), ROOT / "tests" / "structure"
    released = snapshots / "columns-released.txt"
    pages: dict[Path, Callable[[], str]] = {
        ROOT / "docs" / "coverage.md": lambda: coverage_page(ACTIONS.values(), DATASETS.values(), project),
        ROOT / "docs" / "dictionary.md": lambda: dictionary_page(project),
        snapshots / "columns.txt": lambda: renewed(
            released.read_text(), project, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        ),
    }
    for page, made in pages.items():
        page.write_text(made(), encoding="utf-8")
        click.echo(page.relative_to(ROOT).as_posix())


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--account", "accounts", multiple=True, help="Only this account; may be given several times.")
def report(key: str, accounts: tuple[str, ...]) -> None:
    """Write the page that reports a month (YYYY-MM) of the current release, one for each account."""
    from pipelines.publish.report import write_reports  # noqa: PLC0415  only this command needs charts

    reports = write_reports(settings.home(ROOT), key, accounts)
    for written in reports:
        click.echo(f"{written.path}\n  {written.stamp.sentence}")
    if not all(written.stamp.is_complete and written.stamp.is_reconciled for written in reports):
        click.echo("Not all of it is complete and reconciled: the page says what is not.", err=True)
        sys.exit(3)


@main.command()
@click.argument("key", metavar="MONTH")
def focus(key: str) -> None:
    """Write cost and usage and billing periods of a month (YYYY-MM) by FOCUS, as Parquet and CSV."""
    from pipelines.publish.exports import export_focus  # noqa: PLC0415  only this command needs it

    _tell_export(export_focus(settings.home(ROOT), key))


@main.command()
@click.argument("key", metavar="MONTH")
@click.argument("format_", metavar="FORMAT")
def export(key: str, format_: str) -> None:
    """Write a month (YYYY-MM) of every table that analysts read as csv or parquet."""
    from pipelines.publish.exports import export_tables  # noqa: PLC0415  only this command needs it

    _tell_export(export_tables(settings.home(ROOT), key, format_))


@main.command("focus-validate")
@click.argument("key", metavar="MONTH")
def focus_validate(key: str) -> None:
    """Have the official focus-validator judge the cost and usage of a month (YYYY-MM)."""
    from pipelines.publish.exports import export_focus  # noqa: PLC0415  only this command needs them
    from pipelines.publish.focus_validator import judge  # noqa: PLC0415

    rows = export_focus(settings.home(ROOT), key).folder / "focus_cost_and_usage.parquet"
    verdict = judge(rows, ROOT / ".venv" / "peers" / "focus-validator")
    for rule, parent in verdict.not_taken.items():
        click.echo(f"not taken: {rule}: {parent}, which asks for it or another, passed")
    for rule, details in verdict.failed.items():
        click.echo(f"failed: {rule}: {details}", err=True)
    click.echo(f"{key}: {verdict.sentence}. docs/focus.md tells why rules are skipped.")
    if verdict.failed:
        sys.exit(1)


@main.command()
@click.argument("query")
def sql(query: str) -> None:
    """Print the answer of a query on the current release."""
    import duckdb  # noqa: PLC0415  only this command needs them
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from pipelines.model.session import reader  # noqa: PLC0415

    link = paths.current_release(settings.home(ROOT))
    if not link.exists():
        raise click.ClickException(f"There is no release at {link} yet: run make demo, or make month MONTH=...")
    try:
        with reader(link) as connection:
            connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
            connection.execute(query)
            table = Table(box=box.SIMPLE)
            for name, *_ in connection.description or ():
                table.add_column(Text(_harmless(name)))
            for row in connection.fetchall():
                table.add_row(*(Text(_harmless(_cell(value))) for value in row))
    except duckdb.Error as error:
        raise click.ClickException(str(error)) from None
    Console(width=_AS_WIDE_AS_NEEDED).print(table)


def _some(names: Sequence[str], most: int = 10) -> str:
    """Name them, or the first of very many."""
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


def _tell_export(export: Export) -> None:
    click.echo(f"{len(export.files)} files, {sum(file.rows for file in export.files)} rows: {export.folder}")
    for stamp in export.stamps:
        click.echo(f"  {stamp.account}: {stamp.sentence}")
    if not all(stamp.is_complete and stamp.is_reconciled for stamp in export.stamps):
        click.echo("Not all of it is complete and reconciled: see rpt_reconciliation.", err=True)
        sys.exit(3)


def _cell(value: object) -> str:
    """Spell a value; a Decimal without an exponent, all its digits shown."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _harmless(text: str) -> str:
    """Spell out what is not seen but moves the cursor, colours or turns what stands around it, such as a line end."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char)[0] == "C" else char for char in text
    )


if __name__ == "__main__":
    try:
        main()
    except BillEtlError as error:
        click.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, SettingError) else 1)
