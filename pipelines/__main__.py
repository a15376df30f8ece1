"""The commands that do not need Dagster, such as `python -m pipelines plan`, `rebuild`, `report` and `sql`."""

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
_UNLIMITED_WIDTH = 10_000
_RELEASE_READERS = frozenset({"report", "statements", "focus", "export", "focus-validate"})
"""Commands that read the current release, whichever code built it. `close` needs one of this code; others need none."""


class _Commands(click.Group):
    """The command group; it turns DuckDB's errors about a release into messages that say what to do."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises the errors of `release_faults`."""
        from pipelines.model.session import release_faults  # noqa: PLC0415  --help does not need it

        def read() -> Path | None:
            return paths.current_release(settings.home(ROOT)) if ctx.invoked_subcommand in _RELEASE_READERS else None

        with release_faults(read):
            return super().invoke(ctx)


@click.group(cls=_Commands)
def main() -> None:
    """Commands that do not need Dagster."""


@main.command()
@click.option("--port", default=8765, show_default=True, help="0 takes a free one.")
@click.option("--customers", default=12, show_default=True)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bills.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.RESELLER.value,
    show_default=True,
    help="Role of the account that the sandbox's key belongs to.",
)
@click.option("--latency", default=0.0, show_default=True, help="Seconds added to every response.")
@click.option("--now", type=click.DateTime(), help="Fixed billing time in UTC+8; the real time by default.")
def sandbox(port: int, customers: int, seed: int, role: str, latency: float, now: datetime | None) -> None:
    """Run a local stand-in for the API on this machine, until ctrl-C."""
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
@click.option("--account", "accounts", multiple=True, help="Only this account. May be repeated.")
@click.option("--full", is_flag=True, help="Also plan data that has not changed as far as is known.")
def plan(key: str, accounts: tuple[str, ...], *, full: bool) -> None:
    """Print the requests that a run of a month (YYYY-MM) would make. Sends none."""
    from rich.console import Console  # noqa: PLC0415  only this command needs them

    from pipelines import refresh  # noqa: PLC0415
    from pipelines.endpoints import DATASETS  # noqa: PLC0415
    from pipelines.endpoints.shapes import PartitionKind  # noqa: PLC0415

    loaded = settings.load(ROOT)
    month = parse_bill_month(key, loaded.clock.now())
    context = refresh.RefreshContext.dry(loaded.home, loaded.clock, full=full)
    monthly = [dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH]
    profiles = [account.profile for account in loaded.accounts_named(accounts)]
    plans = [each for profile in profiles for each in refresh.plan_month(context, profile, monthly, month)]
    for table in refresh.tables(plans):
        Console(width=max(Console().width, 120)).print(table)


@main.command()
def rebuild() -> None:
    """Build all models from the landed files and publish. Sends no request."""
    from pipelines.publish import build_and_publish  # noqa: PLC0415  only this command needs it

    home = settings.home(ROOT)
    if not paths.raw_root(home).exists():
        raise click.ClickException(f"Nothing has been landed in {home}: is BILL_ETL_HOME set to the right folder?")
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
            click.echo("Not all of it is complete and reconciled: see rpt_reconciliation and rpt_coverage.", err=True)
            sys.exit(3)


@main.command()
@click.argument("key", metavar="MONTH")
@click.option(
    "--reason", help="Why it is closed although not all of it is issued, complete and reconciled. The reason is kept."
)
def close(key: str, reason: str | None) -> None:
    """Close a bill month (YYYY-MM): keep its release and costs for good as what was invoiced."""
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
        click.echo("Its statements use customers.csv as it is now, whatever changes in it later.")
    else:
        click.echo(
            "There is no customers.csv: its statements have no markup and no tax, and are in the bills' currencies."
        )
    for objection in closed.overridden:
        click.echo(f"Closed despite: {objection}", err=True)


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--account", "accounts", multiple=True, help="Only this account. May be repeated.")
@click.option("--customer", "customers", multiple=True, help="Only this customer (UIN). May be repeated.")
def statements(key: str, accounts: tuple[str, ...], customers: tuple[str, ...]) -> None:
    """Write an Excel workbook for each customer with a bill in a month (YYYY-MM)."""
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
        whose = f"customer of account {_listed(accounts)}" if accounts else "customer"
        click.echo(
            f"No {whose} was billed in {month} according to release {written.release_id}: there are no statements."
        )
    if written.closed_terms is not None:
        terms = f"its own {written.closed_terms} rows of terms" if written.closed_terms else "no markup and no tax"
        click.echo(f"{month} was closed with {terms}: its statements keep to that, whatever customers.csv says now.")
    for rest in written.ownerless:
        costs = f"{rest.line_count} lines ({_format(rest.billed)} {rest.currency or ''})".replace(" )", ")")
        click.echo(f"Account {rest.account}: {costs} belong to no customer and are on no statement.", err=True)
    for standing in sorted({made.standing for made in written.made if not made.is_final}):
        uins = [made.customer_uin for made in written.made if made.standing is standing]
        click.echo(f"{len(uins)} of them are {standing}; each says why: {_listed(uins)}.", err=True)
    for missing in written.unlanded:
        whose = f"Customer {missing.customer_uin} of account {missing.account}"
        reason = missing.reason or "the reason is not known."
        click.echo(f"{whose} has no statement because its bill did not land: {reason}", err=True)
    for account in written.partial:
        click.echo(
            f"{month} of account {account} is partial: rpt_coverage says what is missing, and meta.unread_values what "
            "could not be read.",
            err=True,
        )
    if not written.is_whole:
        sys.exit(3)


@main.command()
def docs() -> None:
    """Write the generated pages of docs/ and the snapshot of the published columns."""
    from pipelines.endpoints import ACTIONS, DATASETS  # noqa: PLC0415  only this command needs them
    from pipelines.model import read_project  # noqa: PLC0415
    from pipelines.publish.coverage import coverage_page  # noqa: PLC0415
    from pipelines.publish.dictionary import dictionary_page  # noqa: PLC0415
    from pipelines.publish.schema import current_snapshot  # noqa: PLC0415

    project, snapshots = read_project(), ROOT / "tests" / "structure"
    released = snapshots / "columns-released.txt"
    pages: dict[Path, Callable[[], str]] = {
        ROOT / "docs" / "coverage.md": lambda: coverage_page(ACTIONS.values(), DATASETS.values(), project),
        ROOT / "docs" / "dictionary.md": lambda: dictionary_page(project),
        snapshots / "columns.txt": lambda: current_snapshot(
            released.read_text(), project, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        ),
    }
    for page, made in pages.items():
        page.write_text(made(), encoding="utf-8")
        click.echo(page.relative_to(ROOT).as_posix())


@main.command()
@click.argument("key", metavar="MONTH")
@click.option("--account", "accounts", multiple=True, help="Only this account. May be repeated.")
def report(key: str, accounts: tuple[str, ...]) -> None:
    """Write the HTML report of a month (YYYY-MM) for each account, from the current release."""
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
    """Export a month (YYYY-MM) in FOCUS 1.2 as Parquet and CSV."""
    from pipelines.publish.exports import export_focus  # noqa: PLC0415  only this command needs it

    _print_export(export_focus(settings.home(ROOT), key))


@main.command()
@click.argument("key", metavar="MONTH")
@click.argument("format_", metavar="FORMAT")
def export(key: str, format_: str) -> None:
    """Export a month (YYYY-MM) of every published table as csv or parquet."""
    from pipelines.publish.exports import export_tables  # noqa: PLC0415  only this command needs it

    _print_export(export_tables(settings.home(ROOT), key, format_))


@main.command("focus-validate")
@click.argument("key", metavar="MONTH")
def focus_validate(key: str) -> None:
    """Check the FOCUS export of a month (YYYY-MM) with the official focus-validator."""
    from pipelines.publish.exports import export_focus  # noqa: PLC0415  only this command needs them
    from pipelines.publish.focus_validator import validate  # noqa: PLC0415

    rows = export_focus(settings.home(ROOT), key).folder / "focus_cost_and_usage.parquet"
    result = validate(rows, ROOT / ".venv" / "peers" / "focus-validator")
    for rule, parent in result.not_taken.items():
        click.echo(f"alternative: {rule}: failed, but {parent}, which accepts another rule instead, passed")
    for rule, details in result.failed.items():
        click.echo(f"failed: {rule}: {details}", err=True)
    click.echo(f"{key}: {result.sentence}. docs/focus.md explains why rules are skipped.")
    if result.failed:
        sys.exit(1)


@main.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run a SQL query on the current release and print the rows."""
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
                table.add_column(Text(_escaped(name)))
            for row in connection.fetchall():
                table.add_row(*(Text(_escaped(_format(value))) for value in row))
    except duckdb.CatalogException as error:
        raise click.ClickException(f"{error}\ndocs/dictionary.md has every table and its columns.") from None
    except duckdb.Error as error:
        raise click.ClickException(str(error)) from None
    Console(width=_UNLIMITED_WIDTH).print(table)


def _listed(names: Sequence[str], most: int = 10) -> str:
    """Return the names as a list; of more than `most` the first ones and `...`."""
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


def _print_export(export: Export) -> None:
    click.echo(f"{len(export.files)} files, {sum(file.rows for file in export.files)} rows: {export.folder}")
    for stamp in export.stamps:
        click.echo(f"  {stamp.account}: {stamp.sentence}")
    if not all(stamp.is_complete and stamp.is_reconciled for stamp in export.stamps):
        click.echo("Not all of it is complete and reconciled: see rpt_reconciliation.", err=True)
        sys.exit(3)


def _format(value: object) -> str:
    """Return a value as text: a Decimal with all its digits and no exponent, nothing for None."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _escaped(text: str) -> str:
    """Escape control and other invisible characters, such as line ends, which could change the terminal's output."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char)[0] == "C" else char for char in text
    )


if __name__ == "__main__":
    try:
        main()
    except BillEtlError as error:
        click.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, SettingError) else 1)
