-- Credit of each customer, and an end customer's own, on each day that it was requested.
-- Grain: one row per account, customer and day.
-- Never sum over days. Sum over customers only within one account and credit_currency: two accounts
-- may have the same customer.
with

gathered as (
    select
        *,
        'customers_credit' as source_dataset,
        1 as preference
    from staging.stg_customers_credit
    where customer_uin is not null
    union all by name
    select
        *,
        'direct_customers_credit' as source_dataset,
        2 as preference
    from staging.stg_direct_customers_credit
    where customer_uin is not null
    union all by name
    select
        *,
        'credit_by_uin' as source_dataset,
        3 as preference
    from staging.stg_credit_by_uin
    where customer_uin is not null
    union all by name
    select
        *,
        'own_billing_quota' as source_dataset,
        1 as preference
    from staging.stg_own_billing_quota
)

-- The first source that has the credit counts; of several entries in it the latest.
select
    account,
    customer_uin,
    snapshot_date,
    total_credit,
    remaining_credit,
    credit_currency,
    customer_type,
    arrears,
    forced_status_code,
    source_dataset,
    request_id,
    fetched_at
from gathered
qualify
    row_number() over (
        partition by account, customer_uin, snapshot_date
        order by
            remaining_credit is null asc,
            preference asc,
            fetched_at desc,
            page_number desc,
            page_position desc
    ) = 1
