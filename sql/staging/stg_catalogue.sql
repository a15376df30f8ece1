-- The datasets of the catalogue, and which roles may request each.
-- Grain: one row per dataset and role that may request it.
-- Nothing to sum.
with

listed as (
    select * from raw.catalogue
),

final as (
    select
        dataset,
        action as action_name,
        kind as partition_kind,
        each as asked_for_each,
        role as role_name,
        asked as is_asked,
        once_billed as is_once_billed,
        file as is_file,
        changed_if as moved_by_dataset,
        requested_if_rows as billed_by_dataset,
        requested_if_cost as owed_by_dataset
    from listed
)

select * from final
