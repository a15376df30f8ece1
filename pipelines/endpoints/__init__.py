"""The catalogue: what can be asked of the API, as data. One file per category; nothing here does anything.

`ACTIONS` holds all 46 actions, the writing ones too, so that the client can refuse them by name. `DATASETS` holds what
is landed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pipelines.endpoints import bill, commission, cost_explorer, credit, customer, datasets, policy, voucher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.endpoints.shapes import Action, Dataset

SERVICE = "intlpartnersmgt"
VERSION = "2022-09-28"

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        action.name: action
        for category in (bill, commission, cost_explorer, credit, customer, policy, voucher)
        for action in category.ACTIONS
    }
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({dataset.name: dataset for dataset in datasets.ALL})
