-- No value of a snapshot is lost or rounded when staging casts it.
-- Grain: one row per value that is lost or rounded.
with

customer_info as (
    select * from staging.stg_customer_info
),

account_verification as (
    select * from staging.stg_account_verification
),

sub_agents as (
    select * from staging.stg_sub_agents
),

indirect_customers as (
    select * from staging.stg_indirect_customers
),

pending_clients as (
    select * from staging.stg_pending_clients
),

pending_sub_agents as (
    select * from staging.stg_pending_sub_agents
),

invitations as (
    select * from staging.stg_invitations
),

partner_credit as (
    select * from staging.stg_partner_credit
),

customers_credit as (
    select * from staging.stg_customers_credit
),

direct_customers_credit as (
    select * from staging.stg_direct_customers_credit
),

credit_by_uin as (
    select * from staging.stg_credit_by_uin
),

credit_allocation_history as (
    select * from staging.stg_credit_allocation_history
),

own_billing_quota as (
    select * from staging.stg_own_billing_quota
),

voucher_pool as (
    select * from staging.stg_voucher_pool
),

voucher_amounts as (
    select * from staging.stg_voucher_amounts
),

voucher_lists as (
    select * from staging.stg_voucher_lists
),

customer_vouchers as (
    select * from staging.stg_customer_vouchers
),

own_vouchers as (
    select * from staging.stg_own_vouchers
),

policy_products as (
    select * from staging.stg_policy_products
),

industries as (
    select * from staging.stg_industries
),

-- kept_decimals: decimals that the type can hold; null where none can be lost.
unpivoted as (
    select
        account,
        snapshot_date,
        'customer_info' as dataset,
        request_id,
        page_position,
        unnest([
            'has_expense',
            'bound_at',
            'cid_registered_at',
            'uin_registered_at',
            'verified_at'
        ]) as column_name,
        unnest([
            source.has_expense,
            source.bound_at,
            source.cid_registered_at,
            source.uin_registered_at,
            source.verified_at
        ]) as source_text,
        unnest([
            has_expense is null,
            bound_at is null,
            cid_registered_at is null,
            uin_registered_at is null,
            verified_at is null
        ]) as is_lost,
        unnest([null, null, null, null, null]) as kept_decimals
    from customer_info
    union all
    select
        account,
        snapshot_date,
        'account_verification' as dataset,
        request_id,
        page_position,
        unnest(['is_verified']) as column_name,
        unnest([source.is_verified]) as source_text,
        unnest([is_verified is null]) as is_lost,
        unnest([null]) as kept_decimals
    from account_verification
    union all
    select
        account,
        snapshot_date,
        'sub_agents' as dataset,
        request_id,
        page_position,
        unnest([
            'customer_count',
            'bound_at',
            'total_credit',
            'remaining_credit',
            'total_voucher_quota',
            'remaining_voucher_quota'
        ]) as column_name,
        unnest([
            source.customer_count,
            source.bound_at,
            source.total_credit,
            source.remaining_credit,
            source.total_voucher_quota,
            source.remaining_voucher_quota
        ]) as source_text,
        unnest([
            customer_count is null,
            bound_at is null,
            total_credit is null,
            remaining_credit is null,
            total_voucher_quota is null,
            remaining_voucher_quota is null
        ]) as is_lost,
        unnest([0, null, 8, 8, 8, 8]) as kept_decimals
    from sub_agents
    union all
    select
        account,
        snapshot_date,
        'indirect_customers' as dataset,
        request_id,
        page_position,
        unnest(['bound_at']) as column_name,
        unnest([source.bound_at]) as source_text,
        unnest([bound_at is null]) as is_lost,
        unnest([null]) as kept_decimals
    from indirect_customers
    union all
    select
        account,
        snapshot_date,
        'pending_clients' as dataset,
        request_id,
        page_position,
        unnest(['applied_at']) as column_name,
        unnest([source.applied_at]) as source_text,
        unnest([applied_at is null]) as is_lost,
        unnest([null]) as kept_decimals
    from pending_clients
    union all
    select
        account,
        snapshot_date,
        'pending_sub_agents' as dataset,
        request_id,
        page_position,
        unnest(['applied_at']) as column_name,
        unnest([source.applied_at]) as source_text,
        unnest([applied_at is null]) as is_lost,
        unnest([null]) as kept_decimals
    from pending_sub_agents
    union all
    select
        account,
        snapshot_date,
        'invitations' as dataset,
        request_id,
        page_position,
        unnest(['created_at', 'used_at', 'bound_at']) as column_name,
        unnest([source.created_at, source.used_at, source.bound_at]) as source_text,
        unnest([created_at is null, used_at is null, bound_at is null]) as is_lost,
        unnest([null, null, null]) as kept_decimals
    from invitations
    union all
    select
        account,
        snapshot_date,
        'partner_credit' as dataset,
        request_id,
        page_position,
        unnest([
            'total_credit',
            'allocated_credit',
            'remaining_credit',
            'customer_total_credit',
            'customer_remaining_credit'
        ]) as column_name,
        unnest([
            source.total_credit,
            source.allocated_credit,
            source.remaining_credit,
            source.customer_total_credit,
            source.customer_remaining_credit
        ]) as source_text,
        unnest([
            total_credit is null,
            allocated_credit is null,
            remaining_credit is null,
            customer_total_credit is null,
            customer_remaining_credit is null
        ]) as is_lost,
        unnest([8, 8, 8, 8, 8]) as kept_decimals
    from partner_credit
    union all
    select
        account,
        snapshot_date,
        'customers_credit' as dataset,
        request_id,
        page_position,
        unnest(['bound_at', 'recent_expiry_at', 'total_credit', 'remaining_credit']) as column_name,
        unnest([
            source.bound_at,
            source.recent_expiry_at,
            source.total_credit,
            source.remaining_credit
        ]) as source_text,
        unnest([
            bound_at is null,
            recent_expiry_at is null,
            total_credit is null,
            remaining_credit is null
        ]) as is_lost,
        unnest([null, null, 8, 8]) as kept_decimals
    from customers_credit
    union all
    select
        account,
        snapshot_date,
        'direct_customers_credit' as dataset,
        request_id,
        page_position,
        unnest(['total_credit', 'remaining_credit']) as column_name,
        unnest([source.total_credit, source.remaining_credit]) as source_text,
        unnest([total_credit is null, remaining_credit is null]) as is_lost,
        unnest([8, 8]) as kept_decimals
    from direct_customers_credit
    union all
    select
        account,
        snapshot_date,
        'credit_by_uin' as dataset,
        request_id,
        page_position,
        unnest(['total_credit', 'remaining_credit']) as column_name,
        unnest([source.total_credit, source.remaining_credit]) as source_text,
        unnest([total_credit is null, remaining_credit is null]) as is_lost,
        unnest([8, 8]) as kept_decimals
    from credit_by_uin
    union all
    select
        account,
        snapshot_date,
        'credit_allocation_history' as dataset,
        request_id,
        page_position,
        unnest([
            'allocated_at',
            'credit_change',
            'total_credit_after',
            'remaining_credit_after'
        ]) as column_name,
        unnest([
            source.allocated_at,
            source.credit_change,
            source.total_credit_after,
            source.remaining_credit_after
        ]) as source_text,
        unnest([
            allocated_at is null,
            credit_change is null,
            total_credit_after is null,
            remaining_credit_after is null
        ]) as is_lost,
        unnest([null, 8, 8, 8]) as kept_decimals
    from credit_allocation_history
    union all
    select
        account,
        snapshot_date,
        'own_billing_quota' as dataset,
        request_id,
        page_position,
        unnest([
            'total_credit',
            'remaining_credit',
            'remaining_voucher_amount',
            'prepay_frozen_amount',
            'postpay_frozen_amount'
        ]) as column_name,
        unnest([
            source.total_credit,
            source.remaining_credit,
            source.remaining_voucher_amount,
            source.prepay_frozen_amount,
            source.postpay_frozen_amount
        ]) as source_text,
        unnest([
            total_credit is null,
            remaining_credit is null,
            remaining_voucher_amount is null,
            prepay_frozen_amount is null,
            postpay_frozen_amount is null
        ]) as is_lost,
        unnest([8, 8, 8, 8, 8]) as kept_decimals
    from own_billing_quota
    union all
    select
        account,
        snapshot_date,
        'voucher_pool' as dataset,
        request_id,
        page_position,
        unnest([
            'total_voucher_quota',
            'remaining_voucher_quota',
            'issued_voucher_count'
        ]) as column_name,
        unnest([
            source.total_voucher_quota,
            source.remaining_voucher_quota,
            source.issued_voucher_count
        ]) as source_text,
        unnest([
            total_voucher_quota is null,
            remaining_voucher_quota is null,
            issued_voucher_count is null
        ]) as is_lost,
        unnest([8, 8, 0]) as kept_decimals
    from voucher_pool
    union all
    select
        account,
        snapshot_date,
        'voucher_amounts' as dataset,
        request_id,
        page_position,
        unnest(['total_amount', 'remaining_amount']) as column_name,
        unnest([source.total_amount, source.remaining_amount]) as source_text,
        unnest([total_amount is null, remaining_amount is null]) as is_lost,
        unnest([8, 8]) as kept_decimals
    from voucher_amounts
    union all
    select
        account,
        snapshot_date,
        'voucher_lists' as dataset,
        request_id,
        page_position,
        unnest([
            'voucher_count',
            'voucher_position',
            'total_amount',
            'remaining_amount'
        ]) as column_name,
        unnest([
            source.voucher_count,
            source.voucher_position,
            source.total_amount,
            source.remaining_amount
        ]) as source_text,
        unnest([
            voucher_count is null,
            voucher_position is null,
            total_amount is null,
            remaining_amount is null
        ]) as is_lost,
        unnest([0, null, 8, 8]) as kept_decimals
    from voucher_lists
    union all
    select
        account,
        snapshot_date,
        'customer_vouchers' as dataset,
        request_id,
        page_position,
        unnest(['total_amount', 'remaining_amount', 'effective_at', 'expires_at']) as column_name,
        unnest([
            source.total_amount,
            source.remaining_amount,
            source.effective_at,
            source.expires_at
        ]) as source_text,
        unnest([
            total_amount is null,
            remaining_amount is null,
            effective_at is null,
            expires_at is null
        ]) as is_lost,
        unnest([8, 8, null, null]) as kept_decimals
    from customer_vouchers
    union all
    select
        account,
        snapshot_date,
        'own_vouchers' as dataset,
        request_id,
        page_position,
        unnest(['total_amount', 'remaining_amount', 'effective_at', 'expires_at']) as column_name,
        unnest([
            source.total_amount,
            source.remaining_amount,
            source.effective_at,
            source.expires_at
        ]) as source_text,
        unnest([
            total_amount is null,
            remaining_amount is null,
            effective_at is null,
            expires_at is null
        ]) as is_lost,
        unnest([8, 8, null, null]) as kept_decimals
    from own_vouchers
    union all
    select
        account,
        snapshot_date,
        'policy_products' as dataset,
        request_id,
        page_position,
        unnest(['effective_at', 'expires_at']) as column_name,
        unnest([source.effective_at, source.expires_at]) as source_text,
        unnest([effective_at is null, expires_at is null]) as is_lost,
        unnest([null, null]) as kept_decimals
    from policy_products
    union all
    select
        account,
        snapshot_date,
        'industries' as dataset,
        request_id,
        page_position,
        unnest(['subindustry_position']) as column_name,
        unnest([source.subindustry_position]) as source_text,
        unnest([subindustry_position is null]) as is_lost,
        unnest([null]) as kept_decimals
    from industries
),

-- Most values are times and plain numbers with at most eight decimals, which every cast keeps. Only
-- the other values are examined below.
suspected as (
    select
        account,
        snapshot_date,
        dataset,
        request_id,
        page_position,
        column_name,
        source_text,
        is_lost,
        kept_decimals,
        regexp_extract(
            source_text,
            '^[+-]?([0-9]*)[.]?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?$',
            ['whole', 'fraction', 'exponent']
        ) as number
    from unpivoted
    where
        source_text is not null
        and (
            is_lost
            or kept_decimals = 0
            or (
                kept_decimals = 8
                and not regexp_full_match(source_text, '-?[0-9]{1,18}([.][0-9]{0,8})?')
            )
        )
),

-- 1.20e-05 has the digits 120 and 2 + 5 decimals. The last one is a zero and may be lost.
counted as (
    select
        account,
        snapshot_date,
        dataset,
        request_id,
        page_position,
        column_name,
        source_text,
        is_lost,
        kept_decimals,
        trim(number.whole || number.fraction, '0') as digits,
        length(rtrim(number.whole || number.fraction, '0'))
        - length(number.whole)
        - coalesce(try_cast(number.exponent as integer), 0) as decimals,
        length(number.whole || number.fraction) > 0 as is_number,
        try_cast(source_text as double) as amount
    from suspected
),

-- Amounts are JSON numbers here, so doubles. Digits beyond a double's precision or the tenth
-- decimal, as in 99.99000000000001, are rounding errors of the service and may be lost. A text with
-- more digits than a double can have is not a double.
final as (
    select
        account,
        snapshot_date,
        dataset,
        request_id,
        page_position,
        column_name,
        source_text
    from counted
    where
        is_lost
        or (kept_decimals is not null and not is_number)
        or (
            decimals > kept_decimals
            and digits <> ''
            and (
                length(digits) > 17
                or abs(amount - round(amount, kept_decimals)) > greatest(1e-14 * abs(amount), 1e-10)
            )
        )
)

select * from final
