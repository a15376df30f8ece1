-- Comparison of an end customer's own bill with the service's other figures of the month: its
-- summaries by product, project and each tag, and, for information, cost explorer and bill files.
-- Grain: one row per account, bill month, thing compared with and tag key.
-- All costs are the same money: never add them up.
with

own_months as (
    select * from intermediate.int_own_months_landed
),

own_lines as (
    select * from main.fct_own_bill_lines
),

landed_customers as (
    select * from staging.stg_landed_slices
    where proof <> 'failed' or landed_rows > 0 or proven_at is not null
),

summaries as (
    select * from staging.stg_own_bill_summary
),

explorer as (
    select * from staging.stg_own_cost_explorer
    where dimension = 'Default' and fee_type = 'totalCost'
),

page_lines as (
    select * from staging.stg_own_bill_detail
),

file_lines as (
    select * from staging.stg_own_bill_detail_files
),

resource_rows as (
    select * from staging.stg_own_bill_resource_files
),

lines_summed as (
    select
        account,
        bill_month,
        count(distinct coalesce(billing_currency, '')) as currency_count,
        string_agg(distinct billing_currency, ', ' order by billing_currency) as currencies,
        sum(billed_cost) as billed_cost
    from own_lines
    group by account, bill_month
),

-- What was asked for and landed, be it nothing.
landed_things as (
    select
        account,
        bill_month,
        case
            when dataset = 'own_bill_summary'
                then 'summary by ' || try(json_extract_string(slice_params, 'GroupType'))
            when dataset = 'own_cost_explorer' then 'cost explorer'
            when dataset = 'own_bill_detail' then 'bill lines asked page by page'
            when dataset = 'own_bill_detail_files' then 'bill file'
            when dataset = 'own_bill_resource_files' then 'bill file by resource'
        end as compared_with,
        try(json_extract_string(slice_params, '$.TagKey[0]')) as tag_key,
        -- A tag key that the settings name no longer is not asked again: what it told before the
        -- close is no measure of the bill that is out.
        coalesce(
            dataset = 'own_bill_summary'
            and tag_key is not null
            and is_carried
            and proof <> 'failed'
            and not coalesce(is_proven_issued, false)
            and month_state = 'issued',
            false
        ) as is_left_over
    from landed_customers
    where
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
),

costs as (
    select
        account,
        bill_month,
        'summary by ' || group_type as compared_with,
        tag_key,
        billed_cost
    from summaries
    union all
    select
        account,
        bill_month,
        'cost explorer' as compared_with,
        null as tag_key,
        daily_cost as billed_cost
    from explorer
    union all
    select
        account,
        bill_month,
        'bill lines asked page by page' as compared_with,
        null as tag_key,
        billed_cost
    from page_lines
    union all
    select
        account,
        bill_month,
        'bill file' as compared_with,
        null as tag_key,
        billed_cost
    from file_lines
    union all
    select
        account,
        bill_month,
        'bill file by resource' as compared_with,
        null as tag_key,
        billed_cost
    from resource_rows
),

costs_summed as (
    select
        account,
        bill_month,
        compared_with,
        tag_key,
        sum(billed_cost) as billed_cost
    from costs
    group by account, bill_month, compared_with, tag_key
),

-- The summaries by product and by project are always asked for; the line_source taken is not compared
-- with itself.
wanted as (
    select
        account,
        bill_month,
        unnest(['summary by product', 'summary by project']) as compared_with,
        null as tag_key
    from own_months
    union
    select
        landed_things.account,
        landed_things.bill_month,
        landed_things.compared_with,
        landed_things.tag_key
    from landed_things
    inner join own_months
        on
            landed_things.account = own_months.account
            and landed_things.bill_month = own_months.bill_month
    where
        landed_things.compared_with
        <> case
            when own_months.line_source = 'files' then 'bill file'
            else 'bill lines asked page by page'
        end
),

compared as (
    select
        wanted.account,
        wanted.bill_month,
        wanted.compared_with,
        wanted.tag_key,
        own_months.month_state,
        own_months.is_complete,
        own_months.reason,
        own_months.as_of_at,
        lines_summed.currencies,
        coalesce(lines_summed.currency_count, 0) > 1 as has_several_currencies,
        case when own_months.has_bill_detail then coalesce(lines_summed.billed_cost, 0) end
            as detail_cost,
        case
            when landed_things.compared_with is not null then coalesce(costs_summed.billed_cost, 0)
        end as compared_cost,
        coalesce(landed_things.is_left_over, false) as is_left_over
    from wanted
    inner join own_months
        on
            wanted.account = own_months.account
            and wanted.bill_month = own_months.bill_month
    left join landed_things
        on
            wanted.account = landed_things.account
            and wanted.bill_month = landed_things.bill_month
            and wanted.compared_with = landed_things.compared_with
            and wanted.tag_key is not distinct from landed_things.tag_key
    left join costs_summed
        on
            wanted.account = costs_summed.account
            and wanted.bill_month = costs_summed.bill_month
            and wanted.compared_with = costs_summed.compared_with
            and wanted.tag_key is not distinct from costs_summed.tag_key
    left join lines_summed
        on
            wanted.account = lines_summed.account
            and wanted.bill_month = lines_summed.bill_month
),

final as (
    select
        account,
        bill_month,
        compared_with,
        tag_key,
        case when not has_several_currencies then currencies end as billing_currency,
        month_state,
        case when not has_several_currencies then detail_cost end as detail_cost,
        compared_cost,
        case when not has_several_currencies then detail_cost - compared_cost end as difference,
        is_left_over or not starts_with(compared_with, 'summary') as is_informative,
        is_complete,
        coalesce(not has_several_currencies and detail_cost = compared_cost, false) as is_equal,
        nullif(
            concat_ws(
                ' ',
                reason,
                case
                    when has_several_currencies
                        then
                            'Bill lines are in several currencies (' || coalesce(currencies, 'none')
                            || '), which nothing else tells apart.'
                    when compared_cost is null
                        then 'There is no ' || compared_with || ' to compare with.'
                    when detail_cost <> compared_cost
                        then
                            'Bill lines sum to ' || detail_cost || ', the '
                            || concat_ws(' ', compared_with, tag_key)
                            || ' to ' || compared_cost || '.'
                end,
                case
                    when is_left_over and detail_cost is distinct from compared_cost
                        then 'It was not asked since the bill was out.'
                end
            ),
            ''
        ) as reason,
        as_of_at
    from compared
)

select * from final
