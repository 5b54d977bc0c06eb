"""Tells Python from words: names that code defines, code among words, pasted prompts."""

import ast
import builtins
import keyword
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence

_STATEMENT = re.compile(
    r"\s*(?:(?:async\s+)?def\s|class\s|import\s|from\s+\S+\s+import\s|@\w|[A-Za-z_]\w*\s*=[^=]|#|"
    r"(?:if|for|while|with)\s.*:|try:)"
)
_WORDS = re.compile(
    r"\s*(?:[^\x00-\x7f]|\*|[-•] |\d+[.)] |<|`|>|"
    r"(?P<first>[A-Za-z][\w'\u2019-]*)(?:[,:;]?\s+\w[\w'\u2019-]*|[.!?:]\s*$))"
)
_NOT_WORDS = {*keyword.kwlist, "print", "exec", "match", "case", "type"}
_PROMPT = re.compile(r"(\s*)(?:>>>|In \[\d+\]:)(?: |$)")
_FURTHER = re.compile(r"\s*(?:\.\.\.|\.{3,}:)(?: |$)")
_LABEL = re.compile(r"\A(?:\s*(?:python[\d.]*|py|copy(?: code)?)[ \t]*\n)+", re.IGNORECASE)
_COMMAND = re.compile(r"^[%!].*$", re.MULTILINE)
_QUOTES = ("'''", '"""')
_INVISIBLE = {ord("\u00a0"): " ", ord("\u200b"): None, ord("\ufeff"): None}
_MOST_LINES = 2_000  # of one program
_MOST_CHUNKS = 60  # of one statement, such as a text of many lines
_MOST_PARSES = 500  # of one answer


def parsed(code: str) -> ast.Module | None:
    """Return the tree of a program; None if it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a "\d" in the text of a model
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def names_of(code: str) -> set[str] | None:
    """Return the top-level names of a program; None if it is not Python or has no effect. A bare
    function body, which returns at top level, is not a program."""
    tree = parsed(code)
    if tree is None or not any(_has_effect(node) for node in tree.body) or returns(tree):
        return None
    return set(_names(tree.body))


def does_something(code: str) -> bool:
    """Return whether code is Python and more than values."""
    tree = parsed(code)
    return tree is not None and any(_has_effect(node) for node in tree.body)


def returns(tree: ast.Module) -> bool:
    """Return whether a statement outside of all functions returns or yields."""
    nodes: list[ast.AST] = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            nodes.extend(ast.iter_child_nodes(node))
    return False


def readings(code: str) -> Iterator[str]:
    """Yield the ways to read pasted code: as it is, without its common indentation, without the
    prompts and commands of a shell or a notebook, without characters that cannot be seen. The name
    of the language, left from a fence or a button, does not belong to it."""
    code = _LABEL.sub("", code)
    visible = code.translate(_INVISIBLE)
    for text in dict.fromkeys((code, visible)):
        yield text
        yield textwrap.dedent(text)
        if any(_PROMPT.match(line) for line in text.split("\n")):
            yield textwrap.dedent(_without_prompts(text))
        if _COMMAND.search(text):
            yield textwrap.dedent(_COMMAND.sub("", text))


def program_among_words(text: str, *, name: str = "") -> str:
    """Return the last run of statements between words that defines a function or class, if that is
    `name` or no name is given; else "". A text that goes on with other functions is one that did
    not stop, as of a base model. Code that breaks off is not a program either: what follows the
    statements must read as words."""
    lines = text.split("\n")
    program, place, budget = "", 0, [_MOST_PARSES]
    while place < len(lines) and budget[0] > 0:
        if not _STATEMENT.match(lines[place]):
            place += 1
            continue
        code, count = _statements(lines[place : place + _MOST_LINES], budget)
        place += max(1, count)
        tree = parsed(code) if code else None
        if tree is None or returns(tree):
            continue
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        defines = any(isinstance(node, kinds) for node in tree.body)
        if name in set(_names(tree.body)) or (defines and not name):
            program = code
        elif defines:
            program = ""
    return program


def with_definitions(code: str, earlier: Sequence[tuple[str, set[str]]]) -> str:
    """Put earlier programs (code, names) in front that define what this one uses and lacks. Those
    that do more than to define are examples of use, and stay out."""
    lacking, front = _lacking(code), ""
    for other, names in reversed(earlier):
        tree = parsed(other)
        if lacking & names and tree is not None and all(map(_defines, tree.body)):
            front = f"{other}\n\n\n{front}"
            lacking = (lacking - names) | (_lacking(other) - names)
    return front + code


def _lacking(code: str) -> set[str]:
    """Return the names that code reads and nothing in it sets."""
    tree = parsed(code)
    nodes = list(ast.walk(tree)) if tree is not None else []
    read, known = set(), set(dir(builtins))
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                known.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                known.add(name)
            case ast.ClassDef(name=name):
                known.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                known |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    return read - known


def _defines(node: ast.stmt) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return isinstance(node, (*kinds, ast.Assign, ast.AnnAssign)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def body_after(head: str, code: str) -> str:
    """Return the code that completes the function which `head` leaves open, indented as it must
    be; "" if `code` does not. What stands behind the body is left out, as the stops of HumanEval
    do, and so are words."""
    code = code.strip("\n")
    if not code.strip():
        return ""
    lead = " " * (len(_last_line(head)) - len(_last_line(head).lstrip()) or 4)
    tree = parsed(code)
    forms = [lead + code.lstrip()]  # the answer's first blanks are lost, or one of them
    if code[:1] in " \t":
        forms = [code, *forms, code.expandtabs(4)]
    elif tree is not None and returns(tree):
        forms = [textwrap.indent(code, lead)]
    for form in forms:
        for body in (_indented(form), form):
            whole = parsed(f"{head.rstrip()}\n{body}")
            alone = parsed(f"def body():\n{body}")
            if whole is None or alone is None or returns(whole):
                continue
            if any(_has_effect(node) for part in alone.body[:1] for node in _inner(part)):
                return body
    return ""


def _inner(node: ast.stmt) -> list[ast.stmt]:
    return node.body if isinstance(node, ast.FunctionDef) else []


def _last_line(head: str) -> str:
    return head.rstrip().rpartition("\n")[2]


def _indented(code: str) -> str:
    """Return the lines up to the first that is not indented."""
    lines = code.split("\n")
    end = next((n for n, line in enumerate(lines) if line[:1].strip()), len(lines))
    return "\n".join(lines[:end]).rstrip()


def _without_prompts(code: str) -> str:
    """Return what was typed at prompts, without what was printed."""
    typed, indent = [], ""
    for line in code.split("\n"):
        if match := _PROMPT.match(line):
            indent = match[1]
            typed.append(indent + line[match.end() :])
        elif match := _FURTHER.match(line):
            typed.append(indent + line[match.end() :])
    return "\n".join(typed)


def _statements(lines: list[str], budget: list[int]) -> tuple[str, int]:
    """Return the statements at the start of these lines, and how many lines were read; "" as code
    if they break off."""
    indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    end = next(
        (n for n, line in enumerate(lines) if line.strip() and not line.startswith(indent)),
        len(lines),
    )
    block = [line[len(indent) :] for line in lines[:end]]
    starts = [n for n, line in enumerate(block) if line[:1].strip()] + [end]
    good = 0  # of the starts: all before it are statements
    while good < len(starts) - 1:
        first, last = starts[good], min(good + _MOST_CHUNKS, len(starts) - 1)
        size = next(
            (
                n
                for n in range(good + 1, last + 1)
                if _is_statement(block[first : starts[n]], budget)
            ),
            None,
        )
        if size is None:
            break
        good = size
    code = "\n".join(block[: starts[good]]).rstrip()
    if good == len(starts) - 1:
        return code, end
    line = block[starts[good]]
    words = _reads_as_words(line) or line.strip() in _QUOTES  # quotes for a fence
    words = words or (parsed(line) is not None and not does_something(line))
    return (code if words else ""), starts[good] or 1


def _is_statement(lines: list[str], budget: list[int]) -> bool:
    if budget[0] <= 0 or _reads_as_words(lines[0]):
        return False
    budget[0] -= 1
    tree = parsed("\n".join(lines))
    return tree is not None and (not tree.body or any(_has_effect(node) for node in tree.body))


def _reads_as_words(line: str) -> bool:
    match = _WORDS.match(line)
    return match is not None and match["first"] not in _NOT_WORDS


def _has_effect(node: ast.stmt) -> bool:
    """A name or a value alone does nothing, and `Note: this` is an annotation to Python."""
    if isinstance(node, ast.AnnAssign):
        return node.value is not None
    return not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call)


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
            case ast.If() | ast.Try():
                yield from _names(node.body)
                yield from _names(node.orelse)
