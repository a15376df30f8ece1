-- The models and checks of a release. Grain: one row per model or check.
select
    model_name as name,
    digest
from meta.models
order by name
