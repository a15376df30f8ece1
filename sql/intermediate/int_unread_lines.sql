-- Bill lines with an amount or a currency that could not be read.
-- Grain: one row per account, customer (null: an own bill), bill month, dataset and slice of them.
-- The bill of such a customer and month is not complete: its sums lack these values.
select
    account,
    customer_uin,
    bill_month,
    dataset,
    slice_params,
    cast(count(*) as bigint) as value_count,
    'Unread values of bill lines: ' || string_agg(distinct column_name, ', ' order by column_name)
    || ' (see meta.unread_values).' as reason
from staging.stg_unread_values
where
    problem = 'unread'
    and column_name in (
        'list_cost',
        'contracted_cost',
        'voucher_amount',
        'billed_cost',
        'billing_currency'
    )
    and dataset in (
        'customer_bill_detail',
        'customer_bill_detail_files',
        'customer_bill_detail_packs',
        'own_bill_detail',
        'own_bill_detail_files'
    )
group by account, customer_uin, bill_month, dataset, slice_params
