-- The slices of each landed file, as its manifest describes them: rows, proof and times.
-- Grain: one row per slice of a landed file; customer_uin is null if it is not of one customer.
-- Rows and costs of different datasets are different things, or the same money: never sum them.
with

landed as (
    select * from raw.landed_slices
),

final as (
    select
        dataset,
        account,
        customer_uin,
        nullif(slice_params, '') as slice_params,
        case
            when kind = 'bill_month' then partition_key
            when kind = 'bill_date' then left(partition_key, 7)
        end as bill_month,
        case when kind = 'bill_date' then try_cast(partition_key as date) end as bill_date,
        case when kind = 'snapshot_date' then try_cast(partition_key as date) end as snapshot_date,
        month_state,
        rows as landed_rows,
        expected_rows,
        try_cast(cost as decimal(38, 8)) as billed_cost,
        proof,
        try_cast(proven_at as timestamptz) as proven_at,
        try_cast(requested_to as timestamptz) as requested_to_at,
        try_cast(changed_at as timestamptz) as changed_at,
        nullif(trim(reason), '') as reason,
        code as error_code,
        request_id,
        listed as is_listed,
        direct as is_direct,
        carried as is_carried,
        proven_issued as is_proven_issued,
        try_cast(first_landed_at as timestamptz) as first_landed_at,
        try_cast(first_issued_at as timestamptz) as first_issued_at
    from landed
)

select * from final
