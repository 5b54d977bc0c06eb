"""Simulates collapse: samples the suite's grammar, whose distribution is known, without a GPU."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sfr_eval.decoders.decoder import OFF
from sfr_eval.errors import UserError
from sfr_eval.samplers.rows import finished_row
from sfr_eval.suites.problems.simulated import SimulatedCoder
from sfr_eval.suites.simulated_answers import SimulatedAnswers
from sfr_eval.types import Prompt, Request, Sample, Sampling

if TYPE_CHECKING:
    from sfr_eval.suites.suite import Suite
    from sfr_eval.suites.world.grammar import SlotGrammar
    from sfr_eval.suites.world.persona import PersonaWorld

SIMULATED = ("top_p", "top_k", "min_p")
"""The filters that act on each choice of a grammar."""


class WorldSampler:
    """See `sfr_eval.types.Sampler`. The dials collapse the reference distribution: `cross` mixes
    the personas into one voice, `within` sharpens each to its modes. Temperature acts on every
    choice of the grammar as on a model's tokens, and so do top_p, top_k and min_p. Suites of code
    and of mathematics have a simulated model with the dials `solve` and `spread` (see
    `sfr_eval.suites.problems.simulated`), suites with known answers one with `solve` and `within`
    (see `sfr_eval.suites.simulated_answers`)."""

    def __init__(self, suites: Iterable["Suite"], *, dials: Mapping[str, float]) -> None:
        self._dials = dict(dials)
        self._worlds: dict[str, PersonaWorld] = {}
        self._truncated: dict[tuple[str, str, Sampling], SlotGrammar] = {}
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
            generator = np.random.default_rng(request.seed)
            prompt = request.prompt
            if prompt.suite in self._simulated:
                text = self._simulated[prompt.suite].sample(prompt.query, generator)
            else:
                text = self._grammar(prompt, request.sampling).sample(generator)
            yield finished_row(
                request,
                text=text,
                finish_reason="stop",
                prompt_tokens=sum(len(m.content.split()) for m in request.prompt.messages),
                completion_tokens=len(text.split()),
            )

    def close(self) -> None:
        """Nothing to free."""

    def _grammar(self, prompt: Prompt, sampling: Sampling) -> "SlotGrammar":
        """Return the distribution of replies to a prompt, each of its choices truncated as the
        filters truncate a model's tokens."""
        world = self._worlds[prompt.suite]
        grammar = world.grammar(prompt.persona, prompt.query, temperature=sampling.temperature)
        filters = {name: getattr(sampling, name) for name in SIMULATED}
        if all(value == OFF[name] for name, value in filters.items()):
            return grammar
        key = (prompt.suite, prompt.id, sampling)
        if key not in self._truncated:
            self._truncated[key] = grammar.truncated(**filters)
        return self._truncated[key]


def refuse_unsimulated(sampling: Sampling, *, code: bool) -> None:
    """Raise UserError for what the simulator cannot do: penalties need tokens, a stop needs a text
    that is written word by word, and the simulated coder makes a single choice."""
    for name, off in OFF.items():
        if getattr(sampling, name) != off and (code or name not in SIMULATED):
            what = "a code suite has one choice" if code else "it has no tokens to count"
            raise UserError(
                f"--engine world: cannot simulate {name} ({what}); leave it out, or use a model"
            )
    if sampling.stop and not code:
        raise UserError("--engine world: cannot simulate stop; leave it out, or use a model")
