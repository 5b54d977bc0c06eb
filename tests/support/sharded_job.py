"""`python -m sfr_train` on a CPU rank that accelerate takes for an accelerator: it can shard over
gloo as over NCCL, but offers FSDP only to accelerators. Nothing else is changed."""

from typing import Any

import sfr_train.run_job
from accelerate import PartialState
from accelerate.utils import DistributedType
from sfr_train.__main__ import main
from sfr_train.loop.sft_config import sft_config


def sharding(*values: Any, **others: Any) -> Any:
    """The settings, which set up the processes; then the change."""
    arguments = sft_config(*values, **others)
    assert arguments.device.type == "cpu"
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    return arguments


if __name__ == "__main__":
    sfr_train.run_job.sft_config = sharding
    main()
