"""Takes the program out of an answer; "" if it contains none."""

import ast
import builtins
import re
from collections.abc import Callable

from sfr_eval.suites.problems.markdown import Block, blocks
from sfr_eval.suites.problems.python_text import (
    body_after,
    does_something,
    names_of,
    parsed,
    program_among_words,
    readings,
    returns,
    with_definitions,
)
from sfr_eval.thinking import after_thinking

FENCE = "```"
_TOKEN = (
    r"(?:<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|eom_id|end|eot|EOT|eos|return|call|user|"
    r"end_of_turn|END_OF_TURN_TOKEN|endofturn|file_sep)\|>|<\uff5c[^\n\uff5c]{1,30}\uff5c>|<end_of_turn>|<eos>)"
)
_END = re.compile(rf"{_TOKEN}(?=\s*(?:\n|\Z|{_TOKEN}))")
_BEGIN, _DONE = (re.compile(rf"^\s*\[{mark}\]\s*$", re.M) for mark in ("BEGIN", "DONE"))
"""Lines around a program in MBPP's 3-shot prompt. Python reads them as lists of a name."""
_LAST_ENDS = re.compile(r"(?:\s*</s>)+\s*\Z")


def between_last_fences(answer: str) -> str:
    """Apply LiveCodeBench's rule for chat models: the lines between the last two lines that contain
    three backticks; "" with fewer than two such lines."""
    lines = answer.split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE in line]
    if len(fences) < 2:
        return ""
    return "\n".join(lines[fences[-2] + 1 : fences[-1]])


def chat_code(answer: str, *, name: str = "", head: str = "") -> str:
    """Return the program of a chat answer: the last block that defines `name`; else code between
    words that does; else the last block that is Python, else the last. Functions that it uses and
    only an earlier block defines come first. A block without a closing fence extends to the end of
    the text. Without any block, the whole answer if it is Python. With `head`, code that the answer
    may continue, a block may also be the rest of its function, which comes back indented."""
    answer = plain(answer)

    def read(code: str) -> tuple[str, set[str] | None]:
        for reading in readings(code):
            if (names := names_of(reading)) is not None:
                return reading, names
            if head and (body := body_after(head, reading)):
                return body, {name}
        return code, None

    code, names = read(answer)
    if names is not None and (not name or name in names):
        return code.strip("\n")
    found = blocks(answer, lambda code: read(code)[1] is not None)
    programs = []
    for block in found or [Block(code=answer)]:
        code, names = read(block.code)
        for first in block.first_lines:
            if names is None:
                code, names = read(f"{first}\n{block.code}")
        if names is not None and (block.is_python or name in names):
            programs.append((code.strip("\n"), names))
    for place in reversed(range(len(programs))):
        if name in programs[place][1]:
            return with_definitions(programs[place][0], programs[:place])
    if (name or not found) and (code := program_among_words(answer, name=name)):
        return code
    if programs:
        return with_definitions(programs[-1][0], programs[:-1])
    if not found:
        return answer.strip("\n") if does_something(answer) else ""
    return found[-1].code


def few_shot_code(answer: str) -> str:
    """Return the program of a continued 3-shot prompt: after [BEGIN] if repeated, before [DONE]. If
    the model marks its code as a block anyway, the marks count."""
    answer = plain(answer).partition("[DONE]")[0]
    answer = answer.partition("[BEGIN]")[2] if "[BEGIN]" in answer else answer
    if parsed(answer) is None and (code := chat_code(answer)):
        return code
    return answer.strip("\n")


def completed(answer: str, *, head: str, read: Callable[[str], str]) -> str:
    """Append a completion to the code that it completes, as HumanEval's paper does. What is no
    Python there is read as a chat answer: it may close a fence, or hold the tokens of a template.
    """
    program = head + answer
    tree = parsed(program)
    if tree is not None and not returns(tree):
        return program
    return read(answer) or program


def plain(answer: str) -> str:
    """Return an answer without its thinking, without what a tokenizer left at its end, and with
    line ends as Python writes them. What follows an end of turn is another turn."""
    answer = after_thinking(answer).replace("\r\n", "\n").removeprefix("\ufeff")
    answer = answer if "\n" in answer else answer.replace("\r", "\n")
    answer = answer.removeprefix("<|python_tag|>").removeprefix("<s>")
    for match in _END.finditer(answer):
        if answer[: match.start()].strip():
            answer = answer[: match.start()]
            break
    if (done := _DONE.search(answer)) and answer[: done.start()].strip():
        answer = answer[: done.start()]
    if begin := _BEGIN.search(answer):
        answer = answer[begin.end() :]
    return _LAST_ENDS.sub("", answer)


def called_function(assertion: str) -> str:
    """Return the function that an assert tests: the outermost called name that is not a builtin."""
    tree = parsed(assertion)
    for node in ast.walk(tree) if tree is not None else ():
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and not hasattr(builtins, called.id):
            return called.id
    return ""
