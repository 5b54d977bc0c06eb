"""`python -m sfr_train` on a CPU rank that accelerate takes for an accelerator: it shards over gloo
as it would over NCCL, but offers FSDP only to accelerators. Nothing else is changed."""

from accelerate import PartialState
from accelerate.utils import DistributedType
from sfr_train.__main__ import main

if __name__ == "__main__":
    PartialState(cpu=True)
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    main()
