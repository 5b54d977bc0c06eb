"""Recognises equal programs by their syntax trees, without the parts that have no effect."""

import ast
import hashlib


def shape(code: str) -> str:
    """Return a short hash of the normalised syntax tree. It is equal for programs that differ only
    in comments, layout, docstrings, annotations, unused imports, and the names of their own
    variables, functions and arguments. Names are numbered in order of first use, regardless of
    scope: programs that share names between scopes differently count as different. A text that is
    not Python is hashed as it is."""
    try:
        tree = ast.parse(code)
        names = _own_names(tree)
        tree = ast.fix_missing_locations(_Normaliser(names).visit(tree))
        _drop_unused_imports(tree)
        text = ast.dump(tree, annotate_fields=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = code.strip()
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _own_names(tree: ast.Module) -> set[str]:
    """Return the names that the program binds, except methods, which are accessed as attributes."""
    methods = {
        id(member)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for member in node.body
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if id(node) not in methods:
                names.add(node.name)
        elif isinstance(node, ast.ClassDef | ast.ExceptHandler):
            names.add(node.name or "")
        elif isinstance(node, ast.alias):
            names.add(node.asname or "")
    return names - {""}


class _Normaliser(ast.NodeTransformer):
    def __init__(self, own: set[str]) -> None:
        self._own = own
        self._numbers: dict[str, str] = {}

    def _name(self, name: str) -> str:
        if name not in self._own:
            return name
        return self._numbers.setdefault(name, f"_{len(self._numbers)}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self._name(node.arg), None
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg is not None:
            node.arg = self._name(node.arg)
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._name(name) for name in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = [self._name(name) for name in node.names]
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        if node.asname:
            node.asname = self._name(node.asname)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        if node.name:
            node.name = self._name(node.name)
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return ast.Pass()
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._name(node.name)
        return self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = self._name(node.name), None
        return self._body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name, node.returns = self._name(node.name), None
        return self._body(node)

    def _body(
        self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.AST:
        """Remove docstrings, and constants and passes that stand alone."""
        self.generic_visit(node)
        node.body = [child for child in node.body if not _idle(child)] or [ast.Pass()]
        return node


def _idle(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass)


def _drop_unused_imports(tree: ast.AST) -> None:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [kept for child in body if (kept := _used_import(child, used))]  # type: ignore[attr-defined]


def _used_import(node: ast.stmt, used: set[str]) -> ast.stmt | None:
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return node
    node.names = [
        alias
        for alias in node.names
        if alias.name == "*" or (alias.asname or alias.name.split(".")[0]) in used
    ]
    return node if node.names else None
