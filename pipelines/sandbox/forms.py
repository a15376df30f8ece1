"""The lists of countries and industries, a small part of the service's."""

from __future__ import annotations

from typing import NamedTuple


class Country(NamedTuple):
    """A country or region: its names in English and Chinese, its two ISO codes, its dialling code."""

    english: str
    chinese: str
    iso2: str
    iso3: str
    code: str


class Industry(NamedTuple):
    """An industry of the first level, with those of the second level: id, name, description."""

    id: str
    name: str
    children: tuple[tuple[str, str, str | None], ...]


COUNTRIES = (
    Country("Brazil", "巴西", "BR", "BRA", "55"),
    Country("Côte d'Ivoire", "科特迪瓦", "CI", "CIV", "225"),
    Country("Germany", "德国", "DE", "DEU", "49"),
    Country("Hong Kong, China", "中国香港", "HK", "HKG", "852"),
    Country("Indonesia", "印度尼西亚", "ID", "IDN", "62"),
    Country("Japan", "日本", "JP", "JPN", "81"),
    Country("Namibia", "纳米比亚", "NA", "NAM", "264"),
    Country("Singapore", "新加坡", "SG", "SGP", "65"),
    Country("Thailand", "泰国", "TH", "THA", "66"),
    Country("United States", "美国", "US", "USA", "1"),
)
"""Namibia's code is NA, which some CSV readers take for a missing value."""

INDUSTRIES = (
    Industry("1", "Internet", (("101", "E-commerce", "Online shops, market places"), ("102", "Social media", ""))),
    Industry("2", "Gaming", (("201", "Mobile games", None), ("202", "PC & console games", "Studios, publishers"))),
    Industry("3", "Public sector", ()),
)
