"""Draws replies of the synthetic benchmark at given dials and measures every metric on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.plan import sample_seed
from sfr_eval.stats.estimate import query_means
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample, Value

Table = dict[str, dict[int, dict[str, float]]]
"""metric -> number of the set of replies -> query -> value; undefined values are absent"""

_TOGETHER = 40
"""Runs measured at a time: their embeddings take 30 MB."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A suite with a synthetic benchmark, an encoder, and what is fitted once (the style probe)."""

    suite: Suite
    encoder: Encoder
    families: Sequence[str]
    seed: int
    fitted: dict[str, Any] = field(default_factory=dict)

    def draw(
        self,
        replies: int,
        *,
        part: str,
        queries: int,
        personas: int | None = None,
        dials: Mapping[str, float] | None = None,
    ) -> list[Sample]:
        """Draw `replies` replies to each of `queries` queries, spread over topics and intents, from
        the first personas (None: all). `part` keeps the draws of different checks independent."""
        assert self.suite.world is not None
        world = self.suite.world.dialed(**dict(dials or {}))
        ids = list(self.suite.queries)
        # 148 queries are 37 topics by 4 intents, in order: equal steps would always hit one intent.
        count = min(queries, len(ids))
        chosen = [ids[(i * len(ids) // count + i) % len(ids)] for i in range(count)]
        if len(set(chosen)) < count:  # nearly all queries are wanted
            chosen = ids[:count]
        rows = []
        for query in chosen:
            for persona in list(self.suite.personas)[:personas]:
                for index in range(replies):
                    seed = self._seed(part, f"{query}/{persona}", index)
                    text = world.sample(persona, query, np.random.default_rng(seed))
                    rows.append(self._row(query, persona, index, seed, text))
        return rows

    def _seed(self, part: str, prompt: str, index: int) -> int:
        suite = f"calibrate/{part}"
        return sample_seed(self.seed, suite=suite, prompt=prompt, temperature=1.0, index=index)

    def _row(self, query: str, persona: str, index: int, seed: int, text: str) -> Sample:
        return Sample(
            sample_id=f"{query}/{persona}/{index}",
            suite=self.suite.id,
            query=query,
            persona=persona,
            temperature=0.0,
            index=index,
            seed=seed,
            status="ok",
            text=text,
            prompt_tokens=0,
            completion_tokens=len(text.split()),
        )

    def measure(self, samples: Sequence[Sample], *, k: int) -> Table:
        """Measure every consecutive set of k replies of each prompt; drops the remainder.

        The temperature stands for the number of the set, so that one call measures them all.
        """
        sets = (1 + max(sample.index for sample in samples)) // k
        return self.measure_sets(
            [
                replace(sample, temperature=float(sample.index // k), index=sample.index % k)
                for sample in samples
                if sample.index < sets * k
            ]
        )

    def measure_runs(self, pool: Sequence[Sample], *, k: int, runs: int, part: str) -> Table:
        """Measure `runs` whole runs, each with its own seed.

        A run takes k different replies per prompt from the pool. So runs are independent and
        identically distributed, every metric is computed anew for each, and only texts of the pool
        are encoded.
        """
        replies: dict[str, list[Sample]] = {}
        for sample in pool:
            replies.setdefault(f"{sample.query}/{sample.persona}", []).append(sample)

        def run(number: int) -> Iterator[Sample]:
            for prompt, candidates in replies.items():
                seed = self._seed(part, prompt, number)
                chosen = np.random.default_rng(seed).choice(len(candidates), k, replace=False)
                for i, place in enumerate(chosen.tolist()):
                    yield replace(candidates[place], temperature=float(number), index=i, seed=seed)

        table: Table = {}
        for first in range(0, runs, _TOGETHER):
            numbers = range(first, min(first + _TOGETHER, runs))
            for metric, sets in self.measure_sets([s for n in numbers for s in run(n)]).items():
                table.setdefault(metric, {}).update(sets)
        return table

    def measure_sets(
        self, samples: Sequence[Sample], *, families: Sequence[str] | None = None
    ) -> Table:
        """Measure samples whose temperature is the number of their set."""
        context = Context(
            samples=samples,
            suite=self.suite,
            encoder=self.encoder,
            tokenizer=load_tokenizer(window=self.suite.spec.window(), plain=True),
            speaks_world=True,
            permutations=0,  # whether styles differ at all is not tested here
            fitted=self.fitted,
        )
        table: Table = {}
        for name in self.families if families is None else families:
            for result in load_family(name).compute(context):
                sets: dict[int, list[Value]] = {}
                for value in result.values:
                    sets.setdefault(int(value.temperature), []).append(value)
                table[result.metric] = {
                    number: query_means(values) for number, values in sets.items()
                }
        return table


def matrix(sets: Mapping[int, Mapping[str, float]]) -> np.ndarray:
    """Return values of one metric, shape (sets, queries), for queries with a value in every set."""
    rows = [sets[number] for number in sorted(sets)]
    shared = [query for query in rows[0] if all(query in row for row in rows)] if rows else []
    cells = [[row[query] for query in shared] for row in rows]
    return np.array(cells).reshape(len(rows), len(shared))
