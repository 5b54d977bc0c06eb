"""MBPP, HumanEval and EvalPlus: the program and all its tests in one process, one namespace."""

import marshal
from typing import Any

from .fresh import compiled, new_main
from .plain import decode, encode, error_name
from .wire import read_frame, write_json

_NOTHING = marshal.dumps([])


def run(job: dict[str, Any], fd: int) -> None:
    """Run code and setup, then answer each item. The answer is the value of an expression ("c"),
    the result of a call ("f" with arguments "a"), or the token of a statement that raised nothing
    ("x", "t")."""
    names = new_main().__dict__
    try:
        exec(compiled(job["code"]), names)
        if job["setup"]:
            exec(compile(job["setup"], "<setup>", "exec", dont_inherit=True), names)
        items = marshal.loads(read_frame(fd) or _NOTHING)
    except BaseException as error:  # noqa: BLE001  sys.exit too: nothing was answered yet
        write_json(fd, {"e": error_name(error)})
        return
    for item in items:
        try:
            if "c" in item:
                reply = {"v": encode(eval(compile(item["c"], "<test>", "eval"), names))}
            elif "f" in item:
                reply = {"v": encode(names[item["f"]](*decode(item["a"])))}
            else:
                exec(compile(item["x"], "<test>", "exec", dont_inherit=True), names)
                reply = {"t": item["t"]}
        except BaseException as error:  # noqa: BLE001
            reply = {"e": error_name(error)}
        write_json(fd, reply)
