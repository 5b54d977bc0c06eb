"""Linear layers on a CPU with oneDNN, whose weights are laid out once.

torch multiplies float32 matrices with MKL, which lays out the weights again in every call and is
slow on some CPUs. The results are equal up to rounding.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch


class PackedLinears:
    """The linear layers of one model; none if torch lacks the operation."""

    def __init__(self, model: Any, *, rows: int) -> None:
        """rows: about the number of rows of the inputs, for which the layout is chosen."""
        self._forwards: list[tuple[Any, Any]] = []
        operations = torch.ops.mkldnn
        if not (
            model.device.type == "cpu"
            and platform.machine() in {"x86_64", "AMD64"}
            and torch.backends.mkldnn.is_available()
            and hasattr(operations, "_reorder_linear_weight")
            and hasattr(operations, "_linear_pointwise")
        ):
            return
        for module in model.modules():
            if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
                packed = operations._reorder_linear_weight(module.weight.detach(), rows)
                self._forwards.append((module, partial(_forward, packed, module.bias)))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within this context the model's linear layers use the packed weights."""
        for module, forward in self._forwards:
            module.forward = forward
        try:
            yield
        finally:
            for module, _ in self._forwards:
                del module.forward  # uncovers the method of the class


def _forward(weight: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return result
