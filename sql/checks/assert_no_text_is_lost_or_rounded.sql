-- No value that the API sent is lost or rounded when staging casts it.
-- Grain: one row per value that is lost or rounded.
with

bill_lines as (
    select * from staging.stg_customer_bill_detail
),

customer_summaries as (
    select * from staging.stg_customer_bill_summary
),

product_summaries as (
    select * from staging.stg_bill_summary_by_product
),

region_summaries as (
    select * from staging.stg_bill_summary_by_region
),

pay_mode_summaries as (
    select * from staging.stg_bill_summary_by_pay_mode
),

unpaid as (
    select * from staging.stg_customer_bill_unpaid
),

days as (
    select * from staging.stg_customer_bill_by_day
),

voucher_usages as (
    select * from staging.stg_customer_voucher_usage
),

-- Most lines hold only plain times and plain numbers with at most eight decimals, which every cast
-- keeps. Only the other lines are examined below.
suspect_lines as (
    select * from bill_lines
    where
        not regexp_full_match(
            concat_ws(
                '|',
                coalesce(source.list_unit_price, ''),
                coalesce(source.consumed_quantity, ''),
                coalesce(source.usage_duration, ''),
                coalesce(source.customer_discount_rate, ''),
                coalesce(source.list_cost, ''),
                coalesce(source.contracted_cost, ''),
                coalesce(source.voucher_amount, ''),
                coalesce(source.billed_cost, '')
            ),
            '((-?[0-9]{1,18}([.][0-9]{0,8})?)?[|]){7}(-?[0-9]{1,18}([.][0-9]{0,8})?)?'
        )
        or (transaction_at is null and source.transaction_at is not null)
        or (usage_start_at is null and source.usage_start_at is not null)
        or (usage_end_at is null and source.usage_end_at is not null)
),

-- kept_decimals: decimals that the type can hold; null where none can be lost. Totals and vouchers
-- are sent as doubles, so their decimals may be rounded.
unpivoted as (
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_detail' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_unit_price',
            'consumed_quantity',
            'usage_duration',
            'customer_discount_rate',
            'list_cost',
            'contracted_cost',
            'voucher_amount',
            'billed_cost'
        ]) as column_name,
        unnest([
            source.transaction_at,
            source.usage_start_at,
            source.usage_end_at,
            source.list_unit_price,
            source.consumed_quantity,
            source.usage_duration,
            source.customer_discount_rate,
            source.list_cost,
            source.contracted_cost,
            source.voucher_amount,
            source.billed_cost
        ]) as source_text,
        unnest([
            transaction_at is null,
            usage_start_at is null,
            usage_end_at is null,
            list_unit_price is null,
            consumed_quantity is null,
            usage_duration is null,
            customer_discount_rate is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 18, 18, 18, 8, 8, 8, 8]) as kept_decimals
    from suspect_lines
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_summary' as dataset,
        unnest(['billed_cost']) as column_name,
        unnest([source.billed_cost]) as source_text,
        unnest([billed_cost is null]) as is_lost,
        unnest([null]) as kept_decimals
    from customer_summaries
    union all
    select
        account,
        customer_uin,
        bill_month,
        'bill_summary_by_product' as dataset,
        unnest(['list_cost', 'voucher_amount', 'billed_cost']) as column_name,
        unnest([source.list_cost, source.voucher_amount, source.billed_cost]) as source_text,
        unnest([list_cost is null, voucher_amount is null, billed_cost is null]) as is_lost,
        unnest([8, 8, 8]) as kept_decimals
    from product_summaries
    union all
    select
        account,
        customer_uin,
        bill_month,
        'bill_summary_by_region' as dataset,
        unnest(['list_cost', 'voucher_amount', 'billed_cost']) as column_name,
        unnest([source.list_cost, source.voucher_amount, source.billed_cost]) as source_text,
        unnest([list_cost is null, voucher_amount is null, billed_cost is null]) as is_lost,
        unnest([8, 8, 8]) as kept_decimals
    from region_summaries
    union all
    select
        account,
        customer_uin,
        bill_month,
        'bill_summary_by_pay_mode' as dataset,
        unnest(['list_cost', 'voucher_amount', 'billed_cost']) as column_name,
        unnest([source.list_cost, source.voucher_amount, source.billed_cost]) as source_text,
        unnest([list_cost is null, voucher_amount is null, billed_cost is null]) as is_lost,
        unnest([8, 8, 8]) as kept_decimals
    from pay_mode_summaries
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_unpaid' as dataset,
        unnest(['unpaid_cost']) as column_name,
        unnest([source.unpaid_cost]) as source_text,
        unnest([unpaid_cost is null]) as is_lost,
        unnest([null]) as kept_decimals
    from unpaid
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_by_day' as dataset,
        unnest(['billed_cost']) as column_name,
        unnest([source.billed_cost]) as source_text,
        unnest([billed_cost is null]) as is_lost,
        unnest([8]) as kept_decimals
    from days
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_voucher_usage' as dataset,
        unnest([
            'paid_at',
            'completed_at',
            'used_amount',
            'voucher_total_amount',
            'voucher_remaining_amount'
        ]) as column_name,
        unnest([
            source.paid_at,
            source.completed_at,
            source.used_amount,
            source.voucher_total_amount,
            source.voucher_remaining_amount
        ]) as source_text,
        unnest([
            paid_at is null,
            completed_at is null,
            used_amount is null,
            voucher_total_amount is null,
            voucher_remaining_amount is null
        ]) as is_lost,
        unnest([null, null, null, null, null]) as kept_decimals
    from voucher_usages
),

parsed as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        column_name,
        source_text,
        is_lost,
        kept_decimals,
        regexp_extract(
            source_text,
            '^[+-]?([0-9]*)[.]?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?$',
            ['whole', 'fraction', 'exponent']
        ) as number
    from unpivoted
    where source_text is not null
),

-- 1.20e-05 has the digits 120 and 2 + 5 decimals. The last one is a zero and may be lost.
counted as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        column_name,
        source_text,
        is_lost,
        kept_decimals,
        rtrim(number.whole || number.fraction, '0') as digits,
        length(rtrim(number.whole || number.fraction, '0'))
        - length(number.whole)
        - coalesce(try_cast(number.exponent as integer), 0) as decimals,
        length(number.whole || number.fraction) > 0 as is_number
    from parsed
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        column_name,
        source_text
    from counted
    where
        is_lost
        or (kept_decimals is not null and not is_number)
        or (decimals > kept_decimals and digits <> '')
)

select * from final
