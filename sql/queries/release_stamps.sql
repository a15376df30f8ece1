-- The stamps of a month. Grain: one row per account and kind of bill.
select
    months.account,
    months.bill_month,
    months.is_own_bill,
    months.month_state,
    months.as_of_at,
    months.is_complete,
    months.is_reconciled,
    months.closed_release_id,
    release.release_id,
    release.built_at,
    release.code_version,
    release.schema_version
from main.dim_bill_months as months
cross join meta.release as release
where months.bill_month = $month
order by months.account, months.is_own_bill
