"""The SQL checks as asset checks: sentences in sql/checks/ that no row may break; one that does stops publication.

What a landing proves of itself is checked in `raw`.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from pipelines.errors import CheckFailed
from pipelines.model import Check, read_project

PROJECT = read_project()


def asset_key(full_name: str) -> dg.AssetKey:
    """Return the asset of a model or dataset, by the name that SQL reads it by: `staging.stg_customers`."""
    return dg.AssetKey(full_name.split("."))


_KEYS = {model.name: asset_key(model.full_name) for model in PROJECT.models}

SPECS = [
    dg.AssetCheckSpec(check.name, asset=_KEYS[check.model], description=check.description) for check in PROJECT.checks
]


def failed(broken: CheckFailed) -> Iterator[dg.AssetCheckResult]:
    """Report the check that was broken; those after it did not run."""
    yield from (_result(check, str(broken)) for check in PROJECT.checks if check.name == broken.check)


def results(warnings: Mapping[str, str]) -> Iterator[dg.AssetCheckResult]:
    """Report every check of a build that was published: passed, or what one found that only warns."""
    yield from (_result(check, warnings.get(check.name)) for check in PROJECT.checks)


def _result(check: Check, found: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_KEYS[check.model],
        check_name=check.name,
        passed=found is None,
        severity=dg.AssetCheckSeverity.WARN if check.warns else dg.AssetCheckSeverity.ERROR,
        description=found,
    )
