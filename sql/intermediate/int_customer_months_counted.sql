-- The account whose figures of a customer and month count, where several accounts have them.
-- Grain: one row per requested account, customer and bill month.
-- Of all rows of a customer and month exactly one is counted: the others are the same money.
with

requested as (
    select
        account,
        customer_uin,
        bill_month,
        is_direct,
        is_carried,
        requested_to_at,
        false as has_bill,
        false as is_final
    from staging.stg_landed_slices
    where
        dataset in (
            'customer_bill_detail',
            'customer_bill_summary',
            'bill_summary_by_product',
            'bill_summary_by_region',
            'bill_summary_by_pay_mode',
            'customer_bill_unpaid',
            'customer_bill_by_day',
            'customer_bill_detail_files',
            'customer_bill_resource_files'
        )
    union all by name
    -- Some customers occur only in a pack. Files are requested by CustomerUinType.
    select
        account,
        customer_uin,
        bill_month,
        try(json_extract_string(slice_params, 'CustomerUinType')) = 'Customer' as is_direct,
        is_carried,
        requested_to_at,
        coalesce(landed_rows > 0, false) as has_bill,
        coalesce(landed_rows > 0 and is_proven_issued, false) as is_final
    from intermediate.int_customer_months_sourced
),

-- is_direct is taken from the latest request; rows kept from an earlier landing count only if there
-- are no others.
grouped as (
    select
        account,
        customer_uin,
        bill_month,
        coalesce(
            arg_max(is_direct, (coalesce(not is_carried, false), requested_to_at, is_direct)), true
        ) as is_direct,
        bool_or(has_bill) as has_bill,
        bool_or(is_final) as is_final
    from requested
    where customer_uin is not null
    group by all
)

-- First comes an account whose bill lines were proven after the bill was issued, then one with bill
-- lines, then one that has the customer as a direct customer, then the first by name.
select
    * exclude (is_final),
    first_value(account) over (
        partition by customer_uin, bill_month
        order by is_final desc, has_bill desc, is_direct desc, account asc
    ) as counted_by_account,
    account = counted_by_account as is_counted,
    count(*) over (partition by customer_uin, bill_month) as account_count
from grouped
