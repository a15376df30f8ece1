-- Cost and usage in FOCUS 1.2: the lines of every bill, customers' and an end customer's own, with
-- a row each for the charge, a voucher's payment and the use of a purchase.
-- Grain: one row per bill line and x_RowKind.
-- BilledCost and EffectiveCost each sum to what is owed, within one currency. ListCost and
-- ContractedCost may be summed without Credit rows; prices and quantities never. docs/focus.md has
-- the source of each column.
with

-- FOCUS times are in UTC: a month begins at 16:00 on the day before.
months as (
    select distinct
        bill_month,
        month_start_date - interval 8 hour as starts_at,
        month_start_date + interval 1 month - interval 8 hour as ends_at
    from main.dim_bill_months
),

-- FOCUS attributes of each transaction type, by its label on the bill: today's labels and earlier
-- ones, compared in lower case.
transactions as (
    select
        lower(listed.transaction_type) as transaction_label,
        listed.charge_category,
        listed.charge_class,
        listed.charge_frequency,
        listed.pricing_category,
        listed.commitment_type
    from (
        values
        ('Pay-as-you-go', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Hourly settlement', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Daily settlement', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Monthly settlement', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Spot', 'Usage', null, 'Usage-Based', 'Dynamic', null),
        ('Hourly RI fee', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Hourly Savings Plan fee', 'Usage', null, 'Usage-Based', 'Standard', null),
        ('Offline project deduction', 'Usage', null, 'Usage-Based', 'Other', null),
        ('Offline product deduction', 'Usage', null, 'Usage-Based', 'Other', null),
        ('Guarantee deduction', 'Usage', null, 'Recurring', 'Other', null),
        ('Purchase', 'Purchase', null, 'One-Time', 'Standard', null),
        ('New monthly subscription', 'Purchase', null, 'One-Time', 'Standard', null),
        ('New yearly/monthly subscription', 'Purchase', null, 'One-Time', 'Standard', null),
        ('Upgrade/Downgrade', 'Purchase', null, 'One-Time', 'Standard', null),
        ('Upgrade', 'Purchase', null, 'One-Time', 'Standard', null),
        ('Downgrade', 'Purchase', null, 'One-Time', 'Standard', null),
        ('Renewal', 'Purchase', null, 'Recurring', 'Standard', null),
        ('Monthly subscription renewal', 'Purchase', null, 'Recurring', 'Standard', null),
        ('Yearly/monthly subscription renewal', 'Purchase', null, 'Recurring', 'Standard', null),
        ('One-off RI Fee', 'Purchase', null, 'One-Time', 'Standard', 'Reserved Instance'),
        ('Monthly subscription refund', 'Purchase', 'Correction', 'One-Time', null, null),
        ('Yearly/monthly subscription refund', 'Purchase', 'Correction', 'One-Time', null, null),
        ('Pay-as-you-go reversal', 'Usage', 'Correction', 'Usage-Based', null, null),
        ('Adjustment - deduction', 'Adjustment', 'Correction', 'One-Time', null, null),
        ('Adjustment - compensation', 'Adjustment', 'Correction', 'One-Time', null, null),
        ('adjust-DR', 'Adjustment', 'Correction', 'One-Time', null, null),
        ('adjust-CR', 'Adjustment', 'Correction', 'One-Time', null, null)
    ) as listed (
        transaction_type,
        charge_category,
        charge_class,
        charge_frequency,
        pricing_category,
        commitment_type
    )
),

-- Labels have changed over the years, so where a label is not listed, a part of the word identifies
-- corrections of past charges.
words as (
    select
        listed.word,
        listed.charge_category,
        listed.charge_class,
        listed.charge_frequency,
        listed.pricing_category
    from (
        values
        ('adjustment', 'Adjustment', 'Correction', 'One-Time', null),
        ('refund', 'Purchase', 'Correction', 'One-Time', null),
        ('reversal', 'Usage', 'Correction', 'Usage-Based', null),
        ('guarantee', 'Usage', null, 'Recurring', 'Other')
    ) as listed (word, charge_category, charge_class, charge_frequency, pricing_category)
),

-- Keyed by the name on the bill, because FOCUS requires one category for each ServiceName.
services as (
    select
        listed.product_name,
        listed.service_category,
        listed.service_subcategory
    from (
        values
        ('Cloud Virtual Machine (CVM)', 'Compute', 'Virtual Machines'),
        ('Cloud GPU Service', 'Compute', 'Virtual Machines'),
        ('Cloud Bare Metal (CBM)', 'Compute', 'Virtual Machines'),
        ('Tencent Cloud Lighthouse', 'Compute', 'Virtual Machines'),
        ('Tencent Kubernetes Engine (TKE)', 'Compute', 'Containers'),
        ('Serverless Cloud Function (SCF)', 'Compute', 'Serverless Compute'),
        ('Batch Compute', 'Compute', 'Other (Compute)'),
        ('Cloud Object Storage (COS)', 'Storage', 'Object Storage'),
        ('Cloud Block Storage (CBS)', 'Storage', 'Block Storage'),
        ('Cloud File Storage (CFS)', 'Storage', 'File Storage'),
        ('TencentDB for MySQL', 'Databases', 'Relational Databases'),
        ('TencentDB for MariaDB', 'Databases', 'Relational Databases'),
        ('TencentDB for PostgreSQL', 'Databases', 'Relational Databases'),
        ('TencentDB for SQL Server', 'Databases', 'Relational Databases'),
        ('TDSQL for MySQL', 'Databases', 'Relational Databases'),
        ('TDSQL-C for MySQL', 'Databases', 'Relational Databases'),
        ('TencentDB for MongoDB', 'Databases', 'NoSQL Databases'),
        ('TcaplusDB', 'Databases', 'NoSQL Databases'),
        ('TencentDB for Redis', 'Databases', 'Caching'),
        ('Tencent Cloud TCHouse-C', 'Databases', 'Data Warehouses'),
        ('Tencent Cloud TCHouse-D', 'Databases', 'Data Warehouses'),
        ('Tencent Cloud TCHouse-P', 'Databases', 'Data Warehouses'),
        ('Content Delivery Network (CDN)', 'Networking', 'Content Delivery'),
        ('Tencent Cloud EdgeOne', 'Networking', 'Content Delivery'),
        ('Cloud Load Balancer (CLB)', 'Networking', 'Application Networking'),
        ('Elastic IP (EIP)', 'Networking', 'Network Infrastructure'),
        ('Virtual Private Cloud (VPC)', 'Networking', 'Network Infrastructure'),
        ('NAT Gateway', 'Networking', 'Network Routing'),
        ('Cloud Connect Network (CCN)', 'Networking', 'Network Connectivity'),
        ('Direct Connect (DC)', 'Networking', 'Network Connectivity'),
        ('VPN Connections', 'Networking', 'Network Connectivity'),
        ('Anti-DDoS', 'Networking', 'Network Security'),
        ('Web Application Firewall (WAF)', 'Networking', 'Network Security'),
        ('Cloud Firewall (CFW)', 'Networking', 'Network Security'),
        ('Key Management Service (KMS)', 'Security', 'Secret Management'),
        ('Cloud Workload Protection Platform (CWPP)', 'Security', 'Threat Detection and Response'),
        ('Elastic MapReduce (EMR)', 'Analytics', 'Data Processing'),
        ('Elasticsearch Service (ES)', 'Analytics', 'Search'),
        ('TDMQ for CKafka', 'Integration', 'Messaging'),
        ('TDMQ for RocketMQ', 'Integration', 'Messaging'),
        ('API Gateway', 'Integration', 'API Management'),
        ('Cloud Log Service (CLS)', 'Management and Governance', 'Observability'),
        ('Tencent Cloud Observability Platform', 'Management and Governance', 'Observability'),
        ('Cloud Streaming Services (CSS)', 'Media', 'Media Streaming'),
        ('Video on Demand (VOD)', 'Media', 'Media Streaming'),
        ('Tencent Real-Time Communication (TRTC)', 'Media', 'Media Streaming'),
        ('Game Multimedia Engine (GME)', 'Media', 'Gaming')
    ) as listed (product_name, service_category, service_subcategory)
),

lines as (
    select
        account,
        customer_uin,
        bill_month,
        false as is_own_bill,
        line_id,
        occurrence,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        pay_mode_name,
        transaction_type,
        transaction_id,
        transaction_at,
        usage_start_at,
        usage_end_at,
        project_name,
        region_name,
        availability_zone,
        resource_id,
        resource_name,
        list_unit_price,
        pricing_unit,
        consumed_quantity,
        consumed_unit,
        usage_duration,
        usage_duration_unit,
        customer_discount_rate,
        coalesce(list_cost, contracted_cost, billed_cost, 0) as list_cost,
        coalesce(contracted_cost, billed_cost, 0) as contracted_cost,
        coalesce(voucher_amount, 0) as voucher_amount,
        coalesce(billed_cost, 0) as billed_cost,
        billing_currency,
        null as tag_values,
        line_source,
        fetched_at,
        is_complete
    from main.fct_bill_lines
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        true as is_own_bill,
        line_id,
        occurrence,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        pay_mode_name,
        transaction_type,
        transaction_id,
        transaction_at,
        usage_start_at,
        usage_end_at,
        project_name,
        region_name,
        availability_zone,
        resource_id,
        resource_name,
        list_unit_price,
        pricing_unit,
        consumed_quantity,
        consumed_unit,
        usage_duration,
        usage_duration_unit,
        null as customer_discount_rate,
        coalesce(list_cost, billed_cost, 0) as list_cost,
        coalesce(billed_cost, 0) as contracted_cost,
        cast(0 as decimal(38, 8)) as voucher_amount,
        coalesce(billed_cost, 0) as billed_cost,
        billing_currency,
        tag_values,
        line_source,
        fetched_at,
        is_complete
    from main.fct_own_bill_lines
),

classified as (
    select
        lines.account,
        lines.customer_uin,
        lines.bill_month,
        lines.is_own_bill,
        lines.line_id,
        lines.occurrence,
        coalesce(lines.payer_account_id, lines.account) as billing_account_id,
        coalesce(lines.owner_account_id, lines.customer_uin) as sub_account_id,
        lines.operator_account_id,
        lines.product_code,
        coalesce(lines.product_name, lines.product_code, 'Other') as service_name,
        lines.subproduct_code,
        lines.subproduct_name,
        lines.component_type_code,
        lines.component_type_name,
        lines.component_code,
        lines.component_name,
        coalesce(lines.component_code, lines.component_name) as sku_id,
        lines.pay_mode_name,
        lines.transaction_type,
        lines.transaction_id,
        lines.transaction_at,
        lines.usage_start_at,
        lines.usage_end_at,
        lines.project_name,
        lines.region_name,
        lines.availability_zone,
        lines.resource_id,
        lines.resource_name,
        lines.list_unit_price,
        lines.pricing_unit,
        lines.consumed_quantity,
        lines.consumed_unit,
        lines.usage_duration,
        lines.usage_duration_unit,
        lines.customer_discount_rate,
        lines.list_cost,
        lines.contracted_cost,
        lines.voucher_amount,
        lines.billed_cost + lines.voucher_amount as charged_cost,
        coalesce(lines.billing_currency, 'XXX') as billing_currency,
        lines.tag_values,
        months.starts_at as month_starts_at,
        months.ends_at as month_ends_at,
        epoch_us(
            coalesce(lines.usage_start_at, lines.transaction_at)
        ) as start_us,
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
        lines.line_source,
        lines.fetched_at,
        lines.is_complete,
        coalesce(transactions.charge_category, words.charge_category, 'Usage') as charge_category,
        coalesce(transactions.charge_category, words.charge_category) = 'Purchase' as is_purchase,
        coalesce(transactions.charge_class, words.charge_class) as charge_class,
        coalesce(transactions.charge_frequency, words.charge_frequency, 'Usage-Based')
            as charge_frequency,
        case
            when transactions.transaction_label is null and words.word is null then 'Other'
            else coalesce(transactions.pricing_category, words.pricing_category)
        end as pricing_category,
        case
            when transactions.commitment_type is not null then lines.resource_id
        end as commitment_id,
        transactions.commitment_type,
        coalesce(services.service_category, 'Other') as service_category,
        coalesce(services.service_subcategory, 'Other (Other)') as service_subcategory,
        unnest(
            case
                when lines.voucher_amount <> 0 and is_purchase
                    then ['charge', 'voucher', 'use']
                when lines.voucher_amount <> 0 then ['charge', 'voucher']
                when is_purchase then ['charge', 'use']
                else ['charge']
            end
        ) as row_kind
    from lines
    left join months using (bill_month)
    left join transactions on lower(lines.transaction_type) = transactions.transaction_label
    left join words
        on
            words.word
            = case
                when transactions.transaction_label is not null then null
                when
                    lines.transaction_type ilike '%adjust%'
                    or lines.transaction_type ilike '%compensat%'
                    then 'adjustment'
                when
                    lines.transaction_type ilike '%refund%'
                    and coalesce(lines.pay_mode_name, '') not ilike 'pay-as-you-go%'
                    then 'refund'
                when
                    lines.transaction_type ilike '%revers%'
                    and lines.pay_mode_name ilike '%subscription%'
                    then 'refund'
                when
                    lines.transaction_type ilike '%refund%'
                    or lines.transaction_type ilike '%revers%'
                    then 'reversal'
                when lines.transaction_type ilike '%guarantee%' then 'guarantee'
            end
    left join services using (product_name)
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
    case
        when row_kind = 'charge' and commitment_id is not null then 'Usage'
    end as CommitmentDiscountCategory,
    case when row_kind = 'charge' then commitment_id end as CommitmentDiscountId,
    cast(null as varchar) as CommitmentDiscountName,
    case
        when row_kind = 'charge' and commitment_id is not null then pricing_quantity
    end as CommitmentDiscountQuantity,
    cast(null as varchar) as CommitmentDiscountStatus,
    case
        when row_kind = 'charge' and commitment_id is not null then commitment_type
    end as CommitmentDiscountType,
    case
        when row_kind = 'charge' and commitment_id is not null and pricing_quantity is not null
            then priced_unit
    end as CommitmentDiscountUnit,
    case
        when row_kind = 'use' or (row_kind = 'charge' and charge_category = 'Usage')
            then consumed_quantity
    end as ConsumedQuantity,
    case
        when consumed_quantity is null then null
        when row_kind = 'use' or (row_kind = 'charge' and charge_category = 'Usage')
            then counted_unit
    end as ConsumedUnit,
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
    case when row_kind = 'charge' then agreed_list_unit_price end as ListUnitPrice,
    case when row_kind <> 'voucher' then pricing_category end as PricingCategory,
    billing_currency as PricingCurrency,
    cast(null as decimal(38, 18)) as PricingCurrencyContractedUnitPrice,
    cast(
        case
            when row_kind = 'voucher' then -voucher_amount
            when row_kind = 'charge' and charge_category = 'Purchase' then 0
            else charged_cost
        end as decimal(38, 8)
    ) as PricingCurrencyEffectiveCost,
    case
        when row_kind = 'charge' then agreed_list_unit_price
    end as PricingCurrencyListUnitPrice,
    case when row_kind <> 'voucher' then pricing_quantity end as PricingQuantity,
    case
        when row_kind <> 'voucher' and pricing_quantity is not null then priced_unit
    end as PricingUnit,
    'Tencent Cloud partner ' || billing_account_id as ProviderName,
    'Tencent Cloud' as PublisherName,
    region_name as RegionId,
    region_name as RegionName,
    resource_id as ResourceId,
    case when resource_id is not null then resource_name end as ResourceName,
    case
        when resource_id is not null then coalesce(subproduct_name, service_name)
    end as ResourceType,
    service_category as ServiceCategory,
    service_name as ServiceName,
    service_subcategory as ServiceSubcategory,
    sku_id as SkuId,
    case
        when sku_id is not null then coalesce(component_type_name, component_name)
    end as SkuMeter,
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
from classified
