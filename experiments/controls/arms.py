"""The arms: what is trained, with which strengths, and which comparisons are declared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controls.training import Method

TARGETS = {"k": 12, "stride": 3, "minimum": 4, "scale": "standardise", "last_prompt": True}
RATIOS = (0.1, 0.3, 1.0, 3.0)
_HEAD = {"width": 384, "time_size": 64}
_SFR = {"name": "sfr", "tau_per": "anchor", "skip": "covariance", **_HEAD}

Dial = Literal["ratio", "weight_decay", "dropout", "none"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train. dial: what its strength sets; grid: the strengths of the sweep, in order;
    of: the arm whose strength it takes instead of one of its own."""

    objective: Mapping[str, Any]
    dial: Dial = "none"
    grid: tuple[float, ...] = ()
    of: str | None = None
    targets: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    head_share: float = 0.0  # steps of the head alone before the budget, as a share of it
    average: bool = False  # the mean of the weights over the last half

    def method(self, strength: float, *, steps: int) -> Method:
        """How to train at a strength, over a budget of `steps`."""
        schedule = dict(self.schedule)
        if self.dial == "ratio":
            schedule |= {"gradient_ratio": strength, "ramp_steps": round(0.05 * steps)}
        if self.head_share:
            schedule["head_steps"] = round(self.head_share * steps)
        decay = {"weight_decay": strength} if self.dial == "weight_decay" else {}
        return Method(
            objective=self.objective,
            schedule=schedule,
            targets=self.targets,
            training=decay,
            dropout=strength if self.dial == "dropout" else 0.0,
            mean_of_last_half=self.average,
        )


def _future(objective: Mapping[str, Any], **options: Any) -> Arm:
    return Arm(objective=objective, dial="ratio", grid=RATIOS, targets=TARGETS, **options)


def _shuffled(of: str, arm: Arm) -> Arm:
    """The control: the same arm at the same strength, and nothing to learn from the targets."""
    return Arm(
        objective=arm.objective,
        dial=arm.dial,
        of=of,
        targets={**arm.targets, "shuffled": True},
        schedule=arm.schedule,
        head_share=arm.head_share,
    )


_TRUE = {
    "sfr": _future(_SFR),
    "cka": _future({"name": "cka"}),
    "mtp": Arm(objective={"name": "mtp", "tokens": 4}, dial="ratio", grid=RATIOS),
    "future_mse": _future({"name": "future_mse", **_HEAD}),
    "sfr_head_first": _future({**_SFR, "skip": "none"}, head_share=0.25),
    "sfr_published": Arm(
        objective={"name": "sfr"},
        targets={**TARGETS, "scale": "unit", "fill": "nearest", "pooling": "mean"}
        | {"last_prompt": False},
        schedule={
            "weight": 1.0,
            "head_learning_rate": "same",
            "ema": 0.999,
            "gate": "dynamic",
            "ramp_steps": 0.05,
        },
    ),
}
_GENERIC = {
    "hidden_noise": Arm(objective={"name": "hidden_noise"}, dial="ratio", grid=RATIOS),
    "kl_to_base": Arm(
        objective={"name": "kl_to_base", "direction": "forward"}, dial="ratio", grid=RATIOS
    ),
    "weight_decay": Arm(objective={"name": "ce"}, dial="weight_decay", grid=(0.1, 0.3, 1.0, 3.0)),
    "dropout": Arm(objective={"name": "ce"}, dial="dropout", grid=(0.025, 0.05, 0.1, 0.2)),
    "average": Arm(objective={"name": "ce"}, average=True),
}
_TOKENS = {
    "tofu": Arm(objective={"name": "tofu"}),
    "gem": Arm(objective={"name": "gem", "weighting": "linear"}),
}
GENERIC = tuple(_GENERIC)
ARMS: dict[str, Arm] = {
    "ce": Arm(objective={"name": "ce"}),
    **_TRUE,
    **{f"{name}_shuffled": _shuffled(name, arm) for name, arm in _TRUE.items()},
    **_GENERIC,
    **_TOKENS,
}
LATER = ("dqo", "ebft")  # declared; need generations in training, see the protocol
BEST_GENERIC = "best_generic"  # of GENERIC, on the tuning world
FILTERS = {  # of plain CE at inference: name -> filters and temperatures
    "ce_min_p": ({"min_p": 0.1}, (0.5, 0.7, 1.0, 1.5)),
    "ce_top_p": ({"top_p": 0.9}, (0.5, 0.7, 1.0, 1.5)),
}
FIRST = ("ce", "sfr", "sfr_shuffled", "cka", "cka_shuffled")  # with the best generic ones
PRIMARY = (("sfr", "sfr_shuffled"), ("cka", "cka_shuffled"), ("sfr", BEST_GENERIC))
SECONDARY = (
    *(("sfr", "ce"), ("cka", "ce"), ("sfr_shuffled", "ce"), ("cka_shuffled", "ce")),
    *((BEST_GENERIC, "ce"), ("sfr", "cka"), ("sfr", "mtp"), ("sfr", "future_mse")),
    *((name, f"{name}_shuffled") for name in _TRUE if name not in ("sfr", "cka")),
    *(("sfr", "sfr_published"), ("sfr", "sfr_head_first")),
    *((name, "ce") for name in ("mtp", "future_mse", "sfr_published", *GENERIC, *_TOKENS)),
    *((name, "ce") for name in FILTERS),
    *(("sfr", name) for name in FILTERS),
)


def strength_owner(name: str) -> str:
    """The arm whose sweep sets this arm's strength."""
    return ARMS[name].of or name
