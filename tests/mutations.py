"""Wrong answers by the hundred: every single small slip that can be made in a right one.

Each mutant of a function differs from it in one place: a + that became a -, a < that became <=, a number that is
one too large, a keyword or a line that was forgotten. Some mutants happen to be right (a <= where equality never
occurs); a check that catches nearly all others is a good check.
"""

import ast
import copy
import inspect
import textwrap

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {
    "max": "min", "min": "max", "argmax": "argmin", "argmin": "argmax", "any": "all", "all": "any", "sum": "max",
    "mean": "sum", "log": "log2", "log2": "log", "sorted": "list", "set": "list", "exp": "log", "sqrt": "exp",
    "append": "insert",
}  # fmt: skip


def mutants(function):
    """Yield (what was changed, the changed function) for every slip."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    if ast.get_docstring(tree.body[0]) is not None:
        del tree.body[0].body[0]
    for i, node in enumerate(ast.walk(tree)):
        for j, (what, _) in enumerate(_changes(node)):
            mutant = copy.deepcopy(tree)
            same_node = list(ast.walk(mutant))[i]
            _changes(same_node)[j][1]()
            source = ast.unparse(ast.fix_missing_locations(mutant))
            scope = dict(function.__globals__)
            exec(compile(source, f"<mutant of {function.__name__}>", "exec"), scope)
            yield what, scope[function.__name__]


def _changes(node):
    """[(description, function that makes the change in place)] for one node."""
    found = []

    def change(what, **fields):
        found.append((what, lambda: [setattr(node, name, value) for name, value in fields.items()]))

    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]
        change(f"{type(node.op).__name__} -> {other.__name__} in `{ast.unparse(node)}`", op=other())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        other = OPERATORS[type(node.ops[0])]
        change(f"-> {other.__name__} in `{ast.unparse(node)}`", ops=[other(), *node.ops[1:]])
    if isinstance(node, ast.Constant) and type(node.value) is int:
        change(f"{node.value} -> {node.value + 1}", value=node.value + 1)
        change(f"{node.value} -> {node.value - 1}", value=node.value - 1)
    if isinstance(node, ast.Constant) and type(node.value) is float:
        change(f"{node.value} -> {node.value * 2 + 1}", value=node.value * 2 + 1)
    if isinstance(node, ast.UnaryOp):
        change(
            f"without the sign of `{ast.unparse(node)}`", op=ast.UAdd() if isinstance(node.op, ast.USub) else node.op
        )
        if isinstance(node.op, ast.Not):
            found[-1] = (f"without the not of `{ast.unparse(node)}`", lambda: setattr(node, "op", ast.UAdd()))
    if isinstance(node, ast.Name) and node.id in NAMES:
        change(f"{node.id} -> {NAMES[node.id]}", id=NAMES[node.id])
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        change(f".{node.attr} -> .{NAMES[node.attr]}", attr=NAMES[node.attr])
    if isinstance(node, ast.Call):
        for k in range(len(node.keywords)):
            rest = node.keywords[:k] + node.keywords[k + 1 :]
            change(f"without {node.keywords[k].arg}= in `{ast.unparse(node)}`", keywords=rest)
        if len(node.args) == 2 and not node.keywords:
            change(f"arguments swapped in `{ast.unparse(node)}`", args=node.args[::-1])
    if isinstance(node, ast.Slice):
        if node.lower is not None:
            change(f"`{ast.unparse(node)}` without its begin", lower=None)
        if node.upper is not None:
            change(f"`{ast.unparse(node)}` without its end", upper=None)
    body = getattr(node, "body", None)
    if isinstance(body, list):
        for k, line in enumerate(body):
            if not isinstance(line, ast.Return | ast.FunctionDef | ast.Pass):
                text = ast.unparse(line).splitlines()[0]
                change(f"without the line `{text}`", body=[*body[:k], ast.Pass(), *body[k + 1 :]])
    return found
