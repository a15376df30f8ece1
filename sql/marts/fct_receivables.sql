-- What each customer was billed for a month, and how much of it is not paid yet.
-- Grain: one row per account, customer and bill month with a total, bill lines or an unpaid amount;
-- a customer of several accounts once.
-- Amounts may be summed over customers and months of one currency. The paid amount is inferred.
with

reconciliation as (
    select * from main.rpt_reconciliation
    where
        is_counted
        and (summary_cost is not null or unpaid_cost is not null or landed_rows > 0)
),

landed_slices as (
    select * from staging.stg_landed_slices
    where dataset = 'customer_bill_unpaid'
),

final as (
    select
        reconciliation.account,
        reconciliation.customer_uin,
        reconciliation.bill_month,
        reconciliation.billing_currency,
        reconciliation.month_state,
        reconciliation.summary_cost as billed_cost,
        reconciliation.unpaid_cost,
        reconciliation.paid_cost,
        case
            when reconciliation.summary_cost is null then 'The total of the bill has not landed.'
            when landed_slices.proof = 'proven' then null
            when landed_slices.proof is not null
                then coalesce(landed_slices.reason, 'The unpaid amount is not proven.')
            when reconciliation.unpaid_cost is null then 'The unpaid amount was not requested.'
        end as reason,
        coalesce(
            landed_slices.proven_at,
            case when landed_slices.proof <> 'failed' then landed_slices.requested_to_at end,
            reconciliation.as_of_at
        ) as as_of_at
    from reconciliation
    left join landed_slices
        on
            reconciliation.account = landed_slices.account
            and reconciliation.customer_uin = landed_slices.customer_uin
            and reconciliation.bill_month = landed_slices.bill_month
)

select * from final
