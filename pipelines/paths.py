"""Spells every path, as pure functions of the home. Nothing here touches the disk.

<home>/lake/raw/<dataset>/account=<name>/<kind>=<key>/data.parquet      one landed partition
<home>/lake/changes/<dataset>/account=<name>/<kind>=<key>/<id>.parquet  what a landing changed
<home>/lake/files/<dataset>/<digest>                                    a downloaded file, as received
<home>/lake/drift/<dataset>/account=<name>.json                         how the API's answers changed their shape
<home>/state/ledgers/<dataset>/<name>/<key>.sqlite                      pages of a pull under way
<home>/state/locks/...  state/pacing/...  state/accounts/<name>.json
<home>/state/mask_secret                                                what masks of personal data are made with
<home>/warehouse/build.duckdb  releases/<id>.duckdb  billing.duckdb     the last a link to the current release
<home>/warehouse/closed/<month>.duckdb                                  the release that a month was closed with
<home>/closed/<month>/                                                  what was frozen when it was closed
<home>/reports/<month>/<account>.html                                   the page that reports a month of an account
<home>/exports/<month>/<release id>/<kind>/                             a release's month as files for other programs
<home>/statements/<month>/<account>/statement-<month>-<uin>.xlsx        the workbook of a month for a customer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def lake(home: Path) -> Path:
    """What is landed; its owner's alone."""
    return home / "lake"


def state(home: Path) -> Path:
    """What runs share and leave for the next; its owner's alone."""
    return home / "state"


def raw_root(home: Path) -> Path:
    """All landed partitions of all datasets."""
    return lake(home) / "raw"


def raw_file(home: Path, dataset: str, account: str, kind: str, partition_key: str) -> Path:
    """The one file of a landed partition."""
    return raw_root(home) / dataset / f"account={account}" / f"{kind}={partition_key}" / "data.parquet"


def changes_folder(home: Path, dataset: str, account: str, kind: str, partition_key: str) -> Path:
    """The folder of a partition's change log."""
    return lake(home) / "changes" / dataset / f"account={account}" / f"{kind}={partition_key}"


def files_folder(home: Path, dataset: str) -> Path:
    """The downloaded files of a dataset, as received, each named by its SHA-256."""
    return lake(home) / "files" / dataset


def drift_file(home: Path, dataset: str, account: str) -> Path:
    """What is known of the shape of a dataset's rows, and when it changed."""
    return lake(home) / "drift" / dataset / f"account={account}.json"


def ledger_file(home: Path, dataset: str, account: str, partition_key: str) -> Path:
    """The checkpoints of a pull under way."""
    return state(home) / "ledgers" / dataset / account / f"{partition_key}.sqlite"


def locks_folder(home: Path) -> Path:
    """All locks."""
    return state(home) / "locks"


def partition_lock(home: Path, account: str, partition_key: str) -> Path:
    """The lock of one account and partition."""
    return locks_folder(home) / account / f"{partition_key}.lock"


def unfinished_run(home: Path, account: str, partition_key: str) -> Path:
    """Names the run that is at one account and partition; what it leaves if it is killed."""
    return state(home) / "unfinished" / account / f"{partition_key}.json"


def build_lock(home: Path) -> Path:
    """The lock of the build and of publishing."""
    return locks_folder(home) / "build.lock"


def mask_secret(home: Path) -> Path:
    """What masks of personal data are made with; nobody else's, and never made again."""
    return state(home) / "mask_secret"


def pacing_folder(home: Path) -> Path:
    """The pacing state that all processes of this home share."""
    return state(home) / "pacing"


def account_file(home: Path, account: str) -> Path:
    """What an account's name is bound to in this home: endpoint host and role."""
    return state(home) / "accounts" / f"{account}.json"


def build_file(home: Path) -> Path:
    """The private database that models are built in."""
    return home / "warehouse" / "build.duckdb"


def releases_folder(home: Path) -> Path:
    """The published databases, read-only, named by release id."""
    return home / "warehouse" / "releases"


def current_release(home: Path) -> Path:
    """The link that readers open."""
    return home / "warehouse" / "billing.duckdb"


def closed_release(home: Path, month: str) -> Path:
    """The release that a bill month was closed with; it is kept for good."""
    return home / "warehouse" / "closed" / f"{month}.duckdb"


def closed_root(home: Path) -> Path:
    """What was frozen of all months that were closed."""
    return home / "closed"


def closed_folder(home: Path, month: str) -> Path:
    """What was frozen of a bill month when it was closed; it is there if and only if the month was."""
    return closed_root(home) / month


def report_file(home: Path, month: str, account: str) -> Path:
    """The page that reports a bill month of an account."""
    return home / "reports" / month / f"{account}.html"


def statements_folder(home: Path) -> Path:
    """All statements; their owner's alone."""
    return home / "statements"


def statement_file(home: Path, month: str, account: str, name: str) -> Path:
    """The workbook of a bill month for one customer of an account; `name` is fit for a file."""
    return statements_folder(home) / month / account / f"statement-{month}-{name}.xlsx"


def statements_lock(home: Path) -> Path:
    """The lock of writing statements."""
    return locks_folder(home) / "statements.lock"


def exports_lock(home: Path) -> Path:
    """The lock of writing exports."""
    return locks_folder(home) / "exports.lock"


def export_folder(home: Path, month: str, release_id: str, kind: str) -> Path:
    """A bill month of a release as files: `kind` is their format, or focus."""
    return home / "exports" / month / release_id / kind


def dagster_home(home: Path) -> Path:
    """Dagster's own state."""
    return home / "dagster"
