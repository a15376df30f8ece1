-- What each landed file says of each customer's rows: how many, how far proven, as of when.
-- Grain: one row per landed file, customer (null: not of one customer) and part that was asked for.
-- Rows and costs of different datasets are different things, or the same money: never sum them.
with

landed as (
    select * from raw.landed_customers
),

final as (
    select
        dataset,
        account,
        customer_uin,
        nullif(part, '') as asked_part,
        case
            when kind = 'bill_month' then key
            when kind = 'bill_date' then left(key, 7)
        end as bill_month,
        case when kind = 'bill_date' then try_cast(key as date) end as bill_date,
        case when kind = 'snapshot_date' then try_cast(key as date) end as snapshot_date,
        month_state,
        rows as landed_rows,
        expected_rows,
        try_cast(cost as decimal(38, 8)) as billed_cost,
        proof,
        try_cast(proven_at as timestamptz) as proven_at,
        try_cast(asked_to as timestamptz) as asked_to_at,
        try_cast(changed_at as timestamptz) as changed_at,
        nullif(trim(reason), '') as reason,
        code as error_code,
        request_id,
        listed as is_listed,
        direct as is_direct,
        carried as is_carried,
        proven_closed as is_proven_closed,
        try_cast(first_landed_at as timestamptz) as first_landed_at,
        try_cast(first_closed_at as timestamptz) as first_closed_at
    from landed
)

select * from final
