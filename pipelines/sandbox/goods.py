"""Products, regions, kinds of charge and rebate policies of the sandbox; and names that are hard to handle.

Data only. Codes and labels are spelled as in the API: product `p_`, subproduct `sp_`, component type `v_`, component
`sv_` (in bill rows: BusinessCode, ProductCode, ComponentCode and ItemCode). Labels are from the definition of
DescribeCustomerBillDetail, version 2022-09-28. Prices and amounts are invented.
"""

from __future__ import annotations

from typing import NamedTuple


class Component(NamedTuple):
    """A component that a line charges for. `list_price` is in USD per unit and time, as text of up to 12 decimals."""

    type_code: str
    type_name: str
    code: str
    name: str
    list_price: str
    price_unit: str
    usage_unit: str
    usage_max: int
    """The largest usage of one line, in units."""


class Product(NamedTuple):
    """A product with one subproduct. `weight`: how often it is bought; `prefix`: of its instance ids."""

    code: str
    name: str
    sub_code: str
    sub_name: str
    prefix: str
    weight: int
    components: tuple[Component, ...]


class Region(NamedTuple):
    """A region: id and name in the summary by region, name on bill lines, and availability zones.

    `row_name` has a no-break space in some regions, as in the official example.
    """

    id: str
    name: str
    row_name: str
    zones: tuple[str, ...]


class ChargeKind(NamedTuple):
    """A kind of charge. `weight`: how frequent it is; `sign`: -1 for refunds; `hours`: what one line covers."""

    action_type: str
    label: str
    pay_mode: str
    weight: int
    sign: int
    hours: int


PRODUCTS = (
    Product(
        "p_cvm",
        "Cloud Virtual Machine (CVM)",
        "sp_cvm_s5",
        "CVM Standard S5",
        "ins-",
        36,
        (
            Component("v_cvm_cpu", "CPU", "sv_cvm_cpu_s5", "Standard S5, vCPU", "0.0245", "USD/core/hour", "core", 32),
            Component(
                "v_cvm_mem", "Memory", "sv_cvm_mem_s5", "Standard S5, memory", "0.00612", "USD/GB/hour", "GB", 128
            ),
            Component(
                "v_cvm_disk",
                "System disk",
                "sv_cvm_ssd",
                "SSD, system disk",
                "0.000194444444",
                "USD/GB/hour",
                "GB",
                500,
            ),
        ),
    ),
    Product(
        "p_cdb",
        "TencentDB for MySQL",
        "sp_cdb_ha",
        "MySQL, high availability",
        "cdb-",
        16,
        (
            Component("v_cdb_mem", "Memory", "sv_cdb_mem_ha", "HA edition, memory", "0.0381", "USD/GB/hour", "GB", 64),
            Component(
                "v_cdb_disk", "Storage", "sv_cdb_disk_ha", "HA edition, storage", "0.00021", "USD/GB/hour", "GB", 900
            ),
        ),
    ),
    Product(
        "p_cos",
        "Cloud Object Storage (COS)",
        "sp_cos_std",
        "COS Standard Storage",
        "bucket-",
        14,
        (
            Component(
                "v_cos_store", "Storage", "sv_cos_std", "Standard storage", "0.000032876712", "USD/GB/hour", "GB", 9000
            ),
            Component(
                "v_cos_request",
                "Requests",
                "sv_cos_read",
                "Read requests, 10,000",
                "0.002",
                "USD/10,000",
                "10,000",
                4000,
            ),
            Component("v_cos_traffic", "Traffic", "sv_cos_out", "Public outbound traffic", "0.12", "USD/GB", "GB", 60),
        ),
    ),
    Product(
        "p_cdn",
        "Content Delivery Network (CDN)",
        "sp_cdn_static",
        "CDN static acceleration",
        "cdn-",
        10,
        (Component("v_cdn_flow", "Traffic", "sv_cdn_flow_ap", "Traffic, Asia Pacific", "0.0794", "USD/GB", "GB", 120),),
    ),
    Product(
        "p_clb",
        "Cloud Load Balancer (CLB)",
        "sp_clb_public",
        "CLB, public network",
        "lb-",
        9,
        (
            Component(
                "v_clb_inst", "Instance", "sv_clb_inst", "Instance fee", "0.0286", "USD/instance/hour", "instance", 4
            ),
            Component(
                "v_clb_lcu", "LCU", "sv_clb_lcu", "Load balancer capacity unit", "0.0075", "USD/LCU/hour", "LCU", 40
            ),
        ),
    ),
    Product(
        "p_scf",
        "Serverless Cloud Function (SCF)",
        "sp_scf_std",
        "SCF, standard",
        "lam-",
        6,
        (
            Component(
                "v_scf_gbs",
                "Resource usage",
                "sv_scf_gbs",
                "Resource usage, GB-s",
                "0.000016667",
                "USD/GBs",
                "GBs",
                90000,
            ),
            Component(
                "v_scf_call",
                "Invocations",
                "sv_scf_call",
                "Invocations",
                "0.000000200003",
                "USD/invocation",
                "time",
                900000,
            ),
        ),
    ),
)

REGIONS = (
    Region(
        "9", "Southeast Asia (Singapore)", "Southeast Asia (Singapore)", ("Singapore Zone 1", "Singapore Zone 3", "")
    ),
    Region("5", "Southeast Asia (Hong Kong, China)", "Southeast Asia (Hong Kong, China)", ("Hong Kong Zone 2",)),
    Region("72", "Southeast Asia (Jakarta)", "Southeast Asia\u00a0(Jakarta)", ("Jakarta Zone 1", "Jakarta Zone 2")),
    Region("17", "Europe (Frankfurt)", "Europe (Frankfurt)", ("Frankfurt Zone 1", "-")),
    Region("22", "US East (Virginia)", "US East (Virginia)", ("Virginia Zone 1", "Virginia Zone 2")),
    Region("1", "South China (Guangzhou)", "South China (Guangzhou)", ("Guangzhou Zone 6", "-")),
)

PAY_MODES = {"prePay": "Yearly/monthly subscription", "postPay": "Pay-As-You-Go resources"}
"""Label on bill lines (BillingMode) by code of a summary's PayMode."""

TERMS = (
    ChargeKind("postpay_deduct_h", "Hourly settlement", "postPay", 620, 1, 1),
    ChargeKind("postpay_deduct_d", "Daily settlement", "postPay", 110, 1, 24),
    ChargeKind("postpay_deduct_m", "Monthly settlement", "postPay", 60, 1, 120),
    ChargeKind("postpay_deduct_s", "Spot", "postPay", 40, 1, 1),
    ChargeKind("prepay_purchase", "Purchase", "prePay", 60, 1, 720),
    ChargeKind("prepay_renew", "Renewal", "prePay", 50, 1, 720),
    ChargeKind("prepay_modify", "Upgrade/Downgrade", "prePay", 20, 1, 240),
    ChargeKind("prepay_return", "Yearly/monthly subscription refund", "prePay", 20, -1, 360),
    ChargeKind("recon_deduct", "Adjustment - deduction", "postPay", 10, 1, 24),
    ChargeKind("recon_increase", "Adjustment - compensation", "postPay", 10, -1, 24),
)

ACTION_TYPES = frozenset(terms.action_type for terms in TERMS) | frozenset(
    (
        *("postpay_deduct", "offline_deduct", "online_deduct", "recon_guarantee", "ripay_purchase", "ri_hour_pay"),
        *("svp_hour_pay", "prePurchase", "preRenew", "preUpgrade", "preDowngrade"),
        *("pre_purchase", "pre_renew", "pre_upgrade", "pre_downgrade"),
    )
)
"""Every ActionType in the definition, used here or not."""

ABSENT = object()
"""Marks a field that a line does not have."""

INSTANCE_NAMES = (
    "web-frontend-01",
    "数据库主节点（生产环境）",  # noqa: RUF001 - full-width brackets, as people type them
    'Ops, "blue" cluster',
    "two\nlines\tand a tab",
    "上海-测试, 备份\u00a0机",
    "100% spot \\ batch",
    "-",
    "",
    None,
    ABSENT,
)

PROJECT_NAMES = ("Default Project", "电商平台", "R&D, phase 2", "Default Project", "-", "", None, ABSENT)

TAGS: tuple[dict[str, str] | None, ...] = (
    {"env": "prod", "team": "数据平台"},
    {"env": "test"},
    {},
    {"team": 'R&D, "core"', "cost center": "4711/ü"},
    None,
    {"env": "prod"},
    {"env": ""},
)
"""The tags of resources, in rotation. None: the line has no field for tags. An empty value is a tag set to nothing."""


class Coverage(NamedTuple):
    """What a rebate policy covers: code and name at each level. ANY stands for everything at a level."""

    product: tuple[str, str]
    sub_product: tuple[str, str]
    component_type: tuple[str, str]
    component: tuple[str, str]


ANY = ("*", "*")

POLICIES: dict[str, tuple[Coverage, ...]] = {
    "RP-2026-ALL": (Coverage(ANY, ANY, ANY, ANY),),
    "RP-2026-PRODUCTS": tuple(
        Coverage((product.code, product.name), (product.sub_code, product.sub_name), ANY, ANY) for product in PRODUCTS
    ),
    "RP-2026-COMPONENTS": tuple(
        Coverage(
            (product.code, product.name),
            (product.sub_code, product.sub_name),
            (component.type_code, component.type_name),
            (component.code, component.name),
        )
        for product in PRODUCTS
        for component in product.components
    ),
}
"""The rebate policies, by code."""
