"""pytest tests/samplers/test_backlog.py"""

from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.samplers.backlog import COHORT, DEATHS, Backlog
from sfr_eval.types import Message, Prompt, Request, Sample, Sampling


def requests(count: int) -> list[Request]:
    prompt = Prompt(suite="s", query="q", persona="p", messages=(Message("user", "?"),))
    return [
        Request(
            sample_id=f"{number:032x}",
            prompt=prompt,
            sampling=Sampling(temperature=1.0),
            index=number,
            seed=number,
        )
        for number in range(count)
    ]


def test_fresh_requests_come_in_order_and_no_more_than_asked() -> None:
    asked = requests(5)
    backlog = Backlog(asked)
    assert backlog.fresh(3) == asked[:3]
    assert backlog.fresh(3) == asked[3:]
    assert backlog.fresh(3) == []
    assert len(backlog) == 0


def test_lost_requests_return_in_cohorts_then_alone_then_fail() -> None:
    asked = requests(COHORT + 1)
    backlog = Backlog(())
    assert backlog.lost(asked, why="x") == []
    first, second = backlog.cohort(), backlog.cohort()
    assert (first, second, backlog.cohort()) == (asked[:COHORT], asked[COHORT:], [])
    assert backlog.lost(second, why="x") == []
    assert backlog.cohort() == second
    (row,) = backlog.lost(second, why="killed by signal 9")
    assert (row.sample_id, row.status, row.text) == (second[0].sample_id, "error", "")
    assert row.error == "3 replicas died over it (killed by signal 9)"
    assert backlog.cohort() == []


def test_requests_of_a_reclaimed_node_are_not_blamed() -> None:
    asked = requests(3)
    backlog = Backlog(asked)
    for _ in range(DEATHS + 1):
        backlog.returned(backlog.fresh(2))
    assert backlog.fresh(9) == asked


@settings(deadline=None)
@given(
    count=st.integers(0, 200),
    poison=st.sets(st.integers(0, 199), max_size=4),
    window=st.integers(1, 100),
    data=st.data(),
)
def test_whatever_kills_only_the_killers_are_given_up(
    count: int, poison: set[int], window: int, data: st.DataObject
) -> None:
    """A replica that takes a killer dies at it; rows that it finished before are safe."""
    asked = requests(count)
    backlog = Backlog(asked)
    rows: dict[str, Sample | None] = {}
    deaths = 0
    while backlog:
        batch = backlog.cohort() or backlog.fresh(window)
        places = range(len(batch))
        order = [
            batch[i] for i in (data.draw(st.permutations(places)) if len(batch) < 8 else places)
        ]
        left = {request.sample_id: request for request in order}
        for request in order:
            if request.index in poison:
                deaths += 1
                for row in backlog.lost(left.values(), why="dead"):
                    assert row.sample_id not in rows
                    rows[row.sample_id] = row
                break
            assert request.sample_id not in rows
            rows[left.pop(request.sample_id).sample_id] = None
    assert set(rows) == {request.sample_id for request in asked}
    given_up = {row.index for row in rows.values() if row is not None}
    assert given_up == {number for number in poison if number < count}
    assert deaths <= DEATHS * len(poison)
