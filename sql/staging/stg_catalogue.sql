-- The datasets of the catalogue, and which roles may request each.
-- Grain: one row per dataset and role that may request it.
-- Nothing to sum.
select
    dataset,
    action as action_name,
    kind as partition_kind,
    slice_by,
    role as role_name,
    is_default_role,
    needs_issued_bill,
    file as is_file,
    changed_if as changed_if_dataset,
    requested_if_rows as requested_if_rows_dataset,
    requested_if_cost as requested_if_cost_dataset
from raw.catalogue
