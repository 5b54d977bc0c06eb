"""The questions of a judge's trial: replies and pairs whose true verdict is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, Field

from sfr_eval.errors import UserError
from sfr_eval.judges.judge import Case, both_orders
from sfr_eval.judges.rubric import JudgeSpec, Material
from sfr_eval.suites.suite import Suite
from sfr_eval.suites.world.faults import Specimen, lengthened, specimens, with_fault

_PAIR_FAULTS = ("topic", "intent", "grammar")


class LabelRow(BaseModel):
    """One reply that a person has judged on one axis."""

    question: str = Field(min_length=1)
    reply: str
    axis: str = Field(min_length=1)
    good: bool
    persona: str = Field("", description="text of the persona's card, for judges that see it")


class ItemKey(NamedTuple):
    """What a score belongs to."""

    axis: str
    id: str


@dataclass(frozen=True, kw_only=True)
class TrialItem:
    """A reply to be rated on one axis, and whether it is good there; None if that is unknown."""

    id: str
    spec: JudgeSpec
    material: Material
    good: bool | None
    specimen: Specimen | None = None  # of the synthetic benchmark

    @property
    def key(self) -> ItemKey:
        """What its score belongs to."""
        return ItemKey(self.spec.id, self.id)


def benchmark_items(
    suite: Suite, specs: Sequence[JudgeSpec], *, items: int, seed: int
) -> list[TrialItem]:
    """Draw good and faulty replies from the synthetic benchmark, each to be rated on every axis."""
    assert suite.world is not None
    return [
        _item(suite, spec, specimen)
        for specimen in specimens(suite.world, items=items, seed=seed)
        for spec in specs
    ]


def labelled_items(
    rows: Sequence[LabelRow], specs: Sequence[JudgeSpec], *, file: str
) -> list[TrialItem]:
    """Return the replies that people judged on these axes. Raises UserError if there are none."""
    by_axis = {spec.id: spec for spec in specs}
    items = [
        TrialItem(
            id=f"{file}:{number}",
            spec=by_axis[row.axis],
            material=Material(question=row.question, persona=row.persona, replies=(row.reply,)),
            good=row.good,
        )
        for number, row in enumerate(rows, start=1)
        if row.axis in by_axis
    ]
    if not items:
        raise UserError(
            f"--labels {file}: no row is about {', '.join(by_axis)}; see --set judge_axes"
        )
    return items


def longer_items(
    suite: Suite, rated: Sequence[TrialItem], *, seed: int
) -> list[tuple[TrialItem, TrialItem]]:
    """Pair each item of the group without faults with one that is twice as long and no better."""
    import numpy as np

    assert suite.world is not None
    rng = np.random.default_rng([seed, 1])
    longer: dict[str, Specimen] = {}
    pairs = []
    for item in rated:
        if item.specimen is None or item.specimen.fault:
            continue
        if item.id not in longer:
            longer[item.id] = lengthened(suite.world, item.specimen, rng)
        pairs.append((item, _item(suite, item.spec, longer[item.id])))
    return pairs


def order_cases(
    suite: Suite, rated: Sequence[TrialItem], *, spec: JudgeSpec, seed: int
) -> list[tuple[Case, Case]]:
    """Pair each reply of the group without faults with a faulty one, to be shown in both orders."""
    import numpy as np

    assert suite.world is not None
    rng = np.random.default_rng([seed, 2])
    good = {item.id: item.specimen for item in rated if item.specimen and not item.specimen.fault}
    cases = []
    for number, specimen in enumerate(good.values()):
        fault = _PAIR_FAULTS[number % len(_PAIR_FAULTS)]
        bad = with_fault(suite.world, specimen, fault, rng)
        question, replies = suite.queries[specimen.query], (specimen.text, bad.text)
        material = Material(question=question, replies=replies)
        case = Case(sample_id=specimen.id, other_id=bad.id, spec=spec, material=material)
        cases.append(both_orders(case))
    return cases


def _item(suite: Suite, spec: JudgeSpec, specimen: Specimen) -> TrialItem:
    return TrialItem(
        id=specimen.id,
        spec=spec,
        material=Material(
            question=suite.queries[specimen.query],
            persona=suite.personas[specimen.persona].system if spec.needs_persona else "",
            replies=(specimen.text,),
        ),
        good=specimen.truth.get(spec.id),
        specimen=specimen,
    )
