-- Which customers does each account have, directly or through a reseller?
-- Direct customers of an account, and those of its second-level resellers.
select
    account,
    customer_uin,
    case when is_direct then 'directly' else 'through ' || sub_agent_uin end as reached,
    account_status_name,
    verification_status_name,
    valid_from_date
from dim_customers
where is_listed
order by account asc, is_direct desc, sub_agent_uin asc, customer_uin asc
limit 15
