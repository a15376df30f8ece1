-- Every line of an end customer's own bill, as last landed.
-- Grain: one row per account, bill month, line_id and occurrence.
-- Costs may be summed within one currency only; prices, quantities and durations never.
with

lines as (
    select
        *,
        'pages' as line_source
    from staging.stg_own_bill_detail
    union all by name
    select
        * exclude (
            stated_bill_month,
            resource_type,
            contracted_unit_price,
            ri_deduction_duration,
            ri_deduction_cost,
            sp_deduction,
            sp_deduction_rate,
            sp_deduction_cost,
            discount_multiplier,
            blended_discount_multiplier,
            tax_rate,
            tax_amount,
            cost_before_tax,
            contracted_cost,
            voucher_amount,
            slice_params,
            file_digest,
            file_member
        ),
        'files' as line_source
    from staging.stg_own_bill_detail_files
)

select
    lines.* exclude (page_number, page_position),
    row_number() over (
        partition by account, bill_month, lines.line_id
        order by lines.page_number, lines.page_position
    ) as occurrence,
    own_months.is_complete
from lines
inner join intermediate.int_own_months_landed as own_months
    using (account, bill_month, line_source)
