"""The SQL models of `sql/` as assets. One step builds all of them and publishes the release.

Only published models are recorded as made: the others are gone after the build, and to record them takes longer than to
make them.
"""

from collections.abc import Iterator

import dagster as dg

from assets import checks, published
from assets.failures import failure
from assets.raw import LAKE
from assets.resources import ROOT, Workspace
from pipelines.endpoints import DATASETS
from pipelines.errors import BillEtlError, CheckFailed
from pipelines.model import Model
from pipelines.publish import build_and_publish, release_state
from pipelines.settings import code_version


def _dep(name: str) -> dg.AssetKey:
    schema, _, table = name.partition(".")
    return LAKE.key if schema == "raw" and table not in DATASETS else checks.asset_key(name)


def _spec(model: Model) -> dg.AssetSpec:
    return dg.AssetSpec(
        checks.asset_key(model.full_name),
        deps=sorted({_dep(name) for name in model.reads}),
        group_name={"main": "marts"}.get(model.schema, model.schema),
        skippable=model.is_published,
        kinds={"duckdb"},
        description=f"{model.description}\n\nGrain: {model.grain}.",
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(c.name, c.type, description=c.comment) for c in model.columns]
            )
        },
    )


_MADE = [model for model in checks.PROJECT.published if model.schema != "meta"]
# An unpartitioned asset is not shown as stale when a partition that it reads has landed: the lake stands for them all.
_RELEASE = published.spec([LAKE.key, *(checks.asset_key(model.full_name) for model in _MADE)])

UNPUBLISHED = [_spec(model) for model in checks.PROJECT.models if not model.is_published]
"""The models that are gone after a build; they are shown where tables come from."""


@dg.multi_asset(
    name="models",
    specs=[*map(_spec, _MADE), _RELEASE],
    check_specs=[*checks.SPECS, published.CHECK],
)
def models(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[object]:
    """Build what changed since the last release, check it and publish it; readers keep the old release meanwhile."""
    try:
        settings = workspace.settings()
        release = build_and_publish(
            settings.home, now=settings.clock.now(), code_version=code_version(ROOT), masked=settings.masked
        )
    except CheckFailed as error:
        yield checks.failed(error)
        raise failure([error]) from error
    except BillEtlError as error:
        raise failure([error]) from error
    if release is None:
        context.log.info("The release already holds every landed file; nothing was built.")
        current = release_state(settings.home)
        yield from checks.results(current.warnings)
        yield published.check_result(current)
        return
    for model in _MADE:
        rows = release.tables.get(model.full_name)
        metadata = {} if rows is None else {"dagster/row_count": dg.MetadataValue.int(rows)}
        yield dg.MaterializeResult(asset_key=checks.asset_key(model.full_name), metadata=metadata)
    yield from checks.results(release.warnings)
    yield published.result(release)
