-- By which account a customer's month is counted where several accounts have it.
-- Grain: one row per account, customer and bill month that was asked for.
-- Of several rows of a customer and month exactly one is counted: the others are the same money.
with

landed_customers as (
    select * from staging.stg_landed_slices
    where
        customer_uin is not null
        and dataset in (
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
),

sourced as (
    select * from intermediate.int_customer_months_sourced
    where customer_uin is not null
),

asked as (
    select
        account,
        customer_uin,
        bill_month,
        is_direct,
        is_carried,
        requested_to_at,
        false as has_bill,
        false as is_final
    from landed_customers
    union all
    -- Owners in a pack may have been asked for in no other way; files are asked for by kind.
    select
        account,
        customer_uin,
        bill_month,
        try(json_extract_string(slice_params, 'CustomerUinType')) = 'Customer' as is_direct,
        is_carried,
        requested_to_at,
        coalesce(landed_rows > 0, false) as has_bill,
        coalesce(landed_rows > 0 and is_proven_issued, false) as is_final
    from sourced
),

-- What was said last of a customer that was asked for, not of rows carried over, tells what it is.
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
    from asked
    group by account, customer_uin, bill_month
),

-- An account that has bill lines proven since the month closed goes before one whose are older, and
-- that before one that has none; then one whose own the customer is
-- before one that reaches it through second-level resellers; then by name.
ranked as (
    select
        account,
        customer_uin,
        bill_month,
        is_direct,
        has_bill,
        first_value(account) over (
            partition by customer_uin, bill_month
            order by is_final desc, has_bill desc, is_direct desc, account asc
        ) as counted_by_account,
        count(*) over (partition by customer_uin, bill_month) as account_count
    from grouped
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        is_direct,
        has_bill,
        account = counted_by_account as is_counted,
        counted_by_account,
        account_count
    from ranked
)

select * from final
