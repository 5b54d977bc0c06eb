"""pytest tests/util/test_ray_cluster.py"""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.ray_cluster import Resources, plan_replicas


def test_replicas_share_cores_but_take_whole_gpus() -> None:
    cpu = [{"CPU": 4.0}, {"CPU": 4.0}]
    assert plan_replicas(cpu, replicas=2, gpus=0) == (2, Resources(cpus=4, gpus=0))
    assert plan_replicas(cpu, replicas=3, gpus=0) == (3, Resources(cpus=2, gpus=0))
    assert plan_replicas([{"CPU": 3.0}, {"CPU": 1.0}], replicas=2, gpus=0)[1].cpus == 1
    assert plan_replicas(cpu, replicas=None, gpus=0)[0] == 2
    gpu = [{"CPU": 8.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 3.0}, {"CPU": 8.0}]
    assert plan_replicas(gpu, replicas=None, gpus=2) == (3, Resources(cpus=1, gpus=2))
    with pytest.raises(UserError, match="room for 3 of 2 GPU"):
        plan_replicas(gpu, replicas=4, gpus=2)
