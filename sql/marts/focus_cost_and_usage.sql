-- Cost and usage in FOCUS 1.2: the lines of every bill, customers' and an end customer's own, with
-- a row each for the charge, a voucher's payment and the use of a purchase.
-- Grain: one row per bill line and x_RowKind.
-- BilledCost and EffectiveCost each sum to what is owed, within one currency. ListCost and
-- ContractedCost may be summed without Credit rows; prices and quantities never. Lines whose cost
-- or currency could not be read are left out: focus_billing_period counts them. docs/focus.md has
-- the source of each column.
with

-- FOCUS times are in UTC: a month begins at 16:00 on the day before.
months as (
    select distinct
        bill_month,
        month_start_date - interval 8 hour as month_starts_at,
        month_start_date + interval 1 month - interval 8 hour as month_ends_at
    from main.dim_bill_months
),

bills as (
    select
        *,
        false as is_own_bill
    from main.fct_bill_lines
    union all by name
    select
        *,
        true as is_own_bill
    from main.fct_own_bill_lines
),

lines as (
    select
        * replace (
            coalesce(list_cost, contracted_cost, billed_cost, 0) as list_cost,
            coalesce(contracted_cost, billed_cost, 0) as contracted_cost,
            coalesce(voucher_amount, 0) as voucher_amount,
            coalesce(billed_cost, 0) as billed_cost
        )
    from bills
    where is_cost_unread is not true
),

-- Labels have changed over the years. One that is not listed is taken for a listed one if a part of
-- the word identifies a correction of past charges.
labelled as (
    select
        lines.*,
        coalesce(
            lower(listed.transaction_type),
            case
                when
                    lines.transaction_type ilike '%adjust%'
                    or lines.transaction_type ilike '%compensat%'
                    then 'adjust-dr'
                when
                    lines.transaction_type ilike '%refund%'
                    and coalesce(lines.pay_mode_name, '') not ilike 'pay-as-you-go%'
                    then 'monthly subscription refund'
                when
                    lines.transaction_type ilike '%revers%'
                    and lines.pay_mode_name ilike '%subscription%'
                    then 'monthly subscription refund'
                when
                    lines.transaction_type ilike '%refund%'
                    or lines.transaction_type ilike '%revers%'
                    then 'pay-as-you-go reversal'
                when lines.transaction_type ilike '%guarantee%' then 'guarantee deduction'
            end
        ) as label
    from lines
    left join seeds.focus_transactions as listed
        on lower(lines.transaction_type) = lower(listed.transaction_type)
),

classified as (
    select
        lines.* replace (coalesce(lines.billing_currency, 'XXX') as billing_currency),
        months.month_starts_at,
        months.month_ends_at,
        coalesce(lines.payer_account_id, lines.account) as billing_account_id,
        coalesce(lines.owner_account_id, lines.customer_uin) as sub_account_id,
        coalesce(lines.product_name, lines.product_code, 'Other') as service_name,
        coalesce(lines.component_code, lines.component_name) as sku_id,
        lines.billed_cost + lines.voucher_amount as charged_cost,
        epoch_us(coalesce(lines.usage_start_at, lines.transaction_at)) as start_us,
        -- An end time of 59:59 is the last second of a period, any other time is its end.
        epoch_us(lines.usage_end_at)
        + case
            when
                epoch_us(lines.usage_end_at) % 3600000000 = 3599000000
                and epoch_us(lines.usage_start_at) % 3600000000 <> 3599000000
                then 1000000
            else 0
        end as end_us,
        -- A product has 38 digits, of which 18 can be decimals of both factors together.
        case
            when lines.usage_duration is null or lines.usage_duration = 1
                then lines.consumed_quantity
            when lines.usage_duration = cast(lines.usage_duration as decimal(38, 0))
                then try(lines.consumed_quantity * cast(lines.usage_duration as decimal(38, 0)))
            when lines.consumed_quantity = cast(lines.consumed_quantity as decimal(38, 0))
                then try(cast(lines.consumed_quantity as decimal(38, 0)) * lines.usage_duration)
            else
                try(
                    cast(lines.consumed_quantity as decimal(38, 9))
                    * cast(lines.usage_duration as decimal(38, 9))
                )
        end as pricing_quantity,
        -- FOCUS requires ListCost = ListUnitPrice x PricingQuantity; bills round to 8 decimals.
        case
            when
                round(
                    try(
                        cast(lines.list_unit_price as decimal(38, 12))
                        * cast(pricing_quantity as decimal(38, 8))
                    ),
                    8
                ) = lines.list_cost
                and lines.list_unit_price >= 0
                then lines.list_unit_price
        end as agreed_list_unit_price,
        -- USD/GB/hour becomes GB-Hours, USD/10,000 becomes 10000 Units.
        regexp_replace(
            replace(
                replace(
                    replace(
                        replace(
                            coalesce(regexp_replace(lines.pricing_unit, '^[A-Z]{3}/', ''), 'Units'),
                            ',', ''
                        ),
                        '/hour', '-Hours'
                    ),
                    '/day', '-Days'
                ),
                '/month', '-Months'
            ),
            '^([0-9]+)$', '\1 Units'
        ) as priced_unit,
        regexp_replace(
            replace(coalesce(lines.consumed_unit, 'Units'), ',', ''), '^([0-9]+)$', '\1 Units'
        ) as counted_unit,
        coalesce(known.charge_category, 'Usage') as charge_category,
        known.charge_class,
        coalesce(known.charge_frequency, 'Usage-Based') as charge_frequency,
        case when lines.label is null then 'Other' else known.pricing_category end
            as pricing_category,
        case when known.commitment_type is not null then lines.resource_id end
            as commitment_id,
        known.commitment_type,
        coalesce(services.service_category, 'Other') as service_category,
        coalesce(services.service_subcategory, 'Other (Other)') as service_subcategory,
        unnest(
            list_filter(
                [
                    'charge',
                    case when lines.voucher_amount <> 0 then 'voucher' end,
                    case when known.charge_category = 'Purchase' then 'use' end
                ],
                lambda kind: kind is not null
            )
        ) as row_kind
    from labelled as lines
    left join months using (bill_month)
    left join seeds.focus_transactions as known
        on lines.label = lower(known.transaction_type)
    left join seeds.focus_services as services on lines.product_name = services.service_name
),

-- A voucher's row has no quantity, and only a charge has a list price or a commitment.
focused as (
    select
        * replace (
            case when row_kind <> 'voucher' then pricing_quantity end as pricing_quantity,
            case when row_kind = 'charge' then agreed_list_unit_price end
                as agreed_list_unit_price,
            case when row_kind = 'charge' then commitment_id end as commitment_id
        ),
        row_kind = 'use' or (row_kind = 'charge' and charge_category = 'Usage') as is_usage
    from classified
)

-- noqa: disable=capitalisation.identifiers
-- FOCUS's own column names; all others begin with x_.
select
    availability_zone as AvailabilityZone,
    cast(
        case row_kind
            when 'charge' then charged_cost when 'voucher' then -voucher_amount else 0
        end as decimal(38, 8)
    ) as BilledCost,
    billing_account_id as BillingAccountId,
    cast(null as varchar) as BillingAccountName,
    'Payer account' as BillingAccountType,
    billing_currency as BillingCurrency,
    month_ends_at as BillingPeriodEnd,
    month_starts_at as BillingPeriodStart,
    cast(null as varchar) as CapacityReservationId,
    cast(null as varchar) as CapacityReservationStatus,
    case row_kind
        when 'voucher' then 'Credit' when 'use' then 'Usage' else charge_category
    end as ChargeCategory,
    case when row_kind <> 'voucher' then charge_class end as ChargeClass,
    concat_ws(
        ', ',
        case row_kind when 'voucher' then 'Paid by voucher' when 'use' then 'Use' end,
        service_name,
        component_name,
        transaction_type
    ) as ChargeDescription,
    case row_kind
        when 'voucher' then 'One-Time' when 'use' then 'Usage-Based' else charge_frequency
    end as ChargeFrequency,
    make_timestamp(
        greatest(end_us, coalesce(start_us, epoch_us(month_starts_at)) + 1000000)
    ) as ChargePeriodEnd,
    make_timestamp(coalesce(start_us, epoch_us(month_starts_at))) as ChargePeriodStart,
    case when commitment_id is not null then 'Usage' end as CommitmentDiscountCategory,
    commitment_id as CommitmentDiscountId,
    cast(null as varchar) as CommitmentDiscountName,
    case when commitment_id is not null then pricing_quantity end as CommitmentDiscountQuantity,
    cast(null as varchar) as CommitmentDiscountStatus,
    case when commitment_id is not null then commitment_type end as CommitmentDiscountType,
    case when commitment_id is not null and pricing_quantity is not null then priced_unit end
        as CommitmentDiscountUnit,
    case when is_usage then consumed_quantity end as ConsumedQuantity,
    case when is_usage and consumed_quantity is not null then counted_unit end as ConsumedUnit,
    cast(
        case row_kind
            when 'charge' then contracted_cost when 'voucher' then -voucher_amount else 0
        end as decimal(38, 8)
    ) as ContractedCost,
    cast(null as decimal(38, 18)) as ContractedUnitPrice,
    cast(
        case
            when row_kind = 'voucher' then -voucher_amount
            when row_kind = 'charge' and charge_category = 'Purchase' then 0
            else charged_cost
        end as decimal(38, 8)
    ) as EffectiveCost,
    cast(null as varchar) as InvoiceId,
    'Tencent Cloud partner ' || billing_account_id as InvoiceIssuerName,
    cast(
        case row_kind
            when 'charge' then list_cost when 'voucher' then -voucher_amount else 0
        end as decimal(38, 8)
    ) as ListCost,
    agreed_list_unit_price as ListUnitPrice,
    case when row_kind <> 'voucher' then pricing_category end as PricingCategory,
    billing_currency as PricingCurrency,
    cast(null as decimal(38, 18)) as PricingCurrencyContractedUnitPrice,
    EffectiveCost as PricingCurrencyEffectiveCost,
    agreed_list_unit_price as PricingCurrencyListUnitPrice,
    pricing_quantity as PricingQuantity,
    case when pricing_quantity is not null then priced_unit end as PricingUnit,
    InvoiceIssuerName as ProviderName,
    'Tencent Cloud' as PublisherName,
    region_name as RegionId,
    region_name as RegionName,
    resource_id as ResourceId,
    case when resource_id is not null then resource_name end as ResourceName,
    case when resource_id is not null then coalesce(subproduct_name, service_name) end
        as ResourceType,
    service_category as ServiceCategory,
    service_name as ServiceName,
    service_subcategory as ServiceSubcategory,
    sku_id as SkuId,
    case when sku_id is not null then coalesce(component_type_name, component_name) end
        as SkuMeter,
    case
        when sku_id is not null
            then
                cast(
                    json_object(
                        'x_ComponentName', component_name, 'x_PricingUnit', pricing_unit
                    ) as varchar
                )
    end as SkuPriceDetails,
    sku_id as SkuPriceId,
    sub_account_id as SubAccountId,
    sub_account_id as SubAccountName,
    case when sub_account_id is not null then 'Owner account' end as SubAccountType,
    cast(to_json(tag_values) as varchar) as Tags,
    account as x_Account,
    bill_month as x_BillMonth,
    component_code as x_ComponentCode,
    component_name as x_ComponentName,
    component_type_code as x_ComponentTypeCode,
    component_type_name as x_ComponentTypeName,
    consumed_quantity as x_ConsumedQuantity,
    consumed_unit as x_ConsumedUnit,
    customer_discount_rate as x_CustomerDiscountRate,
    customer_uin as x_CustomerUin,
    fetched_at as x_FetchedTime,
    is_complete as x_IsComplete,
    is_own_bill as x_IsOwnBill,
    line_id as x_LineId,
    list_unit_price as x_ListUnitPrice,
    occurrence as x_Occurrence,
    operator_account_id as x_OperatorAccountId,
    pay_mode_name as x_PayMode,
    pricing_unit as x_PricingUnit,
    product_code as x_ProductCode,
    project_name as x_ProjectName,
    line_source as x_LineSource,
    row_kind as x_RowKind,
    subproduct_code as x_SubproductCode,
    subproduct_name as x_SubproductName,
    transaction_id as x_TransactionId,
    transaction_at as x_TransactionTime,
    transaction_type as x_TransactionType,
    usage_duration as x_UsageDuration,
    usage_duration_unit as x_UsageDurationUnit,
    usage_end_at as x_UsageEndTime,
    usage_start_at as x_UsageStartTime
from focused
