-- Monthly cost of an end customer's own bill by tag.
-- Grain: one row per account, bill month, tag key, tag value and currency.
-- Every tag key splits the same bill, so sum within one key and one currency only.
with

own_bill_lines as (
    select * from main.fct_own_bill_lines
),

-- A line from a file has its tags in columns such as tag_key:env, one for each key on the bill.
file_tags_read as (
    select
        account,
        bill_month,
        billing_currency,
        list_cost,
        billed_cost,
        is_complete,
        tag_values,
        list_filter(
            map_entries(try(from_json(other_columns, '"MAP(VARCHAR, VARCHAR)"'))),
            lambda tag: starts_with(lower(tag.key), 'tag_key:')
            and trim(coalesce(tag.value, '')) not in ('', '-')
        ) as tag_list,
        list_distinct(list_transform(tag_list, lambda tag: trim(tag.key[9:]))) as tag_names
    from own_bill_lines
),

tagged as (
    select
        account,
        bill_month,
        billing_currency,
        list_cost,
        billed_cost,
        is_complete,
        coalesce(
            tag_values,
            map(
                tag_names,
                list_transform(
                    tag_names,
                    lambda name: list_filter(
                        tag_list, lambda tag: trim(tag.key[9:]) = name
                    )[1].value
                )
            )
        ) as tag_values
    from file_tags_read
),

-- Lines with the same tags are summed up.
lines_summed as (
    select
        account,
        bill_month,
        billing_currency,
        tag_values,
        is_complete,
        count(*) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from tagged
    group by account, bill_month, billing_currency, tag_values, is_complete
),

tag_keys as (
    select distinct
        account,
        bill_month,
        unnest(map_keys(tag_values)) as tag_key
    from lines_summed
),

-- A month without any tag keeps one row without a key.
split as (
    select
        lines_summed.account,
        lines_summed.bill_month,
        tag_keys.tag_key,
        lines_summed.tag_values[tag_keys.tag_key] as tag_value,
        lines_summed.billing_currency,
        lines_summed.line_count,
        lines_summed.list_cost,
        lines_summed.billed_cost,
        lines_summed.is_complete
    from lines_summed
    left join tag_keys
        on
            lines_summed.account = tag_keys.account
            and lines_summed.bill_month = tag_keys.bill_month
),

final as (
    select
        account,
        bill_month,
        tag_key,
        tag_value,
        tag_value is not null as is_tagged,
        billing_currency,
        cast(sum(line_count) as bigint) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost,
        bool_and(is_complete) as is_complete
    from split
    group by account, bill_month, tag_key, tag_value, billing_currency
)

select * from final
