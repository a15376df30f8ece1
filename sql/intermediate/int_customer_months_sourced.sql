-- By which line_source the bill lines of a customer and month come: asked page by page, or from files.
-- Grain: one row per account, customer and bill month of which bill lines are known.
-- Rows and costs of pages and files are the same money: never add them to each other.
with

landed_customers as (
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

judged as (
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
        -- A customer that left cannot be asked again; what was proven since the close stays proven.
        coalesce(is_proven_issued, false)
        and (proof = 'proven' or (is_carried and not is_listed)) as is_final
    from landed_customers
),

-- The lowest preference is taken, and never 9: pages proven since the close; files so proven, the
-- customer's own before the pack; pages that could not be proven; nothing, if the service's sums by
-- product say since the close that nothing was billed, of which there is no file; pages proven
-- before the close. A file so proven that could not be had again is as good as it was.
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
    from judged
    where dataset = 'customer_bill_detail'
    union all
    select
        'files' as line_source,
        judged.dataset,
        judged.account,
        judged.customer_uin,
        judged.bill_month,
        judged.slice_params,
        judged.landed_rows,
        judged.expected_rows,
        coalesce(files_summed.billed_cost, 0) as billed_cost,
        judged.month_state,
        judged.proof,
        judged.proven_at,
        judged.requested_to_at,
        judged.reason,
        judged.is_listed,
        judged.is_carried,
        judged.is_proven_issued,
        case
            when judged.is_final then 2
            when judged.is_carried and judged.is_proven_issued then 3
            else 9
        end as preference
    from judged
    left join files_summed
        on
            judged.account = files_summed.account
            and judged.customer_uin = files_summed.customer_uin
            and judged.bill_month = files_summed.bill_month
            and judged.slice_params is not distinct from files_summed.slice_params
    where judged.dataset = 'customer_bill_detail_files' and judged.is_landed
    union all
    select
        'files' as line_source,
        judged.dataset,
        judged.account,
        packs_summed.customer_uin,
        judged.bill_month,
        judged.slice_params,
        packs_summed.landed_rows,
        null as expected_rows,
        coalesce(packs_summed.billed_cost, 0) as billed_cost,
        judged.month_state,
        judged.proof,
        judged.proven_at,
        judged.requested_to_at,
        judged.reason,
        judged.is_listed,
        judged.is_carried,
        judged.is_proven_issued,
        case
            when judged.is_final or (judged.is_carried and judged.is_proven_issued) then 3
            else 9
        end as preference
    from judged
    inner join packs_summed
        on
            judged.account = packs_summed.account
            and judged.bill_month = packs_summed.bill_month
            and judged.slice_params is not distinct from packs_summed.slice_params
    where judged.dataset = 'customer_bill_detail_packs'
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
    from judged
    where dataset = 'bill_summary_by_product' and is_final and landed_rows = 0
),

-- A customer may have two files of a month, as one's own and as a reseller's: the newer one counts.
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
        ) as place
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
            place
        ) filter (where preference < 9) as chosen,
        max(billed_cost) filter (where line_source = 'pages') as page_cost,
        arg_min(
            struct_pack(landed_rows := landed_rows, billed_cost := billed_cost), place
        ) filter (where line_source = 'files' and dataset <> 'bill_summary_by_product') as taken_file
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
        cast(taken_file.landed_rows as bigint) as file_rows,
        cast(taken_file.billed_cost as decimal(38, 8)) as file_cost
    from grouped
)

select * from final
