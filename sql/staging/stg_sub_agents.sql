-- Second-level resellers of a distributor, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a reseller may occur twice.
-- Never sum across days, nor the pools with the customers' credit, which is taken out of them.
with

landed as (
    select * from raw.sub_agents
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(SubAgentUin), ''), '-') as sub_agent_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Name), ''), '-') as sub_agent_name,
        nullif(nullif(trim(Email), ''), '-') as email,
        nullif(nullif(trim(Mobile), ''), '-') as phone_number,
        nullif(nullif(trim(Remark), ''), '-') as remark,
        nullif(nullif(trim(CountOfCustomers), ''), '-') as customer_count,
        nullif(nullif(nullif(trim(BindTime), ''), '-'), '0000-00-00 00:00:00') as bound_at,
        nullif(nullif(trim(Credit), ''), '-') as total_credit,
        nullif(nullif(trim(RemainingCredit), ''), '-') as remaining_credit,
        nullif(nullif(trim(Voucher), ''), '-') as total_voucher_quota,
        nullif(nullif(trim(RemainingVoucher), ''), '-') as remaining_voucher_quota,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        sub_agent_uin,
        snapshot_date,
        mask_texts(sub_agent_name) as sub_agent_name,
        mask_email(email) as email,
        mask_phone(phone_number) as phone_number,
        mask_texts(remark) as remark,
        try_cast(customer_count as bigint) as customer_count,
        -- Times carry no offset and are in UTC+8.
        try_cast(bound_at || '+08:00' as timestamptz) as bound_at,
        try_cast(total_credit as decimal(38, 8)) as total_credit,
        try_cast(remaining_credit as decimal(38, 8)) as remaining_credit,
        -- In USD, which the API's documents name for partners' and customers' own credit.
        'USD' as credit_currency,
        try_cast(total_voucher_quota as decimal(38, 8)) as total_voucher_quota,
        try_cast(remaining_voucher_quota as decimal(38, 8)) as remaining_voucher_quota,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            customer_count := customer_count,
            bound_at := bound_at,
            total_credit := total_credit,
            remaining_credit := remaining_credit,
            total_voucher_quota := total_voucher_quota,
            remaining_voucher_quota := remaining_voucher_quota
        ) as source
    from renamed
)

select * from final
