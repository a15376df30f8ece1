"""Every path is spelled in one place, below the home, and no two things share one."""

from pathlib import Path, PurePosixPath

from pipelines import paths

HOME = Path("/somewhere/var")


def test_a_landed_file_is_found_by_its_partition() -> None:
    """The path of a landed file names dataset, account and partition, as the lake's layout promises."""
    file = paths.raw_file(HOME, "customer_bill_detail", "acme", "bill_month", "2026-10")
    assert PurePosixPath(file.relative_to(HOME)) == PurePosixPath(
        "lake/raw/customer_bill_detail/account=acme/bill_month=2026-10/data.parquet"
    )
    assert file.is_relative_to(paths.raw_root(HOME))


def test_what_readers_rely_on_stays_where_it_is() -> None:
    """The current release is warehouse/billing.duckdb."""
    assert paths.current_release(HOME) == HOME / "warehouse" / "billing.duckdb"


def test_every_path_is_below_the_home_and_its_own() -> None:
    """Nothing is written outside the home, and accounts and partitions never share a file."""
    found = [
        path
        for account in ("a", "b")
        for path in (
            *(paths.raw_file(HOME, "d", account, "bill_month", key) for key in ("2026-10", "2026-11")),
            *(paths.changes_folder(HOME, "d", account, "bill_month", key) for key in ("2026-10", "2026-11")),
            *(paths.ledger_file(HOME, "d", account, key) for key in ("2026-10", "2026-11")),
            *(paths.partition_lock(HOME, account, key) for key in ("2026-10", "customers")),
            paths.account_file(HOME, account),
            *(paths.statement_file(HOME, key, account, "1") for key in ("2026-10", "2026-11")),
        )
    ]
    found += [paths.build_lock(HOME), paths.pacing_folder(HOME), paths.build_file(HOME), paths.releases_folder(HOME)]
    found += [paths.current_release(HOME), paths.dagster_home(HOME)]
    assert len(set(found)) == len(found)
    assert all(path.is_relative_to(HOME) and path != HOME for path in found)


def test_every_lock_lies_in_the_folder_of_locks() -> None:
    """Who looks for runs under way finds all locks in one folder."""
    locks = [paths.partition_lock(HOME, "a", "2026-10"), paths.build_lock(HOME)]
    locks += [paths.statements_lock(HOME), paths.exports_lock(HOME)]
    assert len(set(locks)) == len(locks)
    assert all(lock.is_relative_to(paths.locks_folder(HOME)) and lock.suffix == ".lock" for lock in locks)
