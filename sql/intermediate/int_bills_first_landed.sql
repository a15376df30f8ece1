-- When each bill first landed, and first landed after it was issued.
-- Grain: one row per account, customer or own bill, and bill month with a dataset of bill lines.
-- Pages and files hold the same money: only the dataset that the bill lines come from is here, and
-- only for the account that counts the customer.
with

datasets_used as (
    select
        sourced.account,
        sourced.customer_uin,
        false as is_own_bill,
        sourced.bill_month,
        sourced.dataset,
        sourced.slice_params,
        sourced.line_source = 'pages' as is_any_slice
    from intermediate.int_customer_months_sourced as sourced
    inner join intermediate.int_customer_months_counted as counted
        using (account, customer_uin, bill_month)
    where counted.is_counted
    union all by name
    select
        account,
        true as is_own_bill,
        bill_month,
        case when line_source = 'files' then 'own_bill_detail_files' else 'own_bill_detail' end
            as dataset,
        true as is_any_slice
    from intermediate.int_own_months_landed
    where line_source is not null
)

-- A pack lands for the account, not for a customer.
select
    used.*,
    min(slices.first_landed_at) as first_landed_at,
    min(slices.first_issued_at) as first_issued_at
from datasets_used as used
left join staging.stg_landed_slices as slices
    on
        used.account = slices.account
        and used.bill_month = slices.bill_month
        and used.dataset = slices.dataset
        and (slices.customer_uin is null or used.customer_uin = slices.customer_uin)
        and (
            used.is_any_slice
            or used.slice_params is not distinct from slices.slice_params
        )
group by all
