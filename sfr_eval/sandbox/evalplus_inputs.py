"""Restores the tuples, sets and complex numbers that MBPP+ lost by storing inputs as JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import CallsProblem

Change = Callable[[Sequence[Any]], Sequence[Any]]


def _tuples(items: Iterable[Any]) -> list[Any]:
    return [tuple(item) for item in items]


def _all_tuples(item: Any) -> Any:
    return tuple(_all_tuples(inner) for inner in item) if isinstance(item, list) else item


def _sets(items: Iterable[Any]) -> list[Any]:
    items = list(items)
    if any(len(item) > _MOST_ELEMENTS for item in items):
        raise ValueError("a set of too many elements")  # they could be chosen to collide
    return [set(item) if isinstance(item, list) and item else {} for item in items]


_MOST_ELEMENTS = 1000
_ALSO_TUPLES = (429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809)
_CHANGES: list[tuple[tuple[int, ...], Change]] = [
    # every argument is a tuple
    ((2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, *_ALSO_TUPLES), _tuples),
    # every argument is a list of tuples
    (
        (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
        lambda inputs: [_tuples(argument) for argument in inputs],
    ),
    # the first is a list of tuples
    ((75, 413, 444, 753), lambda inputs: [_tuples(inputs[0]), inputs[1]]),
    # the second is a tuple
    ((106, 750), lambda inputs: [inputs[0], tuple(inputs[1])]),
    # the first is a tuple
    ((250, 405, 446, 617, 720, 763, 808, 307), lambda inputs: [tuple(inputs[0]), *inputs[1:]]),
    # tuples of tuples
    ((259, 401, 445), lambda inputs: [tuple(_tuples(argument)) for argument in inputs]),
    ((580, 615, 791), lambda inputs: _all_tuples(list(inputs))),
    # a tuple of tuples and other things
    (
        (278,),
        lambda inputs: [
            tuple(tuple(item) if isinstance(item, list) else item for item in inputs[0])
        ],
    ),
    # the rest
    ((115,), lambda inputs: [_sets(inputs[0])]),
    ((124,), lambda inputs: [float(inputs[0]), complex(inputs[1])]),
    ((252,), lambda inputs: [complex(inputs[0])]),
    ((722,), lambda inputs: [{key: tuple(item) for key, item in inputs[0].items()}, *inputs[1:]]),
]
_BY_TASK = {f"Mbpp/{task}": change for tasks, change in _CHANGES for task in tasks}


def evalplus_inputs(task: str, inputs: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    """Return the argument tuples of an EvalPlus task (`Mbpp/2`, `HumanEval/0`) from its JSON.
    Raises UserError if they are not what the task takes."""
    change = _BY_TASK.get(task)
    try:
        return tuple(tuple(change(row) if change else row) for row in inputs)
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"{task}: its inputs are not those of EvalPlus ({error})") from None


def calls_problem(
    *, id: str, function: str, inputs: Sequence[Sequence[Any]], reference: str, tolerance: float
) -> CallsProblem:
    """Return an EvalPlus task as a problem; `inputs` are as in its JSON."""
    return CallsProblem(
        id=id,
        function=function,
        inputs=evalplus_inputs(id, inputs),
        reference=reference,
        tolerance=tolerance,
    )
