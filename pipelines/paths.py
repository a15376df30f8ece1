"""Every path below the home, as pure functions. Nothing here touches the disk.

<home>/lake/raw/<dataset>/account=<name>/<kind>=<key>/data.parquet      one landed partition
<home>/lake/raw/<dataset>/.../unreadable-<n>.parquet                    one set aside, with the reason as .txt
<home>/lake/changes/<dataset>/account=<name>/<kind>=<key>/<id>.parquet  what a landing changed
<home>/lake/files/<dataset>/<digest>                                    a downloaded file, as received
<home>/lake/drift/<dataset>/account=<name>.json                         fields and values seen, and their drift
<home>/state/ledgers/<dataset>/<name>/<key>.sqlite                      pages of a pull under way
<home>/state/locks/...  state/pacing/...  state/accounts/<name>.json
<home>/state/mask_secret                                                the secret behind masks of personal data
<home>/warehouse/build.duckdb  releases/<id>.duckdb  billing.duckdb     the last is a link to the current release
<home>/warehouse/closed/<month>.duckdb                                  the release that a month was closed with
<home>/closed/<month>/                                                  the files kept when the month was closed
<home>/reports/<month>/<account>.html                                   the HTML report of a month of an account
<home>/exports/<month>/<release id>/<kind>/                             a month of a release as files for other programs
<home>/statements/<month>/<account>/statement-<month>-<uin>.xlsx        a customer's statement for a month
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def lake(home: Path) -> Path:
    """The folder of all landed files. Only its owner can read it."""
    return home / "lake"


def state(home: Path) -> Path:
    """The folder of state that runs share. Only its owner can read it."""
    return home / "state"


def raw_root(home: Path) -> Path:
    """The folder of all landed partitions of all datasets."""
    return lake(home) / "raw"


def raw_file(home: Path, dataset: str, account: str, kind: str, partition_key: str) -> Path:
    """The file of a landed partition."""
    return raw_root(home) / dataset / f"account={account}" / f"{kind}={partition_key}" / "data.parquet"


def set_aside_file(raw: Path, version: int) -> Path:
    """Where an unreadable landed file is set aside; `version` tells files of one partition apart."""
    return raw.with_name(f"unreadable-{version}.parquet")


def changes_folder(home: Path, dataset: str, account: str, kind: str, partition_key: str) -> Path:
    """The folder of a partition's change log."""
    return lake(home) / "changes" / dataset / f"account={account}" / f"{kind}={partition_key}"


def files_folder(home: Path, dataset: str) -> Path:
    """The downloaded files of a dataset, as received, each named by its SHA-256."""
    return lake(home) / "files" / dataset


def drift_file(home: Path, dataset: str, account: str) -> Path:
    """The fields and values seen in a dataset's rows, and when they changed."""
    return lake(home) / "drift" / dataset / f"account={account}.json"


def ledger_file(home: Path, dataset: str, account: str, partition_key: str) -> Path:
    """The ledger: pages of a pull under way."""
    return state(home) / "ledgers" / dataset / account / f"{partition_key}.sqlite"


def locks_folder(home: Path) -> Path:
    """The folder of all locks."""
    return state(home) / "locks"


def partition_lock(home: Path, account: str, partition_key: str) -> Path:
    """The lock of one account and partition."""
    return locks_folder(home) / account / f"{partition_key}.lock"


def unfinished_run(home: Path, account: str, partition_key: str) -> Path:
    """The file that names the run at work on one account and partition. A killed run leaves it behind."""
    return state(home) / "unfinished" / account / f"{partition_key}.json"


def build_lock(home: Path) -> Path:
    """The lock for building and publishing."""
    return locks_folder(home) / "build.lock"


def mask_secret(home: Path) -> Path:
    """The secret that masks of personal data are made with. Only its owner can read it. It is created once."""
    return state(home) / "mask_secret"


def pacing_folder(home: Path) -> Path:
    """The folder of pacing state, shared by all processes of this home."""
    return state(home) / "pacing"


def account_file(home: Path, account: str) -> Path:
    """The endpoint host and role that an account's name is bound to in this home."""
    return state(home) / "accounts" / f"{account}.json"


def build_file(home: Path) -> Path:
    """The working database that models are built in."""
    return home / "warehouse" / "build.duckdb"


def releases_folder(home: Path) -> Path:
    """The folder of releases, read-only, each named by its id."""
    return home / "warehouse" / "releases"


def current_release(home: Path) -> Path:
    """The link to the current release, which readers open."""
    return home / "warehouse" / "billing.duckdb"


def closed_release(home: Path, month: str) -> Path:
    """The release that a bill month was closed with. It is never removed."""
    return home / "warehouse" / "closed" / f"{month}.duckdb"


def closed_root(home: Path) -> Path:
    """The folder of all closed months."""
    return home / "closed"


def closed_folder(home: Path, month: str) -> Path:
    """The files kept when a bill month was closed. The folder exists if and only if the month is closed."""
    return closed_root(home) / month


def report_file(home: Path, month: str, account: str) -> Path:
    """The HTML report of a bill month of an account."""
    return home / "reports" / month / f"{account}.html"


def statements_folder(home: Path) -> Path:
    """The folder of all statements. Only its owner can read it."""
    return home / "statements"


def statement_file(home: Path, month: str, account: str, name: str) -> Path:
    """The statement of a bill month for one customer of an account. `name` must be safe in a file name."""
    return statements_folder(home) / month / account / f"statement-{month}-{name}.xlsx"


def statements_lock(home: Path) -> Path:
    """The lock for writing statements."""
    return locks_folder(home) / "statements.lock"


def exports_lock(home: Path) -> Path:
    """The lock for writing exports."""
    return locks_folder(home) / "exports.lock"


def export_folder(home: Path, month: str, release_id: str, kind: str) -> Path:
    """The folder of a release's exported month. `kind` is the file format, or `focus`."""
    return home / "exports" / month / release_id / kind


def dagster_home(home: Path) -> Path:
    """The folder of Dagster's own state."""
    return home / "dagster"
