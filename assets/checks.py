"""The checks of models as asset checks. A failed one stops publication, unless it only warns.

The checks of landed data are in `raw`.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from assets import published
from pipelines.errors import CheckFailed
from pipelines.model import Check, read_project

PROJECT = read_project()


def asset_key(full_name: str) -> dg.AssetKey:
    """Return the asset key of a model or dataset from its name in SQL, such as `staging.stg_customers`."""
    return dg.AssetKey(full_name.split("."))


_KEYS = {
    model.name: published.KEY if model.schema == "meta" else asset_key(model.full_name) for model in PROJECT.models
}
"""The asset of each model; tables about the release belong to the release."""

SPECS = [
    dg.AssetCheckSpec(check.name, asset=_KEYS[check.model], description=check.description) for check in PROJECT.checks
]


def failed(error: CheckFailed) -> Iterator[dg.AssetCheckResult]:
    """Yield the result of the check that failed. The checks after it did not run."""
    yield from (_result(check, str(error)) for check in PROJECT.checks if check.name == error.check)


def results(warnings: Mapping[str, str]) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of all checks of a published build. `warnings` has the problems found, by check name."""
    yield from (_result(check, warnings.get(check.name)) for check in PROJECT.checks)


def _result(check: Check, problem: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_KEYS[check.model],
        check_name=check.name,
        passed=problem is None,
        severity=dg.AssetCheckSeverity.WARN if check.warns else dg.AssetCheckSeverity.ERROR,
        description=problem,
    )
