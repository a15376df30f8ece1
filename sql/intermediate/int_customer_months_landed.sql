-- Whether the bill lines and the four summaries of a customer and month are landed and proven.
-- Grain: one row per requested account, customer and bill month.
-- landed_rows and expected_rows count bill lines only, so they may be summed.
with

-- Bill lines count as customer_bill_detail, whatever their line source. Lines with unread amounts
-- are not proven: their sums are not the bill.
gathered as (
    select * from staging.stg_landed_slices
    where
        dataset in (
            'customer_bill_summary',
            'bill_summary_by_product',
            'bill_summary_by_region',
            'bill_summary_by_pay_mode'
        )
    union all by name
    select
        sourced.* replace (
            'customer_bill_detail' as dataset,
            case
                when unread.value_count > 0 and sourced.proof = 'proven' then 'unproven'
                else sourced.proof
            end as proof,
            sourced.is_proven_issued and unread.value_count is null as is_proven_issued,
            nullif(concat_ws(' ', sourced.reason, unread.reason), '') as reason
        )
    from intermediate.int_customer_months_sourced as sourced
    left join intermediate.int_unread_lines as unread
        on
            sourced.account = unread.account
            and sourced.customer_uin = unread.customer_uin
            and sourced.bill_month = unread.bill_month
            and sourced.dataset = unread.dataset
            and sourced.slice_params is not distinct from unread.slice_params
    where sourced.line_source is not null
),

-- Rows kept from an earlier landing keep the state that the month had when they were proven.
dated as (
    select
        *,
        -- Rows of a customer that left cannot be fetched again: if they were proven after the bill
        -- was issued, they stay proven.
        is_carried and is_proven_issued and not is_listed as is_settled,
        is_slice_landed(proof, landed_rows, proven_at) as is_landed,
        slice_as_of(proof, proven_at, is_carried, requested_to_at) as as_of_at
    from gathered
),

assessed as (
    select
        * replace (
            case
                when not is_carried or as_of_at is null then month_state
                else month_state_at(bill_month, as_of_at)
            end as month_state,
            case
                when proof = 'proven' then null
                when is_landed and is_carried and proof = 'failed'
                    then
                        dataset || ': rows of an earlier landing are kept. '
                        || coalesce(reason, 'The pull failed.')
                when is_landed then dataset || ': ' || coalesce(reason, 'Not proven to be whole.')
                else dataset || ': nothing landed. ' || coalesce(reason, 'The pull failed.')
            end as reason
        ),
        (proof = 'proven' and is_landed) or is_settled as is_proven
    from dated
),

grouped as (
    select
        account,
        customer_uin,
        bill_month,
        coalesce(arg_min(month_state, as_of_at), min(month_state)) as month_state,
        min(as_of_at) as as_of_at,
        coalesce(sum(landed_rows) filter (where dataset = 'customer_bill_detail'), 0)
            as landed_rows,
        sum(expected_rows) filter (where dataset = 'customer_bill_detail') as expected_rows,
        max(line_source) as line_source,
        list(dataset) filter (where is_landed) as landed_datasets,
        list_filter(
            [
                'bill_summary_by_pay_mode',
                'bill_summary_by_product',
                'bill_summary_by_region',
                'customer_bill_detail',
                'customer_bill_summary'
            ],
            lambda expected: not list_contains(list(dataset), expected)
        ) as missing_datasets,
        bool_and(is_proven) as is_proven,
        string_agg(reason, ' ' order by dataset) as reason
    from assessed
    group by account, customer_uin, bill_month
)

select
    grouped.account,
    grouped.customer_uin,
    grouped.bill_month,
    grouped.month_state,
    grouped.line_source,
    coalesce(counted.is_counted, true) as is_counted,
    cast(grouped.landed_rows as bigint) as landed_rows,
    cast(grouped.expected_rows as bigint) as expected_rows,
    grouped.is_proven
    and grouped.missing_datasets = []
    and grouped.landed_rows >= coalesce(grouped.expected_rows, 0) as is_complete,
    nullif(
        concat_ws(
            ' ',
            case
                when grouped.missing_datasets <> []
                    then 'Not landed: ' || array_to_string(grouped.missing_datasets, ', ') || '.'
            end,
            grouped.reason,
            case
                when grouped.landed_rows < grouped.expected_rows
                    then
                        grouped.landed_rows || ' of ' || grouped.expected_rows
                        || ' bill lines landed.'
            end
        ),
        ''
    ) as reason,
    coalesce(list_contains(grouped.landed_datasets, 'customer_bill_detail'), false)
        as has_bill_detail,
    coalesce(list_contains(grouped.landed_datasets, 'customer_bill_summary'), false)
        as has_bill_summary,
    coalesce(list_contains(grouped.landed_datasets, 'bill_summary_by_product'), false)
        as has_summary_by_product,
    coalesce(list_contains(grouped.landed_datasets, 'bill_summary_by_region'), false)
        as has_summary_by_region,
    coalesce(list_contains(grouped.landed_datasets, 'bill_summary_by_pay_mode'), false)
        as has_summary_by_pay_mode,
    grouped.as_of_at
from grouped
left join intermediate.int_customer_months_counted as counted
    using (account, customer_uin, bill_month)
