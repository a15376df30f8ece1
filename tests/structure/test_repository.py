"""Tests of the repository: catalogue, SQL, docs, Makefile and settings agree with each other."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import assets
import pipelines
from pipelines import settings
from pipelines.endpoints import ACTIONS, DATASETS, SERVICE
from pipelines.endpoints.shapes import PARTNERS, Role
from pipelines.land import LINEAGE
from pipelines.model import lake
from pipelines.sandbox.answers import ANSWERS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
READS = {name for name, action in ACTIONS.items() if not action.writes}
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_our_packages_are_the_ones_imported() -> None:
    """`assets` and `pipelines` are generic names: our packages must win over installed ones of the same name."""
    assert Path(assets.__file__).parent == ROOT / "assets"
    assert Path(pipelines.__file__).parent == ROOT / "pipelines"


def test_every_action_that_reads_feeds_a_dataset_and_none_that_writes_does() -> None:
    """Of the 46 actions, the 37 that read feed datasets; the nine that write are only listed."""
    assert {dataset.action.name for dataset in DATASETS.values()} == READS
    assert (len(ACTIONS), len(READS)) == (46, 37)


def test_the_sandbox_answers_every_action_that_reads_and_no_other() -> None:
    """Everything can be tried without an account, and the sandbox never answers an action that writes."""
    assert set(ANSWERS) == READS


def test_dataset_names_occur_only_in_a_few_modules() -> None:
    """A new dataset needs an entry, a model, a sandbox answer and a case; all other code loops over the catalogue.

    `refresh` names the datasets that decide what to request, `settings` the additional ones of the sandbox account.
    `customers` is also a plain word, so it is not searched for.
    """
    names = "|".join(set(DATASETS) - {"customers"})
    files = [path for folder in ("pipelines", "assets") for path in (ROOT / folder).rglob("*.py")]
    named = {path.relative_to(ROOT).as_posix() for path in files if re.search(f'"(?:{names})"', path.read_text())}
    assert {place for place in named if not place.startswith("pipelines/refresh/")} == {
        "pipelines/endpoints/datasets.py",
        "pipelines/settings.py",
    }


def test_no_class_name_occurs_twice() -> None:
    """Two classes of `pipelines` and `assets` never share a name, with or without an underscore."""
    places = defaultdict(list)
    for package in ("pipelines", "assets"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name.lstrip("_")].append(path.relative_to(ROOT).as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_every_sql_file_has_its_yml() -> None:
    """Each model and check has a .sql, each seed a .csv, and all have a .yml file of the same stem."""
    files = [path for path in (ROOT / "sql").glob("*/*.*") if path.parent.name not in ("queries", "sample_queries")]
    described = {path.with_suffix("") for path in files if path.suffix == ".yml"}
    assert {path.with_suffix("") for path in files if path.suffix in (".sql", ".csv")} == described


def test_every_make_command_of_the_docs_exists() -> None:
    """Every `make` command on a page is a target of the Makefile."""
    pages = [README, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    shown = {
        name
        for page in pages
        for name in re.findall(r"`make ([a-z]+)|^ {4,}make ([a-z]+)", page, re.MULTILINE)
        for name in name
        if name
    }
    assert shown
    assert shown <= TARGETS


def test_ci_calls_the_projects_own_commands() -> None:
    """CI runs the commands that people run: `make lint`, `make test` and `make acceptance`."""
    script = (ROOT / ".ci" / "run").read_text()
    assert "\nmake lint\n" in script
    assert "\nmake test\n" in script
    assert "\nmake acceptance\n" in script
    assert "make test" in README
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_make_help_prints_every_target() -> None:
    """`make help` lists exactly the targets of the Makefile."""
    printed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in printed.splitlines()} == TARGETS


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    """The lock works with any package index, and pins every package by hash."""
    for lock in (ROOT / "requirements.lock", *(ROOT / "tests" / "acceptance").glob("*.lock")):
        text = lock.read_text()
        assert "://" not in text
        entries = re.findall(r"^[a-z0-9].*==.*\\$\n {4}--hash=sha256:", text, re.MULTILINE)
        assert len(entries) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 0


def test_the_policies_in_the_readme_allow_exactly_the_actions_that_are_called() -> None:
    """The README's policies for partners and end customers list exactly the actions of their datasets."""
    partners, customers = (
        json.loads(text)["statement"][0]["action"] for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    )
    actions = {dataset.action for dataset in DATASETS.values()}
    assert sorted(partners) == sorted(f"{SERVICE}:{a.name}" for a in actions if set(PARTNERS) & set(a.roles))
    assert sorted(customers) == sorted(f"{SERVICE}:{a.name}" for a in actions if Role.CUSTOMER in a.roles)
    assert not any(action.writes for action in actions)
    assert {name for name in ACTIONS if f'"{SERVICE}:{name}"' in README} == READS


def test_the_accounts_file_of_the_readme_is_accepted_and_shows_every_setting(tmp_path: Path) -> None:
    """The README's `accounts.toml` loads, and shows every setting of an account."""
    (shown,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    secret = tmp_path / "key"
    secret.touch(mode=0o600)
    secret.write_text("a-key")
    (tmp_path / "accounts.toml").write_text(shown.replace("/run/secrets/north_key", str(secret)))
    environ = dict.fromkeys(re.findall(r'_variable = "(\w+)"', shown), "a-key")
    accounts = settings.load(tmp_path, environ).accounts
    assert [account.role for account in accounts] == [Role.DISTRIBUTOR, Role.CUSTOMER]
    named = {name for table in tomllib.loads(shown)["accounts"].values() for name in table}
    assert set(settings.AccountOptions.model_fields) <= named


def test_every_variable_that_is_read_is_documented() -> None:
    """Every environment variable that the settings read is in the README."""
    read = set(re.findall(r'"((?:BILL_ETL|TENCENTCLOUD)_[A-Z_]+)"', (ROOT / "pipelines" / "settings.py").read_text()))
    assert read
    assert {name for name in read if f"`{name}`" not in README} == {
        "BILL_ETL_SANDBOX",
        "BILL_ETL_SANDBOX_HOME",
    }  # set by us


def test_pipelines_imports_without_dagster() -> None:
    """`pipelines` does not depend on Dagster."""
    program = (
        "import sys; sys.modules['dagster'] = None\n"
        "import pipelines.refresh, pipelines.publish, pipelines.settings, pipelines.sandbox, pipelines.__main__"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_lineage_columns_are_the_same_where_they_are_written_and_read() -> None:
    """Landing writes the same lineage columns that models read."""
    assert list(lake.LINEAGE) == list(LINEAGE.names)


def test_amounts_are_never_floats_in_the_pipeline() -> None:
    """`float(` occurs only where a total that the API sends as a double is compared."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "pipelines").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\bfloat\(", line)
    ]
    places = ("pipelines/sandbox/", "pipelines/client/")  # made-up figures, and seconds
    outside = [line.partition(": ") for line in found if not line.startswith(places)]
    assert [line for _, _, line in outside] == ["if float(summary) == float(cost):"]
    assert all(place.startswith("pipelines/extract/") for place, _, _ in outside)
