"""Programs in, verdicts out, in the order in which they finish."""

from collections.abc import Iterable, Iterator

from sfr_eval.sandbox.types import Limits, Mode, Program, Verdict


def grade(
    programs: Iterable[Program],
    *,
    mode: Mode = "faithful",
    workers: int | None = None,
    limits: Limits | None = None,
    unsafe: bool = False,
) -> Iterator[Verdict]:
    """Yield one Verdict for each Program, in the order they finish.

    workers: programs that run at the same time; None is the number of physical cores.
    limits: None is `Limits()`. unsafe: run also where the machine offers no isolation.
    """
    raise NotImplementedError
