-- What a person would write by hand to get the same tables from the lake: no checks, no comments, no increments. It leaves
-- out views and tables that are made of a few thousand rows of others: that makes it the quicker.
set timezone = 'Asia/Shanghai';

create macro clean(value) as nullif(nullif(trim(value), ''), '-');

create temp table landed as
with manifests as (
    select from_json(decode(value), '{"dataset": "VARCHAR", "account": "VARCHAR", "partition_key": "VARCHAR", "month_state": "VARCHAR",
        "slices": [{"customer_uin": "VARCHAR", "rows": "BIGINT", "expected_rows": "BIGINT", "proof": "VARCHAR",
        "proven_at": "TIMESTAMPTZ"}]}') as manifest
    from parquet_kv_metadata('<lake>/*/*/bill_month=*/data.parquet')
    where decode(key) = 'bill_etl.manifest'
),
slices as (
    select manifest.dataset, manifest.account, manifest.partition_key as bill_month, manifest.month_state, unnest(manifest.slices) as slice
    from manifests
)
select account, slice.customer_uin, bill_month, min(month_state) as month_state,
    cast(sum(slice.rows) filter (where dataset = 'customer_bill_detail') as bigint) as landed_rows,
    cast(sum(slice.expected_rows) filter (where dataset = 'customer_bill_detail') as bigint) as expected_rows,
    bool_and(slice.proof = 'proven') and count(*) = 5 as is_complete,
    min(slice.proven_at) as as_of_at
from slices
group by all;

create table fct_bill_lines as
with lines as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        Id as line_id,
        clean(PayerAccountId) as payer_account_id,
        clean(OwnerAccountId) as owner_account_id,
        clean(OperatorAccountId) as operator_account_id,
        clean(BusinessCode) as product_code,
        clean(ProductName) as product_name,
        clean(ProductCode) as subproduct_code,
        clean(SubProductName) as subproduct_name,
        clean(ComponentCode) as component_type_code,
        clean(ComponentType) as component_type_name,
        clean(ItemCode) as component_code,
        clean(ComponentName) as component_name,
        clean(BillingMode) as pay_mode_name,
        clean(TransactionType) as transaction_type,
        clean(TransactionId) as transaction_id,
        try_cast(nullif(clean(TransactionTime), '0000-00-00 00:00:00') || '+08:00' as timestamptz) as transaction_at,
        try_cast(nullif(clean(UsageStartTime), '0000-00-00 00:00:00') || '+08:00' as timestamptz) as usage_start_at,
        try_cast(nullif(clean(UsageEndTime), '0000-00-00 00:00:00') || '+08:00' as timestamptz) as usage_end_at,
        clean(ProjectName) as project_name,
        clean(replace(replace(Region, 'Â' || chr(160), ' '), chr(160), ' ')) as region_name,
        clean(AvailabilityZone) as availability_zone,
        clean(InstanceId) as resource_id,
        clean(InstanceName) as resource_name,
        try_cast(clean(ComponentListPrice) as decimal(38, 18)) as list_unit_price,
        clean(ComponentPriceMeasurementUnit) as pricing_unit,
        try_cast(clean(ComponentUsage) as decimal(38, 18)) as consumed_quantity,
        clean(ComponentUsageUnit) as consumed_unit,
        try_cast(clean(UsageDuration) as decimal(38, 18)) as usage_duration,
        clean(DurationUnit) as usage_duration_unit,
        try_cast(clean(CustomerDiscountRate) as decimal(38, 18)) as customer_discount_rate,
        try_cast(clean(OriginalCost) as decimal(38, 8)) as list_cost,
        try_cast(clean(TotalAmountAfterDiscount) as decimal(38, 8)) as contracted_cost,
        try_cast(clean(VoucherDeduction) as decimal(38, 8)) as voucher_amount,
        try_cast(clean(TotalCost) as decimal(38, 8)) as billed_cost,
        clean(Currency) as billing_currency,
        _request_id as request_id,
        _fetched_at as fetched_at,
        _page,
        _position
    from read_parquet('<lake>/customer_bill_detail/*/*/data.parquet', hive_types_autocast = false)
)
select
    account,
    customer_uin,
    bill_month,
    line_id,
    row_number() over (partition by account, customer_uin, bill_month, line_id order by _page, _position) as occurrence,
    lines.* exclude (account, customer_uin, bill_month, line_id, _page, _position),
    landed.is_complete,
    'pages' as line_source
from lines
join landed using (account, customer_uin, bill_month);

create table fct_monthly_costs as
select account, customer_uin, bill_month, product_code, product_name, region_name, pay_mode_name, transaction_type, billing_currency,
    count(*) as line_count, sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount, sum(billed_cost) as billed_cost, is_complete
from fct_bill_lines
group by all;

create table fct_daily_product_costs as
select account, customer_uin, bill_month,
    (coalesce(usage_start_at, transaction_at) at time zone 'Asia/Shanghai')::date as usage_date,
    product_code, product_name, billing_currency,
    count(*) as line_count, sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount, sum(billed_cost) as billed_cost, is_complete
from fct_bill_lines
group by all;

create table fct_daily_charges as
with judged as (
    select *,
        coalesce(
            pay_mode_name ilike 'pay-as-you-go%'
            and epoch_ms(usage_end_at) - epoch_ms(usage_start_at) <= 86400000
            and not regexp_matches(coalesce(transaction_type, ''), '(?i)adjust|compensat|guarantee|refund|revers'),
            false
        ) as is_usage,
        (bill_month || '-01')::date as first_day
    from fct_bill_lines
),
dated as (
    select *,
        case
            when is_usage then (usage_start_at at time zone 'Asia/Shanghai')::date
            else least(
                greatest(
                    coalesce((coalesce(transaction_at, usage_start_at) at time zone 'Asia/Shanghai')::date, first_day), first_day
                ),
                last_day(first_day)
            )
        end as charge_date
    from judged
)
select account, customer_uin, false as is_own_bill, bill_month, charge_date, product_code, product_name, billing_currency,
    is_usage, count(*) as line_count, sum(contracted_cost) as contracted_cost, sum(billed_cost) as billed_cost
from dated
group by all;

create table fct_monthly_component_costs as
select account, bill_month, false as is_own_bill, product_code, product_name, subproduct_code, subproduct_name,
    component_type_code, component_type_name, component_code, component_name, billing_currency,
    count(*) as line_count, sum(list_cost) as list_cost, sum(billed_cost) as billed_cost
from fct_bill_lines
group by all;

create table rpt_unit_prices as
with summed as (
    select account, customer_uin, bill_month, product_code, product_name, component_type_code, component_type_name,
        component_code, component_name, region_name, pay_mode_name, pricing_unit, consumed_unit, usage_duration_unit,
        billing_currency, count(*) as line_count,
        sum(consumed_quantity::decimal(38, 9) * usage_duration::decimal(38, 9)) as priced_quantity,
        sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost,
        min(list_unit_price) as min_list_unit_price, max(list_unit_price) as max_list_unit_price
    from fct_bill_lines
    where consumed_quantity > 0 and usage_duration > 0 and contracted_cost >= 0
        and not regexp_matches(coalesce(transaction_type, ''), '(?i)adjust|compensat|guarantee|refund|revers')
    group by all
)
select account, customer_uin, bill_month, product_code, product_name, component_type_code, component_type_name, component_code,
    component_name, region_name, pay_mode_name, pricing_unit, consumed_unit, usage_duration_unit, billing_currency, line_count,
    priced_quantity, list_cost, list_cost - contracted_cost as discount_amount, contracted_cost, min_list_unit_price,
    max_list_unit_price, contracted_cost / priced_quantity as effective_unit_price,
    case when list_cost > 0 then (list_cost - contracted_cost) / list_cost end as discount_ratio
from summed;

create table dim_products as
select product_code, product_name, subproduct_code, subproduct_name, component_type_code, component_type_name,
    component_code, component_name, min(bill_month) as first_bill_month, max(bill_month) as last_bill_month,
    sum(line_count)::bigint as line_count
from fct_monthly_component_costs
group by all;

create table fct_daily_costs as
select account, customer_uin, usage_date as bill_date, bill_month, null::decimal(38, 8) as billed_cost,
    null::varchar as request_id, null::timestamptz as fetched_at, null::boolean as is_proven,
    sum(billed_cost) as usage_billed_cost, null::decimal(38, 8) as difference, any_value(billing_currency) as billing_currency,
    is_complete
from fct_daily_product_costs
group by all;

create table dim_customers as
select account, customer_uin, null::date as first_listed_date, null::date as last_listed_date, false as is_listed,
    min(bill_month) as first_billed_month, max(bill_month) as last_billed_month, max(bill_month) as last_requested_month,
    null::varchar as customer_name, null::varchar as sub_agent_uin, null::varchar as sub_agent_name
from fct_monthly_costs
group by all;

create table rpt_reconciliation as
with detail as (
    select account, customer_uin, bill_month, any_value(billing_currency) as billing_currency, sum(billed_cost) as cost
    from fct_monthly_costs group by all
),
summary as (
    select _account as account, _customer_uin as customer_uin, bill_month, TotalCost as cost
    from read_parquet('<lake>/customer_bill_summary/*/*/data.parquet', hive_types_autocast = false)
),
product as (
    select _account as account, _customer_uin as customer_uin, bill_month, sum(TotalCost::decimal(38, 8)) as cost
    from read_parquet('<lake>/bill_summary_by_product/*/*/data.parquet', hive_types_autocast = false) group by all
),
region as (
    select _account as account, _customer_uin as customer_uin, bill_month, sum(TotalCost::decimal(38, 8)) as cost
    from read_parquet('<lake>/bill_summary_by_region/*/*/data.parquet', hive_types_autocast = false) group by all
),
pay_mode as (
    select _account as account, _customer_uin as customer_uin, bill_month, sum(TotalCost::decimal(38, 8)) as cost
    from read_parquet('<lake>/bill_summary_by_pay_mode/*/*/data.parquet', hive_types_autocast = false) group by all
)
select
    account, customer_uin, bill_month, billing_currency, month_state,
    detail.cost as detail_cost, summary.cost::decimal(38, 8) as summary_cost, product.cost as by_product_cost,
    region.cost as by_region_cost, pay_mode.cost as by_pay_mode_cost,
    landed_rows, expected_rows, is_complete,
    detail.cost::varchar::double = summary.cost::double
    and detail.cost = product.cost and detail.cost = region.cost and detail.cost = pay_mode.cost as is_reconciled,
    null::varchar as reason,
    as_of_at,
    true as is_counted, 'pages' as line_source,
    null::decimal(38, 8) as file_cost, null::bigint as file_rows, null::decimal(38, 8) as file_difference,
    null::decimal(38, 8) as by_day_cost, null::bigint as day_count, null::decimal(38, 8) as unpaid_cost,
    null::decimal(38, 8) as paid_cost
from landed
join detail using (account, customer_uin, bill_month)
join summary using (account, customer_uin, bill_month)
join product using (account, customer_uin, bill_month)
join region using (account, customer_uin, bill_month)
join pay_mode using (account, customer_uin, bill_month);

create table rpt_customer_statement as
select account, customer_uin, bill_month, product_code, product_name, region_name, pay_mode_name, costs.billing_currency,
    sum(line_count)::bigint as line_count, sum(list_cost) as list_cost, sum(list_cost) - sum(contracted_cost) as discount_amount,
    sum(contracted_cost) as contracted_cost, sum(voucher_amount) as voucher_amount,
    sum(billed_cost) - (sum(contracted_cost) - coalesce(sum(voucher_amount), 0)) as unexplained_amount,
    sum(billed_cost) as billed_cost, any_value(reconciliation.is_complete) as is_complete,
    any_value(is_reconciled) as is_reconciled, any_value(month_state) as month_state, any_value(as_of_at) as as_of_at
from fct_monthly_costs as costs
join rpt_reconciliation as reconciliation using (account, customer_uin, bill_month)
group by all;
