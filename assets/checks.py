"""The checks of models as asset checks. A failed one stops publication, unless it only warns.

Each of `sql/checks` is one. The many that .yml files imply are one together: Dagster takes as long to record a check as
a build takes to run it. The checks of landed data are in `raw`.
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

_OWN = {check.name: check for check in PROJECT.checks if check.name.startswith("assert_")}
_IMPLIED = dg.AssetCheckSpec(
    "models_keep_their_rules",
    asset=published.KEY,
    description="The keys, values, relations and sums of all models are as their .yml files say.",
)

SPECS = [
    *(dg.AssetCheckSpec(name, asset=_KEYS[check.model], description=check.description) for name, check in _OWN.items()),
    _IMPLIED,
]


def failed(error: CheckFailed) -> dg.AssetCheckResult:
    """Return the result of the check that failed. The checks after it did not run."""
    return _result(_OWN.get(error.check), str(error), warns=False)


def results(warnings: Mapping[str, str]) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of all checks of a published build. `warnings` has the problems found, by check name."""
    yield from (_result(check, warnings.get(name), warns=check.warns) for name, check in _OWN.items())
    yield _result(None, "\n".join(text for name, text in warnings.items() if name not in _OWN), warns=True)


def _result(check: Check | None, problem: str | None, *, warns: bool) -> dg.AssetCheckResult:
    """Return the result of a check, or of those that .yml files imply."""
    return dg.AssetCheckResult(
        asset_key=_KEYS[check.model] if check else _IMPLIED.asset_key,
        check_name=check.name if check else _IMPLIED.name,
        passed=not problem,
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=problem or None,
    )
