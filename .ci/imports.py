"""Checks that no file of `src` imports itself through others, and no folder either.

A file's imports are its `use` paths within the crate, followed through re-exports to the file that defines the item.
Exempt is a type beside its builder: two files of one folder, one of which defines a `…Builder`.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path("src")


def modules():
    """Maps each module path to its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.rs")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "mod":
            parts = parts[:-1]
        found[() if parts == ("lib",) else parts] = path
    return found


def expand(tree):
    """Yields the paths of a `use` tree, without renames."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        yield tree.split(" as ")[0].strip()
        return
    depth, start = 0, brace + 1
    body = tree[: tree.rindex("}")] + ","
    for at in range(brace + 1, len(body)):
        depth += {"{": 1, "}": -1}.get(body[at], 0)
        if body[at] == "," and depth == 0:
            if body[start:at].strip():
                yield from (tree[:brace] + path for path in expand(body[start:at]))
            start = at + 1


def imports(text):
    """Returns the `use` paths of a file, and the names that it re-exports."""
    text = re.sub(r"//[^\n]*", "", re.split(r"#\[cfg\(test\)\]\s*mod tests", text)[0])
    paths, exports = [], {}
    for public, tree in re.findall(r"^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", text, re.M):
        for path in expand(re.sub(r"\s+", " ", tree)):
            path = path.replace(" ", "")
            paths.append(path)
            if public:
                exports[path.split("::")[-1]] = path
    return paths, exports


FILES = modules()
USES = {module: imports(path.read_text()) for module, path in FILES.items()}


def resolve(module, path, depth=0):
    """Returns the module that defines the item of a path. `None` outside of the crate."""
    names = path.split("::")
    if names[0] == "crate":
        at, names = (), names[1:]
    elif names[0] in ("self", "super"):
        at = module
        while names and names[0] in ("self", "super"):
            at = at[:-1] if names[0] == "super" else at
            names = names[1:]
    elif module + (names[0],) in FILES:
        at = module
    else:
        return None
    for name in names:
        if at + (name,) in FILES:
            at += (name,)
        elif name in USES[at][1] and depth < 8:
            found = resolve(at, USES[at][1][name], depth + 1)
            return at if found is None else found
        else:
            break
    return at


def cycles(graph):
    """Returns the strongly connected components of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def is_builder(pair):
    same_folder = len({path.parent for path in pair}) == 1
    return same_folder and any(re.search(r"struct \w+Builder\b", p.read_text()) for p in pair)


def main():
    sys.setrecursionlimit(10_000)
    files, folders = {}, {}
    for module, (paths, _) in USES.items():
        path = FILES[module]
        for target in filter(None, (resolve(module, path) for path in paths)):
            if path.name not in ("mod.rs", "lib.rs") and FILES[target].name not in ("mod.rs", "lib.rs"):
                files.setdefault(path, set()).add(FILES[target])
            if module and module[0] != target[0]:
                folders.setdefault(module[0], set()).add(target[0])
    for path, targets in files.items():
        targets.discard(path)
    bad = [cycle for cycle in cycles(files) if not (len(cycle) == 2 and is_builder(cycle))]
    bad += cycles(folders)
    for cycle in bad:
        print("import cycle:", ", ".join(str(node) for node in cycle))
    print(f"{len(FILES)} files, {sum(map(len, files.values()))} imports between files, {len(bad)} cycles")
    sys.exit(1 if bad else 0)


main()
