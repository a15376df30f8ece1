-- Why a month should not be closed yet. Grain: one row per objection of an account or customer.
with

bills as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        month_state,
        is_complete and is_reconciled as is_fine,
        reason
    from main.rpt_reconciliation
    where bill_month = $month and coalesce(is_counted, true)
    union all by name
    select
        account,
        true as is_own_bill,
        month_state,
        is_complete and (coalesce(is_equal, false) or is_informative) as is_fine,
        reason
    from main.rpt_own_reconciliation
    where bill_month = $month
),

of_bills as (
    select
        *,
        'landed while the month was ' || month_state || '.' as objection
    from bills
    where month_state <> 'issued'
    union all by name
    select
        *,
        coalesce(reason, 'not complete or not reconciled.') as objection
    from bills
    where not is_fine
),

of_accounts as (
    select
        account,
        is_own_bill,
        case
            when month_state <> 'issued' then 'landed while the month was ' || month_state || '.'
            else 'not complete or not reconciled.'
        end as objection
    from main.dim_bill_months
    where bill_month = $month and not (month_state = 'issued' and is_complete and is_reconciled)
    union all by name
    select
        account,
        is_own_bill,
        'nothing of the month has landed.' as objection
    from main.dim_bill_months
    group by all
    having not bool_or(bill_month = $month)
),

objections as (
    select
        account,
        customer_uin,
        objection
    from of_bills
    union by name
    select
        of_accounts.account,
        of_accounts.objection
    from of_accounts
    anti join of_bills using (account, is_own_bill)
    union by name
    select
        counted_by_account as account,
        customer_uin,
        'accounts that both have this customer landed different bills for it.' as objection
    from main.rpt_shared_customers
    where bill_month = $month and not is_agreed
)

select account || coalesce(', customer ' || customer_uin, '') || ': ' || objection as objection
from objections
order by all
