-- Monthly cost of an end customer's own bill by tag.
-- Grain: one row per account, bill month, tag key, tag value and currency.
-- Every tag key splits the same bill, so sum within one key and one currency only.
with

-- A line from a file has its tags in columns such as tag_key:env, one for each key on the bill.
tagged as (
    select
        *,
        list_filter(
            map_entries(try(from_json(other_columns, '"MAP(VARCHAR, VARCHAR)"'))),
            lambda tag: starts_with(lower(tag.key), 'tag_key:')
            and trim(coalesce(tag.value, '')) not in ('', '-')
        ) as tag_list,
        list_distinct(list_transform(tag_list, lambda tag: trim(tag.key[9:]))) as tag_names,
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
        ) as tags_read
    from main.fct_own_bill_lines
),

-- Lines with the same tags are summed up.
lines_summed as (
    select
        account,
        bill_month,
        billing_currency,
        tags_read,
        is_complete,
        count(*) as line_count,
        whole_sum(list_cost) as list_cost,
        sum(billed_cost) as billed_cost
    from tagged
    group by all
),

tag_keys as (
    select distinct
        account,
        bill_month,
        unnest(map_keys(tags_read)) as tag_key
    from lines_summed
)

-- A month without any tag keeps one row without a key.
select
    account,
    bill_month,
    tag_keys.tag_key,
    lines_summed.tags_read[tag_keys.tag_key] as tag_value,
    tag_value is not null as is_tagged,
    billing_currency,
    cast(sum(line_count) as bigint) as line_count,
    whole_sum(list_cost) as list_cost,
    sum(billed_cost) as billed_cost,
    bool_and(is_complete) as is_complete
from lines_summed
left join tag_keys using (account, bill_month)
group by all
