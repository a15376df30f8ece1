-- Whether the bill lines and the four summaries of a customer and month are landed and proven.
-- Grain: one row per requested account, customer and bill month.
-- landed_rows and expected_rows count bill lines only, so they may be summed.
with

landed_slices as (
    select * from staging.stg_landed_slices
    where
        dataset in (
            'customer_bill_summary',
            'bill_summary_by_product',
            'bill_summary_by_region',
            'bill_summary_by_pay_mode'
        )
),

-- Lines with unread amounts are not proven: their sums are not the bill.
sourced as (
    select
        sourced.* replace (
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

counted as (
    select * from intermediate.int_customer_months_counted
),

-- Bill lines count as customer_bill_detail, whatever their line source.
gathered as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        landed_rows,
        expected_rows,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        null as line_source
    from landed_slices
    union all
    select
        account,
        customer_uin,
        bill_month,
        'customer_bill_detail' as dataset,
        landed_rows,
        expected_rows,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        line_source
    from sourced
),

-- Rows kept from an earlier landing keep the state that the month had when they were proven.
dated as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        landed_rows,
        expected_rows,
        month_state,
        proof,
        reason,
        is_carried,
        line_source,
        -- Rows of a customer that left cannot be fetched again: if they were proven after the bill
        -- was issued, they stay proven.
        is_carried and is_proven_issued and not is_listed as is_settled,
        proof <> 'failed' or landed_rows > 0 or proven_at is not null as is_landed,
        coalesce(proven_at, case when not is_carried and proof <> 'failed' then requested_to_at end)
            as as_of_at,
        cast(bill_month || '-01 00:00:00+08:00' as timestamptz) + interval 1 month as ends_at
    from gathered
),

assessed as (
    select
        account,
        customer_uin,
        bill_month,
        dataset,
        landed_rows,
        expected_rows,
        line_source,
        is_landed,
        as_of_at,
        (proof = 'proven' and is_landed) or is_settled as is_proven,
        -- A bill is issued at 01:00 on the 5th of the next month, in UTC+8 (document 1085/48339).
        case
            when not is_carried or as_of_at is null then month_state
            when as_of_at < ends_at then 'open'
            when as_of_at < ends_at + interval 97 hours then 'provisional'
            else 'issued'
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
    from dated
),

grouped as (
    select
        account,
        customer_uin,
        bill_month,
        coalesce(arg_min(month_state, as_of_at), min(month_state)) as month_state,
        min(as_of_at) as as_of_at,
        sum(landed_rows) filter (where dataset = 'customer_bill_detail') as landed_rows,
        sum(expected_rows) filter (where dataset = 'customer_bill_detail') as expected_rows,
        max(line_source) as line_source,
        list(dataset order by dataset) as requested_datasets,
        list(dataset order by dataset) filter (where is_landed) as landed_datasets,
        bool_and(is_proven) as is_proven,
        string_agg(reason, ' ' order by dataset) as reason
    from assessed
    group by account, customer_uin, bill_month
),

compared as (
    select
        account,
        customer_uin,
        bill_month,
        month_state,
        as_of_at,
        is_proven,
        reason,
        line_source,
        cast(coalesce(landed_rows, 0) as bigint) as landed_rows,
        cast(expected_rows as bigint) as expected_rows,
        coalesce(landed_datasets, []) as landed_datasets,
        list_filter(
            [
                'bill_summary_by_pay_mode',
                'bill_summary_by_product',
                'bill_summary_by_region',
                'customer_bill_detail',
                'customer_bill_summary'
            ],
            lambda dataset: not list_contains(requested_datasets, dataset)
        ) as missing_datasets
    from grouped
),

final as (
    select
        compared.account,
        compared.customer_uin,
        compared.bill_month,
        compared.month_state,
        compared.line_source,
        coalesce(counted.is_counted, true) as is_counted,
        compared.landed_rows,
        compared.expected_rows,
        compared.is_proven
        and len(compared.missing_datasets) = 0
        and compared.landed_rows >= coalesce(compared.expected_rows, 0) as is_complete,
        nullif(
            concat_ws(
                ' ',
                case
                    when len(compared.missing_datasets) > 0
                        then
                            'Not landed: ' || array_to_string(compared.missing_datasets, ', ')
                            || '.'
                end,
                compared.reason,
                case
                    when compared.landed_rows < compared.expected_rows
                        then
                            compared.landed_rows || ' of ' || compared.expected_rows
                            || ' bill lines landed.'
                end
            ),
            ''
        ) as reason,
        list_contains(compared.landed_datasets, 'customer_bill_detail') as has_bill_detail,
        list_contains(compared.landed_datasets, 'customer_bill_summary') as has_bill_summary,
        list_contains(compared.landed_datasets, 'bill_summary_by_product')
            as has_summary_by_product,
        list_contains(compared.landed_datasets, 'bill_summary_by_region') as has_summary_by_region,
        list_contains(compared.landed_datasets, 'bill_summary_by_pay_mode')
            as has_summary_by_pay_mode,
        compared.as_of_at
    from compared
    left join counted
        on
            compared.account = counted.account
            and compared.customer_uin = counted.customer_uin
            and compared.bill_month = counted.bill_month
)

select * from final
