"""Simulates collapse: samples the suite's grammar, whose distribution is known, without a GPU."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError
from sfr_eval.samplers.rows import finished_row
from sfr_eval.suites.problems.simulated import SimulatedCoder
from sfr_eval.suites.simulated_answers import SimulatedAnswers
from sfr_eval.types import Request, Sample

if TYPE_CHECKING:
    from sfr_eval.suites.suite import Suite
    from sfr_eval.suites.world.persona import PersonaWorld


class WorldSampler:
    """See `sfr_eval.types.Sampler`. The dials collapse the reference distribution: `cross` mixes
    the personas into one voice, `within` sharpens each to its modes. Temperature acts on every
    choice of the grammar as on a model's tokens. Suites of code and of mathematics have a simulated
    model with the dials `solve` and `spread` (see `sfr_eval.suites.problems.simulated`), suites
    with known answers one with `solve` and `within` (see `sfr_eval.suites.simulated_answers`)."""

    def __init__(self, suites: Iterable["Suite"], *, dials: Mapping[str, float]) -> None:
        self._dials = dict(dials)
        self._worlds: dict[str, PersonaWorld] = {}
        self._simulated: dict[str, SimulatedCoder | SimulatedAnswers] = {}
        code_dials = {name: dials[name] for name in ("solve", "spread") if name in dials}
        persona_dials = {name: dial for name, dial in dials.items() if name not in code_dials}
        for suite in suites:
            problems = suite.code or suite.math
            if problems is not None:
                self._simulated[suite.id] = SimulatedCoder(problems.problems, **code_dials)
                continue
            if suite.has_answers:
                own = {name: dials[name] for name in ("solve", "within") if name in dials}
                self._simulated[suite.id] = SimulatedAnswers(suite.rows, **own)
                continue
            if suite.world is None:
                raise UserError(
                    f"--engine world: suite {suite.id} has no grammar to sample from; "
                    "use a model, or --suite persona"
                )
            self._worlds[suite.id] = suite.world.dialed(**persona_dials)

    def describe(self) -> Mapping[str, Any]:
        """Engine and dials."""
        return {"engine": "world", "device": "cpu", **self._dials}

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples in the order of the requests."""
        import numpy as np

        for request in requests:
            if request.sampling.top_p < 1 or request.sampling.top_k or request.sampling.min_p:
                raise UserError(
                    "--engine world: does not support top_p, top_k or min_p; use --sampling neutral"
                )
            generator = np.random.default_rng(request.seed)
            prompt = request.prompt
            if prompt.suite in self._simulated:
                text = self._simulated[prompt.suite].sample(prompt.query, generator)
            else:
                text = self._worlds[prompt.suite].sample(
                    prompt.persona,
                    prompt.query,
                    generator,
                    temperature=request.sampling.temperature,
                )
            yield finished_row(
                request,
                text=text,
                finish_reason="stop",
                prompt_tokens=sum(len(m.content.split()) for m in request.prompt.messages),
                completion_tokens=len(text.split()),
            )

    def close(self) -> None:
        """Nothing to free."""
