-- Commission details of a month from the downloaded file, with types.
-- Grain: one row per row of the file; nothing is deduplicated, and a row may be a total.
-- The file's columns are not documented: look at other_columns before you rely on any of them.
-- The rate stays text: it is not documented whether it is a ratio or a percentage.
select
    _account as account,
    bill_month,
    file_text(BillMonth) as stated_bill_month,
    file_text(CustomerUin) as customer_uin,
    mask_texts(file_text(CustomerName)) as customer_name,
    file_text(ProductName) as product_name,
    file_text(SubProductName) as subproduct_name,
    file_text(BillingMode) as pay_mode_name,
    file_text(TransactionType) as transaction_type,
    file_text(CommissionRate) as commission_rate,
    money(TotalCost) as billed_cost,
    money(CommissionAmount) as commission_amount,
    currency(Currency) as billing_currency,
    mask_emails(_extra) as other_columns,
    _slice_params as slice_params,
    split_part(_file, '/', 1) as file_digest,
    nullif(substr(_file, length(split_part(_file, '/', 1)) + 2), '') as file_member,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.commission_files
