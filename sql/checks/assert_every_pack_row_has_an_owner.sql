-- Every row of a pack of bill files names its customer: a customer whose lines come from the pack
-- would lack rows without a name.
-- Grain: one row per slice of a pack with such rows.
with

landed_slices as (
    select * from staging.stg_landed_slices
    where dataset = 'customer_bill_detail_packs'
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
),

final as (
    select
        landed_slices.account,
        landed_slices.bill_month,
        landed_slices.slice_params,
        landed_slices.landed_rows,
        count(pack_lines.customer_uin) as owned_rows
    from landed_slices
    left join pack_lines
        on
            landed_slices.account = pack_lines.account
            and landed_slices.bill_month = pack_lines.bill_month
            and landed_slices.slice_params is not distinct from pack_lines.slice_params
    group by
        landed_slices.account,
        landed_slices.bill_month,
        landed_slices.slice_params,
        landed_slices.landed_rows
    having landed_slices.landed_rows <> count(pack_lines.customer_uin)
)

select * from final
