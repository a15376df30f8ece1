"""The catalogue: all actions of the Partner API and all datasets landed from them, as data without behaviour.

`ACTIONS` has all 46 actions by name, in one module per category of the API. The writing ones are included so that the
client can refuse them by name. `DATASETS` has everything that is landed.
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
