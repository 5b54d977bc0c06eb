"""A sweep: one run for each decoder, all drawn by one loaded engine, and their comparison."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.files import write_comparison
from sfr_eval.comparison.result import Comparison
from sfr_eval.config import RunConfig
from sfr_eval.errors import RunError, UserError
from sfr_eval.pipeline.draw import ENGINE_LOG, Drawn, draw
from sfr_eval.pipeline.embed_beside import embedding_beside
from sfr_eval.pipeline.preflight import Preflight, preflight_sweep, with_judges
from sfr_eval.pipeline.run import Outcome, finish, interrupted, leave_no_trace
from sfr_eval.store.manifest import Identity
from sfr_eval.store.sweep_folder import write_sweep
from sfr_eval.types import Request, Sampler
from sfr_eval.util.output import log_kept_in
from sfr_eval.util.progress import log, waiting


@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """How a sweep ended. exit_code is the gravest of its runs': 0, 3 or 130."""

    folder: Path
    exit_code: int
    runs: tuple[Outcome, ...]
    comparison: Comparison | None  # None for a single decoder, and if it was interrupted
    page: Path | None
    lines: tuple[str, ...]


def execute_sweep(config: RunConfig) -> SweepOutcome:
    """Draw all decoders, then judge and measure each, then compare them. The same command resumes,
    and more values draw only the new decoders."""
    with waiting("checking the runs"):
        folder, runs = preflight_sweep(config)
    with ExitStack() as stack:
        stack.enter_context(closing(runs[0]))
        for ready in runs:
            stack.enter_context(ready.folder)
        try:
            write_sweep(folder, [ready.folder.path for ready in sorted(runs, key=_has_filters)])
            with log_kept_in(folder / ENGINE_LOG):  # of the one engine of all decoders
                drawn = _draw(runs)
        except (UserError, RunError):
            _remove(folder, runs)
            raise
        if drawn[-1].interrupted:
            last = interrupted(runs[len(drawn) - 1], drawn[-1])
            return _ended(folder, [last], exit_code=130, lines=last.lines)
        outcomes = list(_finish(runs, drawn))
    exit_code = max(outcome.exit_code for outcome in outcomes)
    lines = [f"{outcome.folder.name}: {line}" for outcome in outcomes for line in outcome.lines]
    if len(runs) == 1:
        return _ended(folder, outcomes, exit_code=exit_code, lines=lines)
    with waiting("comparing the decoders"):
        comparison = compare_runs(folder)
        page = write_comparison(comparison, folder)
    ended = _ended(folder, outcomes, exit_code=exit_code, lines=lines)
    return replace(ended, comparison=comparison, page=page)


def _ended(
    folder: Path, outcomes: Sequence[Outcome], *, exit_code: int, lines: Sequence[str]
) -> SweepOutcome:
    return SweepOutcome(
        folder=folder,
        exit_code=exit_code,
        runs=tuple(outcomes),
        comparison=None,
        page=None,
        lines=tuple(lines),
    )


def _has_filters(ready: Preflight) -> bool:
    """Return whether its decoder is another than the one without filters, with which the others are
    compared."""
    return Identity.model_validate(ready.plan.identity).decoder != ""


def _draw(runs: Sequence[Preflight]) -> list[Drawn]:
    """Draw decoder by decoder, up to an interrupt."""
    drawn: list[Drawn] = []
    requests = sum(ready.plan.size for ready in runs)
    with (
        closing(OneEngine(runs)) as engine,
        embedding_beside(runs[0], requests=requests) as offer,
    ):
        for number, ready in enumerate(runs, start=1):
            log(f"decoder {number} of {len(runs)}: {ready.folder.path.name}")
            drawn.append(draw(ready, sampler=engine.open, on_samples=offer))
            engine.spent += drawn[-1].cost
            if drawn[-1].interrupted:
                break
    return drawn


def _finish(runs: Sequence[Preflight], drawn: Sequence[Drawn]) -> Iterator[Outcome]:
    """Judge and measure each decoder's replies; --max-cost is the budget of the whole sweep."""
    spent = sum(each.cost for each in drawn)
    for number, (ready, draws) in enumerate(zip(runs, drawn, strict=True)):
        judged = ready if number == 0 else with_judges(ready)
        with ExitStack() as stack:
            if number:
                stack.enter_context(closing(judged))
            yield finish(judged, replace(draws, cost=spent))
            if judged.panel is not None:
                spent += sum(judge.spent for judge in judged.panel.judges)


def _remove(folder: Path, runs: Sequence[Preflight]) -> None:
    """Remove what a sweep created before anything was drawn."""
    if any(any((r.folder.path / "samples").glob("*.jsonl")) for r in runs):
        return
    (folder / "sweep.json").unlink(missing_ok=True)
    for ready in reversed(runs):
        leave_no_trace(ready)


@dataclass
class OneEngine:
    """The engine of all decoders: started when the first of them misses something, with room for
    the longest request of any. A server needs no start, so there each has its own connection, whose
    costs are its own; they share the budget."""

    runs: Sequence[Preflight]
    spent: float = 0.0
    _sampler: Sampler | None = field(default=None, init=False)

    def open(self, ready: Preflight, missing: Sequence[Request]) -> AbstractContextManager[Sampler]:
        """Return the engine; leaving the context does not stop it."""
        if ready.subject.engine == "openai":
            return closing(self._served(ready, missing))
        return self._lent(ready)

    def close(self) -> None:
        """Stop the engine."""
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None

    @contextmanager
    def _lent(self, ready: Preflight) -> Iterator[Sampler]:
        if self._sampler is None:
            requests = [request for run in self.runs for request in run.plan.requests()]
            self._sampler = ready.subject.build_sampler(ready.suites, requests)
        yield self._sampler

    def _served(self, ready: Preflight, missing: Sequence[Request]) -> Sampler:
        config, limit = ready.subject.config, ready.config.requests.max_cost
        if limit is not None:
            requests = config.requests.model_copy(update={"max_cost": max(0, limit - self.spent)})
            config = config.model_copy(update={"requests": requests})
        return replace(ready.subject, config=config).build_sampler(ready.suites, missing)
