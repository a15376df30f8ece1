-- Rows of packs that name no customer: whose line_source is the pack would lack them.
with

landed_customers as (
    select * from staging.stg_landed_slices
    where dataset = 'customer_bill_detail_packs'
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
),

final as (
    select
        landed_customers.account,
        landed_customers.bill_month,
        landed_customers.slice_params,
        landed_customers.landed_rows,
        count(pack_lines.customer_uin) as owned_rows
    from landed_customers
    left join pack_lines
        on
            landed_customers.account = pack_lines.account
            and landed_customers.bill_month = pack_lines.bill_month
            and landed_customers.slice_params is not distinct from pack_lines.slice_params
    group by
        landed_customers.account,
        landed_customers.bill_month,
        landed_customers.slice_params,
        landed_customers.landed_rows
    having landed_customers.landed_rows <> count(pack_lines.customer_uin)
)

select * from final
