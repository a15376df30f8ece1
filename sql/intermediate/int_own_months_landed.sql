-- Whether an end customer's own bill of a month is landed and proven, and its line source.
-- Grain: one row per account and bill month whose own bill was requested.
-- Lines fetched page by page and lines of the file are the same money: one line source is chosen.
with

-- Lines with unread amounts are not proven: their sums are not the bill.
landed_slices as (
    select
        slices.* replace (
            case
                when unread.value_count > 0 and slices.proof = 'proven' then 'unproven'
                else slices.proof
            end as proof,
            nullif(concat_ws(' ', slices.reason, unread.reason), '') as reason
        )
    from staging.stg_landed_slices as slices
    left join intermediate.int_unread_lines as unread
        on
            slices.account = unread.account
            and slices.bill_month = unread.bill_month
            and slices.dataset = unread.dataset
            and unread.customer_uin is null
    where
        slices.dataset in ('own_bill_detail', 'own_bill_detail_files', 'own_bill_summary')
),

-- Rows kept from an earlier landing keep the state that the month had when they were proven.
dated as (
    select
        account,
        bill_month,
        dataset,
        slice_params,
        landed_rows,
        expected_rows,
        month_state,
        proof,
        reason,
        is_carried,
        proof <> 'failed' or landed_rows > 0 or proven_at is not null as is_landed,
        -- A tag key removed from the settings is not requested again: its sums from before the
        -- issue say nothing about the issued bill.
        dataset = 'own_bill_summary'
        and try(json_extract_string(slice_params, '$.TagKey[0]')) is not null
        and is_carried
        and proof <> 'failed'
        and not coalesce(is_proven_issued, false)
        and month_state = 'issued' as is_outdated,
        coalesce(is_proven_issued, false)
        and (
            proof = 'proven' or (is_carried and dataset = 'own_bill_detail_files')
        ) as is_final,
        coalesce(proven_at, case when not is_carried and proof <> 'failed' then requested_to_at end)
            as as_of_at,
        cast(bill_month || '-01 00:00:00+08:00' as timestamptz) + interval 1 month as ends_at
    from landed_slices
),

-- The lowest preference wins; 9 is never chosen.
-- 1: pages proven after the bill was issued.
-- 2: the file proven after the bill was issued.
-- 3: pages as they landed.
assessed as (
    select
        account,
        bill_month,
        dataset,
        slice_params,
        landed_rows,
        expected_rows,
        proof,
        reason,
        is_landed,
        as_of_at,
        -- A bill is issued at 01:00 on the 5th of the next month, in UTC+8 (document 1085/48339).
        case
            when not is_carried or as_of_at is null then month_state
            when as_of_at < ends_at then 'open'
            when as_of_at < ends_at + interval 97 hours then 'provisional'
            else 'issued'
        end as month_state,
        case
            when dataset = 'own_bill_detail' and is_final then 1
            when dataset = 'own_bill_detail_files' and is_final then 2
            when dataset = 'own_bill_detail' then 3
            else 9
        end as preference
    from dated
    where not coalesce(is_outdated, false)
),

grouped as (
    select
        account,
        bill_month,
        arg_min(
            struct_pack(
                dataset := dataset,
                landed_rows := landed_rows,
                expected_rows := expected_rows,
                proof := proof,
                reason := reason,
                is_landed := is_landed,
                as_of_at := as_of_at,
                month_state := month_state
            ),
            preference
        ) filter (where preference < 9) as chosen,
        string_agg(
            distinct dataset || ': ' || coalesce(reason, 'Not proven to be whole.'), ' '
        ) filter (where dataset = 'own_bill_summary' and proof <> 'proven') as summary_reason,
        bool_and(proof = 'proven') filter (where dataset = 'own_bill_summary') as has_summaries,
        min(as_of_at) filter (where dataset = 'own_bill_summary') as summary_as_of_at,
        min(month_state) as min_month_state
    from assessed
    group by account, bill_month
),

final as (
    select
        account,
        bill_month,
        case
            when chosen.dataset = 'own_bill_detail' then 'pages'
            when chosen.dataset is not null then 'files'
        end as line_source,
        coalesce(chosen.month_state, min_month_state) as month_state,
        coalesce(chosen.landed_rows, 0) as landed_rows,
        chosen.expected_rows,
        coalesce(
            chosen.proof = 'proven'
            and chosen.landed_rows >= coalesce(chosen.expected_rows, 0)
            and has_summaries,
            false
        ) as is_complete,
        nullif(
            concat_ws(
                ' ',
                case
                    when chosen.dataset is null then 'Not landed: own_bill_detail.'
                    when not chosen.is_landed
                        then
                            'own_bill_detail: nothing landed. '
                            || coalesce(chosen.reason, 'The pull failed.')
                    when chosen.proof <> 'proven'
                        then
                            chosen.dataset || ': '
                            || coalesce(chosen.reason, 'Not proven to be whole.')
                    when chosen.landed_rows < chosen.expected_rows
                        then
                            chosen.landed_rows || ' of ' || chosen.expected_rows
                            || ' bill lines landed.'
                end,
                case when has_summaries is null then 'Not landed: own_bill_summary.' end,
                summary_reason
            ),
            ''
        ) as reason,
        coalesce(chosen.is_landed, false) as has_bill_detail,
        least(chosen.as_of_at, summary_as_of_at) as as_of_at
    from grouped
)

select * from final
