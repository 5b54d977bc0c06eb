"""Recognises equal programs by their syntax trees, without the parts that have no effect."""

import ast
import hashlib
from collections.abc import Collection

_NAME_FIELDS: dict[type, str] = {
    ast.Name: "id",
    ast.arg: "arg",
    ast.keyword: "arg",
    ast.alias: "asname",
    ast.ExceptHandler: "name",
    ast.ClassDef: "name",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
}


def shape(code: str) -> str:
    """Return a short hash of the normalised syntax tree. It is equal for programs that differ only
    in comments, layout, docstrings, annotations, unused imports, and the names of their own
    variables, functions and arguments. Names are numbered in order of first use, regardless of
    scope: programs that share names between scopes differently count as different. A text that is
    not Python is hashed as it is."""
    try:
        tree = ast.parse(code)
        tree = ast.fix_missing_locations(_Normaliser(_own_names(tree)).visit(tree))
        _drop_unused_imports(tree)
        text = ast.dump(tree, annotate_fields=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = code.strip()
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _own_names(tree: ast.Module) -> set[str | None]:
    """Return the names that the program binds, except methods, which are accessed as attributes."""
    methods = {
        id(member)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for member in node.body
    }
    names: set[str | None] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.alias(asname=name)
                | ast.ClassDef(name=name)
                | ast.ExceptHandler(name=name)
            ):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if id(node) not in methods:
                    names.add(name)
    return names - {None}


class _Normaliser(ast.NodeTransformer):
    def __init__(self, own_names: Collection[str | None]) -> None:
        self._own_names = own_names
        self._numbers: dict[str | None, str] = {}

    def _name(self, name: str | None) -> str | None:
        if name not in self._own_names:
            return name
        return self._numbers.setdefault(name, f"_{len(self._numbers)}")

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        node.names = [str(self._name(name)) for name in node.names]
        return node

    visit_Nonlocal = visit_Global

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return ast.Pass()
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(plain, node))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Rename a node, then visit its parts; remove annotations and statements without effect."""
        field = _NAME_FIELDS.get(type(node))
        if field is not None:
            setattr(node, field, self._name(getattr(node, field)))
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [child for child in node.body if not _idle(child)] or [ast.Pass()]
        return node


def _idle(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, another constant that stands alone, or `pass`."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass)


def _drop_unused_imports(tree: ast.AST) -> None:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [child for child in body if _is_used(child, used)]  # type: ignore[attr-defined]


def _is_used(node: ast.stmt, used: set[str]) -> bool:
    """Drop the unused names of an import; False if none is left. Other statements count as used."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return True
    node.names = [
        alias
        for alias in node.names
        if alias.name == "*" or (alias.asname or alias.name.split(".")[0]) in used
    ]
    return bool(node.names)
