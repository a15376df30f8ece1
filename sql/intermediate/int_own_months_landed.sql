-- Whether an end customer's own bill of a month is landed and proven, and its line source.
-- Grain: one row per account and bill month whose own bill was requested.
-- Lines fetched page by page and lines of the file are the same money: one line source is chosen.
with

-- The sums of lines with unread amounts are not the bill.
unread as (
    select
        account,
        bill_month,
        dataset,
        reason as unread_reason
    from intermediate.int_unread_lines
    where customer_uin is null
),

-- Rows kept from an earlier landing keep the state that the month had when they were proven.
dated as (
    select
        *,
        is_slice_landed(proof, landed_rows, proven_at) as is_landed,
        coalesce(is_proven_issued, false)
        and (
            proof = 'proven' or (is_carried and dataset = 'own_bill_detail_files')
        ) as is_final,
        slice_as_of(proof, proven_at, is_carried, requested_to_at) as as_of_at
    from staging.stg_landed_slices
    left join unread using (account, bill_month, dataset)
    where
        dataset in ('own_bill_detail', 'own_bill_detail_files', 'own_bill_summary')
        and not (
            dataset = 'own_bill_summary'
            and is_outdated_tag(slice_params, proof, is_carried, is_proven_issued, month_state)
        )
),

-- The lowest preference wins; 9 is never chosen.
-- 1: pages proven after the bill was issued.
-- 2: the file proven after the bill was issued.
-- 3: pages as they landed.
assessed as (
    select
        * replace (
            case
                when not is_carried or as_of_at is null then month_state
                else month_state_at(bill_month, as_of_at)
            end as month_state
        ),
        case
            when dataset = 'own_bill_detail' and is_final then 1
            when dataset = 'own_bill_detail_files' and is_final then 2
            when dataset = 'own_bill_detail' then 3
            else 9
        end as preference
    from dated
),

grouped as (
    select
        account,
        bill_month,
        arg_min(assessed, preference) filter (where preference < 9) as chosen,
        string_agg(
            distinct dataset || ': ' || coalesce(reason, 'Not proven to be whole.'), ' '
        ) filter (where dataset = 'own_bill_summary' and proof <> 'proven') as summary_reason,
        bool_and(proof = 'proven') filter (where dataset = 'own_bill_summary') as has_summaries,
        min(as_of_at) filter (where dataset = 'own_bill_summary') as summary_as_of_at,
        min(month_state) as min_month_state
    from assessed
    group by all
)

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
        and has_summaries
        and chosen.unread_reason is null,
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
            summary_reason,
            chosen.unread_reason
        ),
        ''
    ) as reason,
    coalesce(chosen.is_landed, false) as has_bill_detail,
    least(chosen.as_of_at, summary_as_of_at) as as_of_at
from grouped
