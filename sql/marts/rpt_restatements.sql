-- Changes of each bill since it first landed, since it was issued, and since the month was closed.
-- Grain: one row per account, customer, bill month and currency.
-- The costs of a row are the same money at several times: never add them up.
with

-- A month is closed for all accounts at once.
months as (
    select distinct
        bill_month,
        release_id,
        closed_at
    from staging.stg_closed_months
),

landings as (
    select * from intermediate.int_bills_first_landed
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
        case when changes.is_appeared then changes.billed_cost else -changes.billed_cost end
            as change_cost
    from landings
    inner join staging.stg_landed_changes as changes
        on
            landings.account = changes.account
            and landings.bill_month = changes.bill_month
            and landings.dataset = changes.dataset
            and landings.customer_uin is not distinct from changes.customer_uin
            and (
                landings.is_any_slice
                or landings.slice_params is not distinct from changes.slice_params
            )
    where changes.new_requested_at > landings.first_landed_at
),

facts as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        billed_cost as current_cost
    from intermediate.int_monthly_costs
    union all by name
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        billed_cost as closed_cost
    from staging.stg_closed_costs
    union all by name
    select * from changed
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
        coalesce(sum(closed_cost), 0) as cost_when_closed,
        coalesce(sum(current_cost), 0) as current_cost
    from facts
    group by all
),

-- A bill whose landed files are gone or unreadable is unknown, not nothing.
known as (
    select
        summed.* replace (
            case when bills.bill_month is not null then summed.current_cost end as current_cost
        )
    from summed
    left join intermediate.int_bills_known as bills
        on
            summed.is_own_bill = bills.is_own_bill
            and coalesce(summed.customer_uin, summed.account) = bills.bill_owner
            and summed.bill_month = bills.bill_month
)

select
    known.* exclude (cost_when_closed),
    landings.first_landed_at,
    landings.first_issued_at,
    current_cost - change_cost as first_landed_cost,
    months.release_id as closed_release_id,
    months.closed_at,
    case when months.release_id is not null then cost_when_closed end as closed_cost,
    case when months.release_id is not null then current_cost - cost_when_closed end as difference
from known
left join months using (bill_month)
left join landings
    on
        known.account = landings.account
        and known.bill_month = landings.bill_month
        and known.is_own_bill = landings.is_own_bill
        and known.customer_uin is not distinct from landings.customer_uin
