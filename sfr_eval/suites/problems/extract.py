"""Takes the program out of an answer; "" if it contains none."""

import ast
import builtins

from sfr_eval.thinking import after_thinking

FENCE = "```"


def between_last_fences(answer: str) -> str:
    """Apply LiveCodeBench's rule for chat models: the lines between the last two lines that contain
    three backticks; "" with fewer than two such lines."""
    lines = answer.split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE in line]
    if len(fences) < 2:
        return ""
    return "\n".join(lines[fences[-2] + 1 : fences[-1]])


def chat_code(answer: str, *, name: str = "") -> str:
    """Return the program of a chat answer: the last fenced block that defines `name`, else the last
    that is Python, else the last. A block without a closing fence extends to the end of the text.
    Without any fence, the whole answer if it is Python."""
    answer = after_thinking(answer)
    if FENCE not in answer:
        return answer.strip("\n") if _names(answer) is not None else ""
    blocks = [block for block in fenced_blocks(answer) if block.strip()]
    if not blocks:
        return ""
    names_of_blocks = [_names(block) for block in blocks]
    for required in ({name}, set()):
        for block, names in zip(reversed(blocks), reversed(names_of_blocks), strict=True):
            if names is not None and required <= names:
                return block
    return blocks[-1]


def fenced_blocks(answer: str) -> list[str]:
    """Return the contents of all fenced blocks, in order; the last may lack its closing fence."""
    parts: list[list[str]] = [[]]  # alternately outside and inside of fences
    for line in answer.split("\n"):
        if line.lstrip().startswith(FENCE):
            parts.append([])
        else:
            parts[-1].append(line)
    if not parts[-1]:  # the answer ends with a fence
        parts.pop()
    return ["\n".join(lines) for lines in parts[1::2]]


def few_shot_code(answer: str) -> str:
    """Return the program of a continued 3-shot prompt: after [BEGIN] if repeated, before [DONE]. If
    the model fences its code anyway, the fences count."""
    answer = answer.partition("[DONE]")[0]
    answer = answer.partition("[BEGIN]")[2] if "[BEGIN]" in answer else answer
    return chat_code(answer) if FENCE in answer else answer.strip("\n")


def called_function(assertion: str) -> str:
    """Return the function that an assert tests: the outermost called name that is not a builtin."""
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
    """Return the top-level names of a program; None if it is not Python or has no effect."""
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
