-- Lists and snapshots that are missing, old or not proven.
-- Grain: one row per account, dataset, customer (null: all), slice and kind
-- of problem.
-- Nothing to sum.
with

lists_dated as (
    select
        account,
        dataset,
        max(snapshot_date) as snapshot_date
    from staging.stg_landed_files
    where snapshot_date is not null
    group by all
),

-- Every run fetches the lists, so the newest one of any account gives the day.
lake_dated as (
    select coalesce(max(snapshot_date), cast(max(requested_to_at) as date)) as as_of_date
    from staging.stg_landed_files
)

select
    expected.account,
    expected.dataset,
    case when lists_dated.snapshot_date is null then 'missing' else 'stale' end as problem,
    case
        when lists_dated.snapshot_date is null
            then
                'It was never fetched: not requested yet, or the account may not call '
                || expected.action_name || '.'
        else
            'It was last fetched on ' || lists_dated.snapshot_date
            || ', the newest list is of ' || lake_dated.as_of_date || '.'
    end as reason,
    cast(lists_dated.snapshot_date || ' 00:00:00+08:00' as timestamptz) as landed_at
from intermediate.int_datasets_expected as expected
cross join lake_dated
left join lists_dated using (account, dataset)
where
    expected.partition_kind = 'snapshot_date'
    and (lists_dated.snapshot_date is null or lists_dated.snapshot_date < lake_dated.as_of_date)
union all by name
select
    account,
    dataset,
    slices.customer_uin,
    slices.slice_params,
    case
        when is_not_allowed(slices.proof, slices.error_code) then 'not_allowed' else slices.proof
    end
        as problem,
    coalesce(slices.reason, 'It is not proven to be whole.') as reason,
    slices.proven_at as landed_at
from staging.stg_landed_slices as slices
inner join lists_dated using (account, dataset, snapshot_date)
where slices.proof <> 'proven' and slices.is_listed
