"""A simulated model for code and mathematics, whose chance of solving each problem is known.

    symbol  code            meaning                                          range
    m       solve           mean chance that an answer is correct            0..1
    s       spread          how much problems differ: 0 not at all, 1: each  0..1
                            problem is always or never solved
    p_i     chance(i)       chance for problem i, Beta(m v, (1 - m) v) with v = (1 - s) / s

An answer is one of the problem's solutions, all equally likely, with chance p_i, else one of its
mutants. So pass@k of problem i is 1 - (1 - p_i)^k, and its mean over such problems follows from the
Beta distribution. Temperature has no effect.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from sfr_eval.errors import UserError

if TYPE_CHECKING:
    import numpy as np

SOLVE, SPREAD = 0.5, 0.3
_STUCK = "raise NotImplementedError\n"


class Solvable(Protocol):
    """A problem with answers that are known to be right, and others known to be wrong."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def solutions(self) -> tuple[str, ...]:
        """Right answers."""

    @property
    def mutants(self) -> tuple[str, ...]:
        """Wrong answers."""

    @property
    def render(self) -> Callable[[str], str]:
        """Makes a reply of an answer."""


class SimulatedCoder:
    """See the module. `problems` need reference solutions; without mutants, a program that only
    raises is the wrong answer."""

    def __init__(
        self, problems: Mapping[str, Solvable], *, solve: float = SOLVE, spread: float = SPREAD
    ) -> None:
        for problem in problems.values():
            if not problem.solutions:
                raise UserError(
                    f"--engine world: problem {problem.id} has no reference solution to answer "
                    "with; use --data small, or a model"
                )
        self._problems = dict(problems)
        self.solve, self.spread = solve, spread

    def chance(self, problem: str) -> float:
        """Return p_i, which belongs to the simulated model and is the same in every run."""
        import numpy as np

        digest = hashlib.sha256(f"code twin\0{problem}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        if self.spread == 0 or self.solve in (0, 1):
            return self.solve
        if self.spread == 1:
            return float(generator.random() < self.solve)
        a, b = self._shape()
        return float(generator.beta(a, b))

    def sample(self, problem: str, generator: "np.random.Generator") -> str:
        """Draw one answer, as a model would write it."""
        code_problem = self._problems[problem]
        if generator.random() < self.chance(problem):
            programs = code_problem.solutions
        else:
            programs = code_problem.mutants or (_STUCK,)
        return code_problem.render(programs[int(generator.integers(len(programs)))])

    def _shape(self) -> tuple[float, float]:
        weight = (1 - self.spread) / self.spread
        return self.solve * weight, (1 - self.solve) * weight
