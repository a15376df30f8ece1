-- No value of an end customer's own figures is lost or rounded when staging casts it.
-- Grain: one row per value that is lost or rounded.
with

own_lines as (
    select * from staging.stg_own_bill_detail
),

own_summaries as (
    select * from staging.stg_own_bill_summary
),

own_file_lines as (
    select * from staging.stg_own_bill_detail_files
),

own_resource_rows as (
    select * from staging.stg_own_bill_resource_files
),

own_usages as (
    select * from staging.stg_own_voucher_usage
),

explorer as (
    select * from staging.stg_own_cost_explorer
),

-- Most lines hold only plain times and plain numbers with at most eight decimals, which every cast
-- keeps. Only the other lines are examined below.
suspect_own_lines as (
    select * from own_lines
    where
        not regexp_full_match(
            concat_ws(
                '|',
                coalesce(source.list_unit_price, ''),
                coalesce(source.consumed_quantity, ''),
                coalesce(source.usage_duration, ''),
                coalesce(source.list_cost, ''),
                coalesce(source.billed_cost, '')
            ),
            '((-?[0-9]{1,18}([.][0-9]{0,8})?)?[|]){4}(-?[0-9]{1,18}([.][0-9]{0,8})?)?'
        )
        or (tag_values is null and source.tag_values is not null)
        or (transaction_at is null and source.transaction_at is not null)
        or (usage_start_at is null and source.usage_start_at is not null)
        or (usage_end_at is null and source.usage_end_at is not null)
),

suspect_own_file_lines as (
    select * from own_file_lines
    where
        not regexp_full_match(
            concat_ws(
                '|',
                coalesce(source.list_unit_price, ''),
                coalesce(source.contracted_unit_price, ''),
                coalesce(source.consumed_quantity, ''),
                coalesce(source.usage_duration, ''),
                coalesce(source.ri_deduction_duration, ''),
                coalesce(source.ri_deduction_cost, ''),
                coalesce(source.sp_deduction_cost, ''),
                coalesce(source.tax_amount, ''),
                coalesce(source.cost_before_tax, ''),
                coalesce(source.list_cost, ''),
                coalesce(source.contracted_cost, ''),
                coalesce(source.voucher_amount, ''),
                coalesce(source.billed_cost, '')
            ),
            '((-?[0-9]{1,18}([.][0-9]{0,8})?)?[|]){12}(-?[0-9]{1,18}([.][0-9]{0,8})?)?'
        )
        or (transaction_at is null and source.transaction_at is not null)
        or (usage_start_at is null and source.usage_start_at is not null)
        or (usage_end_at is null and source.usage_end_at is not null)
),

-- kept_decimals: decimals that the type can hold; null where none can be lost. Vouchers' amounts
-- are sent as doubles, so their decimals may be rounded.
unpivoted as (
    select
        account,
        null as customer_uin,
        bill_month,
        'own_bill_detail' as dataset,
        unnest([
            'tag_values',
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_unit_price',
            'consumed_quantity',
            'usage_duration',
            'list_cost',
            'billed_cost'
        ]) as column_name,
        unnest([
            source.tag_values,
            source.transaction_at,
            source.usage_start_at,
            source.usage_end_at,
            source.list_unit_price,
            source.consumed_quantity,
            source.usage_duration,
            source.list_cost,
            source.billed_cost
        ]) as source_text,
        unnest([
            tag_values is null,
            transaction_at is null,
            usage_start_at is null,
            usage_end_at is null,
            list_unit_price is null,
            consumed_quantity is null,
            usage_duration is null,
            list_cost is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, null, 18, 18, 18, 8, 8]) as kept_decimals
    from suspect_own_lines
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        'own_bill_summary' as dataset,
        unnest(['list_cost', 'voucher_amount', 'ri_deduction_cost', 'billed_cost']) as column_name,
        unnest([
            source.list_cost,
            source.voucher_amount,
            source.ri_deduction_cost,
            source.billed_cost
        ]) as source_text,
        unnest([
            list_cost is null,
            voucher_amount is null,
            ri_deduction_cost is null,
            billed_cost is null
        ]) as is_lost,
        unnest([8, 8, 8, 8]) as kept_decimals
    from own_summaries
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        'own_bill_detail_files' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_unit_price',
            'contracted_unit_price',
            'consumed_quantity',
            'usage_duration',
            'ri_deduction_duration',
            'ri_deduction_cost',
            'sp_deduction_cost',
            'tax_amount',
            'cost_before_tax',
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
            source.contracted_unit_price,
            source.consumed_quantity,
            source.usage_duration,
            source.ri_deduction_duration,
            source.ri_deduction_cost,
            source.sp_deduction_cost,
            source.tax_amount,
            source.cost_before_tax,
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
            contracted_unit_price is null,
            consumed_quantity is null,
            usage_duration is null,
            ri_deduction_duration is null,
            ri_deduction_cost is null,
            sp_deduction_cost is null,
            tax_amount is null,
            cost_before_tax is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 18, 18, 18, 18, 18, 8, 8, 8, 8, 8, 8, 8, 8]) as kept_decimals
    from suspect_own_file_lines
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        'own_bill_resource_files' as dataset,
        unnest([
            'transaction_at',
            'usage_start_at',
            'usage_end_at',
            'list_cost',
            'contracted_cost',
            'voucher_amount',
            'billed_cost'
        ]) as column_name,
        unnest([
            source.transaction_at,
            source.usage_start_at,
            source.usage_end_at,
            source.list_cost,
            source.contracted_cost,
            source.voucher_amount,
            source.billed_cost
        ]) as source_text,
        unnest([
            transaction_at is null,
            usage_start_at is null,
            usage_end_at is null,
            list_cost is null,
            contracted_cost is null,
            voucher_amount is null,
            billed_cost is null
        ]) as is_lost,
        unnest([null, null, null, 8, 8, 8, 8]) as kept_decimals
    from own_resource_rows
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        'own_voucher_usage' as dataset,
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
    from own_usages
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        'own_cost_explorer' as dataset,
        unnest(['cost_date', 'daily_cost', 'group_cost']) as column_name,
        unnest([source.cost_date, source.daily_cost, source.group_cost]) as source_text,
        unnest([cost_date is null, daily_cost is null, group_cost is null]) as is_lost,
        unnest([null, 8, 8]) as kept_decimals
    from explorer
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
