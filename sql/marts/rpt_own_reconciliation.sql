-- Comparison of an end customer's own bill with the service's other figures of the month: its
-- summaries by product, project and each tag, and, for information, cost explorer and bill files.
-- Grain: one row per account, bill month, compared_with and tag key.
-- All costs are the same money: never add them up.
with

lines_summed as (
    select
        account,
        bill_month,
        count(distinct coalesce(billing_currency, '')) > 1 as has_several_currencies,
        string_agg(distinct billing_currency, ', ' order by billing_currency) as currencies,
        sum(billed_cost) as billed_cost
    from main.fct_own_bill_lines
    group by all
),

-- What was requested and landed, even without rows.
slices_landed as (
    select
        account,
        bill_month,
        case
            when dataset = 'own_bill_summary'
                then 'summary by ' || try(json_extract_string(slice_params, 'GroupType'))
            when dataset = 'own_cost_explorer' then 'cost explorer'
            when dataset = 'own_bill_detail' then 'bill lines fetched page by page'
            when dataset = 'own_bill_detail_files' then 'bill file'
            when dataset = 'own_bill_resource_files' then 'bill file by resource'
        end as compared_with,
        try(json_extract_string(slice_params, '$.TagKey[0]')) as tag_key,
        dataset = 'own_bill_summary'
        and is_outdated_tag(slice_params, proof, is_carried, is_proven_issued, month_state)
            as is_outdated
    from staging.stg_landed_slices
    where
        is_slice_landed(proof, landed_rows, proven_at)
        and (
            dataset in (
                'own_bill_summary',
                'own_bill_detail',
                'own_bill_detail_files',
                'own_bill_resource_files'
            )
            or (
                dataset = 'own_cost_explorer'
                and try(json_extract_string(slice_params, 'Dimension')) = 'Default'
                and try(json_extract_string(slice_params, 'FeeType')) = 'totalCost'
            )
        )
),

costs as (
    select
        account,
        bill_month,
        'summary by ' || group_type as compared_with,
        tag_key,
        billed_cost
    from staging.stg_own_bill_summary
    union all by name
    select
        account,
        bill_month,
        'cost explorer' as compared_with,
        daily_cost as billed_cost
    from staging.stg_own_cost_explorer
    where dimension = 'Default' and fee_type = 'totalCost'
    union all by name
    select
        account,
        bill_month,
        'bill lines fetched page by page' as compared_with,
        billed_cost
    from staging.stg_own_bill_detail
    union all by name
    select
        account,
        bill_month,
        'bill file' as compared_with,
        billed_cost
    from staging.stg_own_bill_detail_files
    union all by name
    select
        account,
        bill_month,
        'bill file by resource' as compared_with,
        billed_cost
    from staging.stg_own_bill_resource_files
),

costs_summed as (
    select
        account,
        bill_month,
        compared_with,
        tag_key,
        sum(billed_cost) as billed_cost
    from costs
    group by all
),

-- The summaries by product and by project are always requested. The source of the bill lines is not
-- compared with itself.
expected as (
    select
        account,
        bill_month,
        unnest(['summary by product', 'summary by project']) as compared_with,
        null as tag_key
    from intermediate.int_own_months_landed
    union
    select
        account,
        bill_month,
        slices_landed.compared_with,
        slices_landed.tag_key
    from slices_landed
    inner join intermediate.int_own_months_landed as own_months using (account, bill_month)
    where
        slices_landed.compared_with
        <> case
            when own_months.line_source = 'files' then 'bill file'
            else 'bill lines fetched page by page'
        end
),

compared as (
    select
        expected.account,
        expected.bill_month,
        expected.compared_with,
        expected.tag_key,
        own_months.month_state,
        own_months.is_complete,
        own_months.reason,
        own_months.as_of_at,
        lines_summed.currencies,
        coalesce(lines_summed.has_several_currencies, false) as has_several_currencies,
        case when own_months.has_bill_detail then coalesce(lines_summed.billed_cost, 0) end
            as lines_cost,
        case
            when slices_landed.compared_with is not null then coalesce(costs_summed.billed_cost, 0)
        end as compared_cost,
        coalesce(slices_landed.is_outdated, false) as is_outdated
    from expected
    inner join intermediate.int_own_months_landed as own_months using (account, bill_month)
    left join lines_summed using (account, bill_month)
    left join slices_landed
        on
            expected.account = slices_landed.account
            and expected.bill_month = slices_landed.bill_month
            and expected.compared_with = slices_landed.compared_with
            and expected.tag_key is not distinct from slices_landed.tag_key
    left join costs_summed
        on
            expected.account = costs_summed.account
            and expected.bill_month = costs_summed.bill_month
            and expected.compared_with = costs_summed.compared_with
            and expected.tag_key is not distinct from costs_summed.tag_key
)

select
    account,
    bill_month,
    compared_with,
    tag_key,
    case when not has_several_currencies then currencies end as billing_currency,
    month_state,
    case when not has_several_currencies then lines_cost end as detail_cost,
    compared_cost,
    case when not has_several_currencies then lines_cost - compared_cost end as difference,
    is_outdated or not starts_with(compared_with, 'summary') as is_informative,
    is_complete,
    coalesce(not has_several_currencies and lines_cost = compared_cost, false) as is_equal,
    nullif(
        concat_ws(
            ' ',
            compared.reason,
            case
                when has_several_currencies
                    then
                        'Bill lines are in several currencies (' || coalesce(currencies, 'none')
                        || '), which the other figures do not separate.'
                when compared_cost is null
                    then 'There is no ' || compared_with || ' to compare with.'
                when lines_cost <> compared_cost
                    then
                        'Bill lines sum to ' || lines_cost || ', the '
                        || concat_ws(' ', compared_with, tag_key)
                        || ' to ' || compared_cost || '.'
            end,
            case
                when is_outdated and lines_cost is distinct from compared_cost
                    then 'It was not requested since the bill was issued.'
            end
        ),
        ''
    ) as reason,
    as_of_at
from compared
