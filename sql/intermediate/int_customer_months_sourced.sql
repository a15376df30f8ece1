-- The line source of each customer and month: bill lines fetched page by page, or from files.
-- Grain: one row per account, customer and bill month with known bill lines.
-- Rows and costs of pages and files are the same money: never add them to each other.
with

files_summed as (
    select
        account,
        customer_uin,
        bill_month,
        slice_params,
        sum(billed_cost) as billed_cost
    from staging.stg_customer_bill_detail_files
    where source_dataset = 'customer_bill_detail_files'
    group by all
),

packs_summed as (
    select
        account,
        customer_uin,
        bill_month,
        slice_params,
        count(*) as landed_rows,
        sum(billed_cost) as billed_cost
    from staging.stg_customer_bill_detail_files
    where source_dataset = 'customer_bill_detail_packs' and customer_uin is not null
    group by all
),

assessed as (
    select
        *,
        is_slice_landed(proof, landed_rows, proven_at) as is_landed,
        -- Rows of a customer that left cannot be fetched again: if they were proven after the bill
        -- was issued, they stay proven.
        coalesce(is_proven_issued, false)
        and (proof = 'proven' or (is_carried and not is_listed)) as is_final
    from staging.stg_landed_slices
),

-- The lowest preference wins; 9 is never chosen.
-- 1: pages proven after the bill was issued.
-- 2, 3: files proven after that, even if not fetched again since: the customer's own, then packs.
-- 4: pages that could not be proven.
-- 5: no lines, if the issued sums by product say that nothing was billed: there is no file then.
-- 6: pages proven before the bill was issued.
candidates as (
    select
        *,
        'pages' as line_source,
        case when is_final then 1 when proof = 'proven' then 6 else 4 end as preference
    from assessed
    where dataset = 'customer_bill_detail'
    union all by name
    select
        assessed.* replace (coalesce(files_summed.billed_cost, 0) as billed_cost),
        'files' as line_source,
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
    union all by name
    select
        assessed.* replace (
            packs_summed.customer_uin as customer_uin,
            packs_summed.landed_rows as landed_rows,
            null as expected_rows,
            coalesce(packs_summed.billed_cost, 0) as billed_cost
        ),
        'files' as line_source,
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
    union all by name
    select
        * replace (0 as landed_rows, null as expected_rows, 0 as billed_cost),
        'files' as line_source,
        5 as preference
    from assessed
    where dataset = 'bill_summary_by_product' and is_final and landed_rows = 0
),

-- A customer may have two files of a month, as the account's own and as a reseller's customer: the
-- newer one counts.
ranked as (
    select
        *,
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
        arg_min(ranked, preference_rank) filter (where preference < 9) as chosen,
        max(billed_cost) filter (where line_source = 'pages') as page_cost,
        arg_min(ranked, preference_rank) filter (
            where line_source = 'files' and dataset <> 'bill_summary_by_product'
        ) as chosen_file
    from ranked
    group by all
)

select
    account,
    customer_uin,
    bill_month,
    chosen.line_source,
    chosen.dataset,
    chosen.slice_params,
    chosen.landed_rows,
    chosen.expected_rows,
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
    chosen_file.landed_rows as file_rows,
    cast(chosen_file.billed_cost as decimal(38, 8)) as file_cost
from grouped
