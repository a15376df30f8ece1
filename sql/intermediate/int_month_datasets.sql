-- The datasets that are expected of each landed month, and when they last landed.
-- Grain: one row per account, bill month and dataset.
-- Nothing to sum.
select
    months.account,
    months.bill_month,
    months.is_issued,
    expected.* exclude (account, partition_kind, needs_issued_bill),
    files.month_state,
    files.requested_to_at
from intermediate.int_months_spanned as months
inner join intermediate.int_datasets_expected as expected using (account)
left join staging.stg_landed_files as files
    on
        months.account = files.account
        and months.bill_month = files.bill_month
        and expected.dataset = files.dataset
        and files.bill_date is null
where
    months.is_landed
    and expected.partition_kind = 'bill_month'
    and (months.is_issued or not expected.needs_issued_bill)
    -- Lines of an issued month may come from files or from pages: one of them is enough.
    and not (
        months.is_issued
        and months.has_line_files
        and expected.dataset in ('customer_bill_detail', 'own_bill_detail')
        and coalesce(files.month_state, '') <> 'issued'
    )
