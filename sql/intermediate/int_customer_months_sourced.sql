-- The line source of each customer and month: bill lines fetched page by page, or from files.
-- Grain: one row per account, customer and bill month with known bill lines.
-- Rows and costs of pages and files are the same money: never add them to each other.
with

landed_slices as (
    select * from staging.stg_landed_slices
    where
        dataset in (
            'customer_bill_detail',
            'customer_bill_detail_files',
            'customer_bill_detail_packs',
            'bill_summary_by_product'
        )
),

file_lines as (
    select * from staging.stg_customer_bill_detail_files
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
    where customer_uin is not null
),

files_summed as (
    select
        account,
        customer_uin,
        bill_month,
        slice_params,
        count(*) as landed_rows,
        sum(billed_cost) as billed_cost
    from file_lines
    group by account, customer_uin, bill_month, slice_params
),

packs_summed as (
    select
        account,
        customer_uin,
        bill_month,
        slice_params,
        count(*) as landed_rows,
        sum(billed_cost) as billed_cost
    from pack_lines
    group by account, customer_uin, bill_month, slice_params
),

assessed as (
    select
        dataset,
        account,
        customer_uin,
        bill_month,
        slice_params,
        landed_rows,
        expected_rows,
        billed_cost,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        proof <> 'failed' or landed_rows > 0 or proven_at is not null as is_landed,
        -- Rows of a customer that left cannot be fetched again: if they were proven after the bill
        -- was issued, they stay proven.
        coalesce(is_proven_issued, false)
        and (proof = 'proven' or (is_carried and not is_listed)) as is_final
    from landed_slices
),

-- The lowest preference wins; 9 is never chosen.
-- 1: pages proven after the bill was issued.
-- 2, 3: files proven after that, even if not fetched again since: the customer's own, then packs.
-- 4: pages that could not be proven.
-- 5: no lines, if the issued sums by product say that nothing was billed: there is no file then.
-- 6: pages proven before the bill was issued.
candidates as (
    select
        'pages' as line_source,
        dataset,
        account,
        customer_uin,
        bill_month,
        slice_params,
        landed_rows,
        expected_rows,
        billed_cost,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        case
            when is_final then 1
            when proof = 'proven' then 6
            else 4
        end as preference
    from assessed
    where dataset = 'customer_bill_detail'
    union all
    select
        'files' as line_source,
        assessed.dataset,
        assessed.account,
        assessed.customer_uin,
        assessed.bill_month,
        assessed.slice_params,
        assessed.landed_rows,
        assessed.expected_rows,
        coalesce(files_summed.billed_cost, 0) as billed_cost,
        assessed.month_state,
        assessed.proof,
        assessed.proven_at,
        assessed.requested_to_at,
        assessed.reason,
        assessed.is_listed,
        assessed.is_carried,
        assessed.is_proven_issued,
        case
            when assessed.is_final then 2
            when assessed.is_carried and assessed.is_proven_issued then 3
            else 9
        end as preference
    from assessed
    left join files_summed
        on
            assessed.account = files_summed.account
            and assessed.customer_uin = files_summed.customer_uin
            and assessed.bill_month = files_summed.bill_month
            and assessed.slice_params is not distinct from files_summed.slice_params
    where assessed.dataset = 'customer_bill_detail_files' and assessed.is_landed
    union all
    select
        'files' as line_source,
        assessed.dataset,
        assessed.account,
        packs_summed.customer_uin,
        assessed.bill_month,
        assessed.slice_params,
        packs_summed.landed_rows,
        null as expected_rows,
        coalesce(packs_summed.billed_cost, 0) as billed_cost,
        assessed.month_state,
        assessed.proof,
        assessed.proven_at,
        assessed.requested_to_at,
        assessed.reason,
        assessed.is_listed,
        assessed.is_carried,
        assessed.is_proven_issued,
        case
            when assessed.is_final or (assessed.is_carried and assessed.is_proven_issued) then 3
            else 9
        end as preference
    from assessed
    inner join packs_summed
        on
            assessed.account = packs_summed.account
            and assessed.bill_month = packs_summed.bill_month
            and assessed.slice_params is not distinct from packs_summed.slice_params
    where assessed.dataset = 'customer_bill_detail_packs'
    union all
    select
        'files' as line_source,
        dataset,
        account,
        customer_uin,
        bill_month,
        slice_params,
        0 as landed_rows,
        null as expected_rows,
        0 as billed_cost,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        5 as preference
    from assessed
    where dataset = 'bill_summary_by_product' and is_final and landed_rows = 0
),

-- A customer may have two files of a month, as the account's own and as a reseller's customer: the
-- newer one counts.
ranked as (
    select
        line_source,
        dataset,
        account,
        customer_uin,
        bill_month,
        slice_params,
        landed_rows,
        expected_rows,
        billed_cost,
        month_state,
        proof,
        proven_at,
        requested_to_at,
        reason,
        is_listed,
        is_carried,
        is_proven_issued,
        preference,
        row_number() over (
            partition by account, customer_uin, bill_month
            order by preference asc, dataset asc, proven_at desc nulls last, slice_params asc
        ) as preference_rank
    from candidates
),

grouped as (
    select
        account,
        customer_uin,
        bill_month,
        arg_min(
            struct_pack(
                line_source := line_source,
                dataset := dataset,
                slice_params := slice_params,
                landed_rows := landed_rows,
                expected_rows := expected_rows,
                billed_cost := billed_cost,
                month_state := month_state,
                proof := proof,
                proven_at := proven_at,
                requested_to_at := requested_to_at,
                reason := reason,
                is_listed := is_listed,
                is_carried := is_carried,
                is_proven_issued := is_proven_issued
            ),
            preference_rank
        ) filter (where preference < 9) as chosen,
        max(billed_cost) filter (where line_source = 'pages') as page_cost,
        arg_min(
            struct_pack(landed_rows := landed_rows, billed_cost := billed_cost),
            preference_rank
        ) filter (
            where line_source = 'files' and dataset <> 'bill_summary_by_product'
        ) as chosen_file
    from ranked
    group by account, customer_uin, bill_month
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        chosen.line_source,
        chosen.dataset,
        chosen.slice_params,
        cast(chosen.landed_rows as bigint) as landed_rows,
        cast(chosen.expected_rows as bigint) as expected_rows,
        cast(chosen.billed_cost as decimal(38, 8)) as billed_cost,
        chosen.month_state,
        chosen.proof,
        chosen.proven_at,
        chosen.requested_to_at,
        chosen.reason,
        chosen.is_listed,
        chosen.is_carried,
        chosen.is_proven_issued,
        cast(page_cost as decimal(38, 8)) as page_cost,
        cast(chosen_file.landed_rows as bigint) as file_rows,
        cast(chosen_file.billed_cost as decimal(38, 8)) as file_cost
    from grouped
)

select * from final
