-- Changes of each bill since it first landed, since it was issued, and since the month was closed.
-- Grain: one row per account, customer, bill month and currency.
-- The costs of a row are the same money at several times: never add them up.
with

customer_costs as (
    select * from main.fct_monthly_costs
),

own_costs as (
    select * from main.fct_own_monthly_costs
),

closed_costs as (
    select * from staging.stg_closed_costs
),

closed_months as (
    select * from staging.stg_closed_months
),

changes as (
    select * from staging.stg_landed_changes
),

landed_slices as (
    select * from staging.stg_landed_slices
),

sourced as (
    select * from intermediate.int_customer_months_sourced
),

counted as (
    select * from intermediate.int_customer_months_counted
    where is_counted
),

own_months as (
    select * from intermediate.int_own_months_landed
),

-- A month is closed for all accounts at once.
months as (
    select distinct
        bill_month,
        release_id,
        closed_at
    from closed_months
),

-- Pages and files hold the same money: only changes of the dataset that the bill lines come from
-- are reported, and only for the account that counts the customer.
datasets_used as (
    select
        sourced.account,
        sourced.customer_uin,
        false as is_own_bill,
        sourced.bill_month,
        sourced.dataset,
        sourced.slice_params,
        sourced.line_source = 'pages' as is_any_slice
    from sourced
    semi join counted
        on
            sourced.account = counted.account
            and sourced.customer_uin = counted.customer_uin
            and sourced.bill_month = counted.bill_month
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        case
            when line_source = 'files' then 'own_bill_detail_files'
            else 'own_bill_detail'
        end as dataset,
        null as slice_params,
        true as is_any_slice
    from own_months
),

-- A pack lands for the account, not for a customer.
landings as (
    select
        datasets_used.account,
        datasets_used.customer_uin,
        datasets_used.is_own_bill,
        datasets_used.bill_month,
        datasets_used.dataset,
        datasets_used.slice_params,
        datasets_used.is_any_slice,
        min(landed_slices.first_landed_at) as first_landed_at,
        min(landed_slices.first_issued_at) as first_issued_at
    from datasets_used
    left join landed_slices
        on
            datasets_used.account = landed_slices.account
            and datasets_used.bill_month = landed_slices.bill_month
            and datasets_used.dataset = landed_slices.dataset
            and (
                landed_slices.customer_uin is null
                or datasets_used.customer_uin = landed_slices.customer_uin
            )
            and (
                datasets_used.is_any_slice
                or datasets_used.slice_params is not distinct from landed_slices.slice_params
            )
    group by
        datasets_used.account,
        datasets_used.customer_uin,
        datasets_used.is_own_bill,
        datasets_used.bill_month,
        datasets_used.dataset,
        datasets_used.slice_params,
        datasets_used.is_any_slice
),

-- Changes before the customer's own first landing are not changes of its bill.
changed as (
    select
        landings.account,
        landings.customer_uin,
        landings.is_own_bill,
        landings.bill_month,
        changes.billing_currency,
        changes.new_requested_at,
        coalesce(changes.new_requested_at > landings.first_issued_at, false) as is_since_issue,
        changes.is_appeared and not changes.is_paired as is_appeared,
        not changes.is_appeared and not changes.is_paired as is_vanished,
        changes.is_appeared and changes.is_paired as is_changed,
        case
            when changes.is_appeared then changes.billed_cost
            else -changes.billed_cost
        end as change_cost
    from landings
    inner join changes
        on
            landings.account = changes.account
            and landings.bill_month = changes.bill_month
            and landings.dataset = changes.dataset
            and coalesce(landings.customer_uin, '') = coalesce(changes.customer_uin, '')
            and (
                landings.is_any_slice
                or landings.slice_params is not distinct from changes.slice_params
            )
    where changes.new_requested_at > landings.first_landed_at
),

costs as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        billing_currency,
        0 as closed_cost,
        coalesce(billed_cost, 0) as current_cost
    from customer_costs
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        billing_currency,
        0 as closed_cost,
        coalesce(billed_cost, 0) as current_cost
    from own_costs
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        coalesce(billed_cost, 0) as closed_cost,
        0 as current_cost
    from closed_costs
),

facts as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        closed_cost,
        current_cost,
        null as new_requested_at,
        false as is_since_issue,
        false as is_appeared,
        false as is_vanished,
        false as is_changed,
        0 as change_cost
    from costs
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        0 as closed_cost,
        0 as current_cost,
        new_requested_at,
        is_since_issue,
        is_appeared,
        is_vanished,
        is_changed,
        change_cost
    from changed
),

summed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        max(new_requested_at) as last_changed_at,
        count(*) filter (where is_appeared) as appeared_line_count,
        count(*) filter (where is_vanished) as vanished_line_count,
        count(*) filter (where is_changed) as changed_line_count,
        coalesce(sum(change_cost), 0) as change_cost,
        count(*) filter (where is_appeared and is_since_issue) as appeared_line_count_since_issue,
        count(*) filter (where is_vanished and is_since_issue) as vanished_line_count_since_issue,
        count(*) filter (where is_changed and is_since_issue) as changed_line_count_since_issue,
        coalesce(sum(change_cost) filter (where is_since_issue), 0) as change_cost_since_issue,
        sum(closed_cost) as closed_cost,
        sum(current_cost) as current_cost
    from facts
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
),

final as (
    select
        summed.account,
        summed.customer_uin,
        summed.is_own_bill,
        summed.bill_month,
        summed.billing_currency,
        landings.first_landed_at,
        landings.first_issued_at,
        summed.last_changed_at,
        summed.current_cost - summed.change_cost as first_landed_cost,
        summed.appeared_line_count,
        summed.vanished_line_count,
        summed.changed_line_count,
        summed.change_cost,
        summed.appeared_line_count_since_issue,
        summed.vanished_line_count_since_issue,
        summed.changed_line_count_since_issue,
        summed.change_cost_since_issue,
        months.release_id as closed_release_id,
        months.closed_at,
        case when months.release_id is not null then summed.closed_cost end as closed_cost,
        summed.current_cost,
        case
            when months.release_id is not null
                then summed.current_cost - summed.closed_cost
        end as difference
    from summed
    left join landings
        on
            summed.account = landings.account
            and summed.bill_month = landings.bill_month
            and summed.is_own_bill = landings.is_own_bill
            and coalesce(summed.customer_uin, '') = coalesce(landings.customer_uin, '')
    left join months on summed.bill_month = months.bill_month
)

select * from final
