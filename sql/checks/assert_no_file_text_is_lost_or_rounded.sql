-- No value of a partner's downloaded file is lost or rounded when staging casts it.
-- Grain: one row per value that is lost or rounded.
with

file_lines as (
    select * from staging.stg_customer_bill_detail_files
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
),

resource_rows as (
    select * from staging.stg_customer_bill_resource_files
),

resource_pack_rows as (
    select * from staging.stg_customer_bill_resource_packs
),

commissions as (
    select * from staging.stg_commission_files
),

-- Most lines hold only plain times and plain numbers with at most eight decimals, which every cast
-- keeps. Only the other lines are examined below.
suspect_file_lines as (
    select * from file_lines
    where
        not regexp_full_match(
            concat_ws(
                '|',
                coalesce(source.list_unit_price, ''),
                coalesce(source.consumed_quantity, ''),
                coalesce(source.usage_duration, ''),
                coalesce(source.ri_deduction_duration, ''),
                coalesce(source.ri_deduction_cost, ''),
                coalesce(source.customer_discount_rate, ''),
                coalesce(source.list_cost, ''),
                coalesce(source.contracted_cost, ''),
                coalesce(source.voucher_amount, ''),
                coalesce(source.billed_cost, '')
            ),
            '((-?[0-9]{1,18}([.][0-9]{0,8})?)?[|]){9}(-?[0-9]{1,18}([.][0-9]{0,8})?)?'
        )
        or (transaction_at is null and source.transaction_at is not null)
        or (usage_start_at is null and source.usage_start_at is not null)
        or (usage_end_at is null and source.usage_end_at is not null)
),

suspect_pack_lines as (
    select * from pack_lines
    where
        not regexp_full_match(
            concat_ws(
                '|',
                coalesce(source.list_unit_price, ''),
                coalesce(source.consumed_quantity, ''),
                coalesce(source.usage_duration, ''),
                coalesce(source.ri_deduction_duration, ''),
                coalesce(source.ri_deduction_cost, ''),
                coalesce(source.customer_discount_rate, ''),
                coalesce(source.list_cost, ''),
                coalesce(source.contracted_cost, ''),
                coalesce(source.voucher_amount, ''),
                coalesce(source.billed_cost, '')
            ),
            '((-?[0-9]{1,18}([.][0-9]{0,8})?)?[|]){9}(-?[0-9]{1,18}([.][0-9]{0,8})?)?'
        )
        or (transaction_at is null and source.transaction_at is not null)
        or (usage_start_at is null and source.usage_start_at is not null)
        or (usage_end_at is null and source.usage_end_at is not null)
),

-- kept_decimals: decimals that the type can hold; null where none can be lost.
unpivoted as (
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_detail_files' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_unit_price',
            'consumed_quantity',
            'usage_duration',
            'ri_deduction_duration',
            'ri_deduction_cost',
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
            source.ri_deduction_duration,
            source.ri_deduction_cost,
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
            ri_deduction_duration is null,
            ri_deduction_cost is null,
            customer_discount_rate is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 18, 18, 18, 8, 18, 8, 8, 8, 8]) as kept_decimals
    from suspect_file_lines
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_detail_packs' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_unit_price',
            'consumed_quantity',
            'usage_duration',
            'ri_deduction_duration',
            'ri_deduction_cost',
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
            source.ri_deduction_duration,
            source.ri_deduction_cost,
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
            ri_deduction_duration is null,
            ri_deduction_cost is null,
            customer_discount_rate is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 18, 18, 18, 8, 18, 8, 8, 8, 8]) as kept_decimals
    from suspect_pack_lines
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_resource_files' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
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
            customer_discount_rate is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 8, 8, 8, 8]) as kept_decimals
    from resource_rows
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_resource_packs' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
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
            customer_discount_rate is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 8, 8, 8, 8]) as kept_decimals
    from resource_pack_rows
    union all
    select
        account,
        customer_uin,
        bill_month,
        'commission_files' as dataset,
        unnest(['billed_cost', 'commission_amount']) as column_name,
        unnest([source.billed_cost, source.commission_amount]) as source_text,
        unnest([billed_cost is null, commission_amount is null]) as is_lost,
        unnest([8, 8]) as kept_decimals
    from commissions
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
        -- A file may group thousands with commas.
        regexp_extract(
            case
                when regexp_full_match(source_text, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then replace(source_text, ',', '')
                else source_text
            end,
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
