-- Landed files that could not be read, and were set aside: their partitions count as missing.
-- Grain: one row per such file that has not landed again.
select
    path,
    dataset,
    account,
    partition_key,
    case
        when kind = 'bill_month' then partition_key
        when kind = 'bill_date' then left(partition_key, 7)
    end as bill_month,
    reason
from raw.unreadable_files
