-- Rows of cost and usage keep the rules of FOCUS 1.2 that unusual bill lines could break.
-- Grain: one row per kind of charge of an account and month that breaks a rule, with the first one.
-- Rules that the view always keeps, such as units beside quantities, are tested by its cases.
with

focus_rows as (
    select * from main.focus_cost_and_usage
),

kinds_counted as (
    select
        x_Account,
        x_BillMonth,
        x_RowKind,
        BillingCurrency,
        ChargeCategory,
        ChargeClass,
        ChargeFrequency,
        PricingCategory,
        ServiceCategory,
        ServiceSubcategory,
        count(*) as row_count,
        count(BillingPeriodStart) as billing_period_count,
        count(*) filter (where ChargePeriodStart < ChargePeriodEnd) as charge_period_count,
        count(*) filter (where EffectiveCost <> 0) as effective_cost_count,
        count(*) filter (
            where
            EffectiveCost = BilledCost and ListCost = BilledCost and ContractedCost = BilledCost
        ) as same_cost_count,
        count(ConsumedQuantity) as consumed_count,
        -- A quantity with more than 20 digits before the point does not fit into the column.
        count(*) filter (
            where
            x_RowKind <> 'voucher'
            and PricingQuantity is null
            and abs(cast(x_ConsumedQuantity as double))
            * abs(cast(coalesce(x_UsageDuration, 1) as double)) < 1e19
        ) as unpriced_count,
        count(CommitmentDiscountId) as commitment_count
    from focus_rows
    group by
        x_Account,
        x_BillMonth,
        x_RowKind,
        BillingCurrency,
        ChargeCategory,
        ChargeClass,
        ChargeFrequency,
        PricingCategory,
        ServiceCategory,
        ServiceSubcategory
),

assessed as (
    select
        x_Account,
        x_BillMonth,
        x_RowKind,
        ChargeCategory,
        row_count,
        case
            when not regexp_full_match(BillingCurrency, '[A-Z]{3}')
                then 'BillingCurrency must be a code of ISO 4217'
            when billing_period_count < row_count
                then 'BillingPeriodStart must not be null'
            when charge_period_count < row_count
                then 'ChargePeriodStart must be before ChargePeriodEnd'
            when
                ChargeCategory is null
                or ChargeCategory not in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
                then 'ChargeCategory must be one of the allowed values'
            when ChargeClass <> 'Correction'
                then 'ChargeClass must be Correction or null'
            when
                ChargeFrequency is null
                or ChargeFrequency not in ('One-Time', 'Recurring', 'Usage-Based')
                then 'ChargeFrequency must be one of the allowed values'
            when ChargeCategory = 'Purchase' and ChargeFrequency = 'Usage-Based'
                then 'ChargeFrequency of a purchase must not be Usage-Based'
            when ChargeCategory = 'Purchase' and effective_cost_count > 0
                then 'EffectiveCost of a purchase must be 0: the row of its use has it'
            when ChargeCategory = 'Credit' and same_cost_count < row_count
                then 'Costs of a credit must match its BilledCost'
            when ChargeCategory <> 'Usage' and consumed_count > 0
                then 'ConsumedQuantity must be null where nothing is used'
            when unpriced_count > 0
                then 'PricingQuantity must not be null where the bill says how much was used'
            when ChargeCategory <> 'Purchase' and commitment_count > 0
                then 'CommitmentDiscountId must be of a purchase, which alone is known to be one'
            when
                PricingCategory is null
                and ChargeCategory in ('Usage', 'Purchase') and ChargeClass is null
                then 'PricingCategory must not be null for usage and purchases'
            when PricingCategory not in ('Standard', 'Dynamic', 'Committed', 'Other')
                then 'PricingCategory must be one of the allowed values'
            when (ServiceCategory = 'Other') <> (ServiceSubcategory = 'Other (Other)')
                then 'ServiceSubcategory must be one of its ServiceCategory'
        end as broken_rule
    from kinds_counted
),

final as (
    select
        x_Account,
        x_BillMonth,
        x_RowKind,
        ChargeCategory,
        row_count,
        broken_rule
    from assessed
    where broken_rule is not null
)

select * from final
