-- The slices of each landed file, as its manifest describes them: rows, proof and times.
-- Grain: one row per slice of a landed file; customer_uin is null if it is not of one customer.
-- Rows and costs of different datasets are different things, or the same money: never sum them.
select
    dataset,
    account,
    customer_uin,
    nullif(slice_params, '') as slice_params,
    case
        when kind = 'bill_month' then partition_key
        when kind = 'bill_date' then left(partition_key, 7)
    end as bill_month,
    calendar_day(case when kind = 'bill_date' then partition_key end) as bill_date,
    calendar_day(case when kind = 'snapshot_date' then partition_key end) as snapshot_date,
    month_state,
    rows as landed_rows,
    expected_rows,
    money(cost) as billed_cost,
    proof,
    instant(proven_at) as proven_at,
    instant(requested_to) as requested_to_at,
    instant(changed_at) as changed_at,
    text(reason) as reason,
    code as error_code,
    request_id,
    listed as is_listed,
    direct as is_direct,
    carried as is_carried,
    proven_issued as is_proven_issued,
    instant(first_landed_at) as first_landed_at,
    instant(first_issued_at) as first_issued_at
from raw.landed_slices
