-- The stamps of a month. Grain: one row per account and kind of bill.
with

unread as (
    select
        account,
        bill_month,
        cast(sum(row_count) as bigint) as value_count
    from meta.unread_values
    group by all
)

select
    account,
    bill_month,
    months.is_own_bill,
    months.month_state,
    months.as_of_at,
    months.is_complete,
    months.is_reconciled,
    months.closed_release_id,
    release.release_id,
    release.built_at,
    release.code_version,
    release.schema_version,
    coalesce(unread.value_count, 0) as unread_value_count
from main.dim_bill_months as months
cross join meta.release as release
left join unread using (account, bill_month)
where bill_month = $month
order by account, months.is_own_bill
