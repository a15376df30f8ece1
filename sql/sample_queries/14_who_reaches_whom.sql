-- Who reaches which customer?
-- Direct customers of an account, and those that it reaches through a second-level reseller.
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
