-- Each customer's and each own bill's month beside the calendar month before it.
-- Grain: one row per account, customer or own bill, and bill month that landed, or that came after
-- one that did and landed for somebody else of the account.
-- Flags only: there is nothing to sum.
with

reconciliation as (
    select * from main.rpt_reconciliation
    where
        coalesce(is_counted, true)
        and (landed_rows > 0 or detail_cost is not null)
),

own_months as (
    select * from main.dim_bill_months
    where is_own_bill and (bill_line_count > 0 or is_complete)
),

landed as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at
    from reconciliation
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at
    from own_months
),

neighboured as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at,
        strftime(cast(bill_month || '-01' as date) + interval 1 month, '%Y-%m') as next_bill_month
    from landed
),

months_of_accounts as (
    select distinct
        account,
        is_own_bill,
        bill_month
    from landed
),

wanted as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month
    from landed
    union
    select
        neighboured.account,
        neighboured.customer_uin,
        neighboured.is_own_bill,
        neighboured.next_bill_month as bill_month
    from neighboured
    semi join months_of_accounts
        on
            neighboured.account = months_of_accounts.account
            and neighboured.is_own_bill = months_of_accounts.is_own_bill
            and neighboured.next_bill_month = months_of_accounts.bill_month
),

-- A day's usage is on the bill some hours after it ended: 1 for most products, 7 in files
-- (document 1085/48339). least() would pass over a null.
final as (
    select
        wanted.account,
        wanted.customer_uin,
        wanted.is_own_bill,
        wanted.bill_month,
        strftime(cast(wanted.bill_month || '-01' as date) - interval 1 month, '%Y-%m')
            as previous_bill_month,
        landed.bill_month is not null as is_landed,
        neighboured.bill_month is not null as is_previous_landed,
        landed.month_state,
        neighboured.month_state as previous_month_state,
        coalesce(landed.is_complete, false) as is_complete,
        coalesce(neighboured.is_complete, false) as is_previous_complete,
        case
            when landed.as_of_at is not null
                then
                    least(
                        cast(
                            (landed.as_of_at - interval 7 hours) at time zone 'Asia/Shanghai'
                            as date
                        ) - 1,
                        last_day(cast(wanted.bill_month || '-01' as date))
                    )
        end as as_of_date
    from wanted
    left join landed
        on
            wanted.account = landed.account
            and wanted.is_own_bill = landed.is_own_bill
            and wanted.bill_month = landed.bill_month
            and wanted.customer_uin is not distinct from landed.customer_uin
    left join neighboured
        on
            wanted.account = neighboured.account
            and wanted.is_own_bill = neighboured.is_own_bill
            and wanted.bill_month = neighboured.next_bill_month
            and wanted.customer_uin is not distinct from neighboured.customer_uin
)

select * from final
