"""Draws with many engines on a Ray cluster (samplers/pool.py)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfr_eval.errors import RunError
from sfr_eval.samplers.pool import ActorLost, ReplicaPool
from sfr_eval.samplers.replica import Replica
from sfr_eval.types import Request, Sampler
from sfr_eval.util.ray_cluster import (
    ACTOR_ENVIRONMENT,
    Resources,
    brief,
    connect,
    disconnect,
    node_resources,
    plan_replicas,
)


class RaySampler(ReplicaPool):
    """See `sfr_eval.types.Sampler`. `build` builds the engine inside an actor; it is pickled, and
    `sfr_eval` must be installed on every node."""

    def __init__(
        self,
        build: Callable[[], Sampler],
        *,
        replicas: int | None,
        gpus_per_replica: int = 0,
        address: str | None = None,
        timeout_seconds: float = 600.0,
    ) -> None:
        connect(address, cpus=replicas, gpus=bool(gpus_per_replica))
        try:
            replicas, resources = plan_replicas(
                node_resources(), replicas=replicas, gpus=gpus_per_replica
            )
        except BaseException:
            disconnect()
            raise
        place = _Cluster(build, resources)
        super().__init__(place, replicas=replicas, timeout_seconds=timeout_seconds)


class _Cluster:
    """See `sfr_eval.samplers.pool.Place`."""

    option = "--engine ray"

    def __init__(self, build: Callable[[], Sampler], resources: Resources) -> None:
        self.room = str(resources)
        self._build, self._resources = build, resources

    def new_actor(self, number: int) -> Any:
        import ray

        actor = ray.remote(Replica).options(
            num_cpus=self._resources.cpus,
            num_gpus=self._resources.gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        return actor.remote(self._build, ACTOR_ENVIRONMENT)

    def hello(self, actor: Any) -> Any:
        return actor.hello.remote()

    def start(self, actor: Any) -> Any:
        return actor.start.remote()

    def exchange(self, actor: Any, requests: Sequence[Request], *, seconds: float) -> Any:
        return actor.exchange.remote(requests, seconds=seconds)

    def wait(self, tokens: Sequence[Any], *, seconds: float) -> Sequence[Any]:
        import ray

        done, _ = ray.wait(list(tokens), num_returns=1, timeout=seconds)
        return list(done)

    def message(self, token: Any) -> Any:
        import ray

        try:
            return ray.get(token)
        except ray.exceptions.RayTaskError as error:
            raise RunError(
                f"{self.option}: a replica failed unexpectedly: {brief(error)}"
            ) from error
        except ray.exceptions.RayError as error:  # preempted: the node was reclaimed
            blameless = bool(getattr(error, "preempted", False))
            raise ActorLost(brief(error), blameless=blameless) from error

    def kill(self, actor: Any) -> None:
        import ray

        ray.kill(actor)

    def facts(self, *, replicas: int, hosts: Sequence[str], lost: int) -> Mapping[str, Any]:
        import ray

        cluster = {
            "version": ray.__version__,
            "replicas": replicas,
            "hosts": list(hosts),
            "replicas_lost": lost,
        }
        return {"ray": cluster}

    def close(self) -> None:
        disconnect()
