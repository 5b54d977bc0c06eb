"""From an answer to a program. Every rule gives "" where there is no program."""

import ast
import builtins

FENCE = "```"


def between_last_fences(answer: str) -> str:
    """LiveCodeBench's rule for chat models: the lines between the last two lines that hold three
    backticks; "" with fewer than two such lines."""
    lines = answer.split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE in line]
    if len(fences) < 2:
        return ""
    return "\n".join(lines[fences[-2] + 1 : fences[-1]])


def chat_code(answer: str, *, name: str = "") -> str:
    """The program of a chat answer: of its fenced blocks the last that defines `name`, else the
    last that is Python, else the last. A block that is cut off counts to the end of the text.
    Without any fence the whole answer, if it is Python. Text up to a closing think tag is no part
    of the answer."""
    answer = answer.rpartition("</think>")[2]
    if FENCE not in answer:
        return answer.strip("\n") if _names(answer) is not None else ""
    blocks = [block for block in fenced_blocks(answer) if block.strip()]
    if not blocks:
        return ""
    defined = [_names(block) for block in blocks]
    for wanted in ([name], []):
        for block, names in zip(reversed(blocks), reversed(defined), strict=True):
            if names is not None and set(wanted) <= names:
                return block
    return blocks[-1]


def fenced_blocks(answer: str) -> list[str]:
    """Contents of all fenced blocks, in order; the last may lack its closing fence."""
    blocks: list[str] = []
    inside: list[str] | None = None
    for line in answer.split("\n"):
        if line.lstrip().startswith(FENCE):
            if inside is None:
                inside = []
            else:
                blocks.append("\n".join(inside))
                inside = None
        elif inside is not None:
            inside.append(line)
    if inside:
        blocks.append("\n".join(inside))
    return blocks


def few_shot_code(answer: str) -> str:
    """The program of a continued 3-shot prompt: behind [BEGIN] if it is repeated, before [DONE].
    A model that fences its code anyway is taken at its word."""
    answer = answer.partition("[DONE]")[0]
    answer = answer.partition("[BEGIN]")[2] if "[BEGIN]" in answer else answer
    return chat_code(answer) if FENCE in answer else answer.strip("\n")


def completion_code(answer: str, *, prompt: str) -> str:
    """The program of a completion: the prompt and what follows it."""
    return prompt + answer


def called_function(assertion: str) -> str:
    """Name of the function that an assert tests: the outermost called name that is no builtin."""
    try:
        tree = ast.parse(assertion)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and not hasattr(builtins, called.id):
            return called.id
    return ""


def _names(code: str) -> set[str] | None:
    """Top-level functions and classes of a program; None if it is not Python or says nothing."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in body):
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in body if isinstance(node, kinds)}
    for node in body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
