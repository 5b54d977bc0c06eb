"""Where checks apply: one place for each check, suite, temperature and group of a slice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.gate.snapshot import Snapshot, SuiteSnapshot
from sfr_eval.gate.spec import Check, Direction


@dataclass(frozen=True, kw_only=True)
class Place:
    """A check at one place. `group` is (by, group), or None for all queries."""

    check: Check
    suite: str
    temperature: float | None  # None: at matched quality
    group: tuple[str, str] | None
    better: Direction

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1: a difference times this is a gain."""
        return 1 if self.better == "higher" else -1


def places(checks: Sequence[Check], baseline: Snapshot) -> Iterator[Place]:
    """Yield every place that the checks name, in their order. Raises UserError for what the
    baseline lacks."""
    for check in checks:
        better = check.better
        if better is None:
            raise UserError(
                f"check {check.metric}: neither direction is better by itself; set `direction: "
                "higher` or `lower`"
            )
        suites = {
            id: suite
            for id, suite in baseline.suites.items()
            if check.suite in (None, id) and check.metric in suite.metrics
        }
        if not suites:
            raise UserError(f"check {check.metric}: {_missing(check, baseline)}")
        for id, suite in suites.items():
            for temperature in _temperatures(check, suite):
                for group in _groups(check, id, suite):
                    yield Place(
                        check=check, suite=id, temperature=temperature, group=group, better=better
                    )


def _temperatures(check: Check, suite: SuiteSnapshot) -> Sequence[float | None]:
    temperatures = suite.temperatures(check.metric)
    if check.matched is not None:
        if check.matched not in suite.metrics:
            raise UserError(
                f"check {check.metric}: matched: the baseline has no {check.matched}; write it "
                "again with these checks in --config"
            )
        return [None]
    if check.temperature is None:
        return temperatures
    if check.temperature not in temperatures:
        shown = ", ".join(f"{t:g}" for t in temperatures)
        raise UserError(
            f"check {check.metric}: the baseline has no T = {check.temperature:g} (only {shown}); "
            "write it again with these checks in --config"
        )
    return [check.temperature]


def _groups(check: Check, id: str, suite: SuiteSnapshot) -> Sequence[tuple[str, str] | None]:
    if check.group is None:
        return [None]
    by, group = check.group
    groups = suite.groups(by)
    if not groups:
        raise UserError(
            f"check {check.metric}: the baseline of {id} has no slice `{by}`; it has "
            f"{', '.join(suite.slices) or 'none'} (written where the suite's data are at hand)"
        )
    if group is None:
        return [(by, name) for name in groups]
    if group not in groups:
        raise UserError(
            f"check {check.metric}: slice {by} has no group `{group}`; "
            f"{did_you_mean(group, groups)}"
        )
    return [(by, group)]


def _missing(check: Check, baseline: Snapshot) -> str:
    if check.suite is not None and check.suite not in baseline.suites:
        hint = did_you_mean(check.suite, baseline.suites)
        return f"the baseline has no suite `{check.suite}`; {hint}"
    metrics = {metric for suite in baseline.suites.values() for metric in suite.metrics}
    return (
        f"not in the baseline, {did_you_mean(check.metric, metrics)}; write it again with these "
        "checks in --config"
    )
