-- Datasets of months that did not land, or are older than the month's bill or the newest landing.
-- Grain: one row per account, dataset (null: the whole month) and bill month.
-- Nothing to sum.
with

lake_dated as (
    select cast(max(requested_to_at) as date) as requested_date from staging.stg_landed_files
)

select
    account,
    null as dataset,
    bill_month,
    'missing' as problem,
    'This month was never requested, though earlier ones were.' as reason,
    null as landed_at
from intermediate.int_months_spanned
where not is_landed
union all by name
select
    account,
    dataset,
    bill_month,
    case when requested_to_at is null then 'missing' else 'stale' end as problem,
    case
        when requested_to_at is null
            then
                'Nothing has landed: it was not requested yet, or the account may not call '
                || action_name || '.'
        when is_issued
            then
                'It was last requested while the month was ' || month_state
                || '; since then the bill was issued.'
        else
            'It was last requested on ' || cast(requested_to_at as date)
            || ', the newest landing is of ' || requested_date || '.'
    end as reason,
    requested_to_at as landed_at
from intermediate.int_month_datasets
cross join lake_dated
where
    requested_to_at is null
    or (is_issued and month_state <> 'issued')
    -- Some datasets are requested only if daily bills changed: int_customers_judged checks them.
    or (
        not is_issued
        and changed_if_dataset is null
        and cast(requested_to_at as date) < requested_date
    )
