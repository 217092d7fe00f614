"""Every service that the template can make, derived from cookiecutter.json and the hooks alone.

A service is rendered in memory, as a mapping of paths to contents. Each file is rendered once for
each set of answers that it can depend on (`prompts_of`), however many combinations there are.
test_generation.py proves that cookiecutter writes the same bytes.
"""

import functools
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from cookiecutter.generate import generate_context, is_copy_only_path
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context
from jinja2 import meta, nodes

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "{{cookiecutter.service_slug}}"

Answers = Mapping[str, Any]
Tree = Mapping[str, bytes]

# Free text says nothing of any piece, so that a piece's words can be looked for.
TEXT = {
    "service_name": "Widget Depot",
    "description": "Keeps widgets dry.",
    "owner": "Depot Crew",
}


@functools.cache
def choices() -> dict[str, list[Any]]:
    """Every prompt with a finite number of answers, default first."""
    prompts = json.loads((ROOT / "cookiecutter.json").read_text())
    found: dict[str, list[Any]] = {}
    for key, default in prompts.items():
        if key.startswith("_"):
            continue
        if isinstance(default, bool):
            found[key] = [default, not default]
        elif isinstance(default, list):
            found[key] = default
    return found


def default(**changes: Any) -> dict[str, Any]:
    """The default answers, but for `changes`."""
    return {prompt: answers[0] for prompt, answers in choices().items()} | changes


@functools.cache
def _permitted() -> tuple[dict[str, Any], ...]:
    """The answers that the hook permits, to the prompts that its table of conflicts names."""
    conflicts = hook("pre_gen_project", {})["CONFLICTS"]
    prompts = sorted({prompt for answers, _ in conflicts for prompt in answers})
    return tuple(
        answers
        for answers in products(prompts)
        if not any(conflict.items() <= answers.items() for conflict, _ in conflicts)
    )


def products(prompts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every way to answer `prompts`."""
    prompts = list(prompts)
    for values in itertools.product(*(choices()[prompt] for prompt in prompts)):
        yield dict(zip(prompts, values, strict=True))


def is_possible(answers: Answers) -> bool:
    """Whether some combination has these answers, which need not answer every prompt."""
    return any(
        all(answers.get(prompt, answer) == answer for prompt, answer in permitted.items())
        for permitted in _permitted()
    )


def possible(prompts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every way to answer `prompts` that some combination has."""
    return filter(is_possible, products(prompts))


@functools.cache
def combinations() -> tuple[dict[str, Any], ...]:
    """Every combination of answers that the hook does not refuse."""
    return tuple(possible(choices()))


def sample(count: int, seed: int) -> list[dict[str, Any]]:
    """`count` different combinations, the same for the same seed."""
    return random.Random(seed).sample(combinations(), min(count, len(combinations())))


@functools.cache
def behavioral() -> tuple[str, ...]:
    """The prompts that make different applications: those that their Python or their dependencies depend on."""
    code = [name for name in template_files() if name.endswith(".py") or name == "pyproject.toml"]
    read = set().union(*map(prompts_of, code))
    return tuple(prompt for prompt in choices() if prompt in read)


@functools.cache
def wiring() -> tuple[str, ...]:
    """The prompts that decide what create_app puts together."""
    return prompts_of("app/__init__.py")


@functools.cache
def applications(strength: int = 0) -> tuple[dict[str, Any], ...]:
    """The combinations that make different applications; or of those so few that any `strength` answers meet."""
    if strength:
        return covering(strength, behavioral())
    return tuple(default(**answers) for answers in possible(behavioral()))


@functools.cache
def smallest() -> dict[str, Any]:
    """The answers that keep the fewest files."""
    return min(applications(), key=lambda answers: len(render(answers)))


@functools.cache
def covering(strength: int, prompts: tuple[str, ...] | None = None) -> tuple[dict[str, Any], ...]:
    """Few combinations in which any `strength` answers that can go together do so at least once.

    A covering array, built greedily: each row starts from answers that no row has together yet, and takes for each
    other prompt the answer that covers most. Prompts that are not among `prompts` (all) have their default.
    """
    prompts = tuple(choices()) if prompts is None else prompts
    missing = {
        frozenset(answers.items())
        for chosen in itertools.combinations(prompts, min(strength, len(prompts)))
        for answers in possible(chosen)
    }
    rows = []
    while missing:
        row = dict(min(missing, key=lambda answers: sorted(map(repr, answers))))
        for prompt in (prompt for prompt in prompts if prompt not in row):
            candidates = [row | {prompt: answer} for answer in choices()[prompt]]
            row = max(
                filter(is_possible, candidates),
                key=lambda one: (
                    sum(answers <= one.items() for answers in missing),
                    -sum(answers.items() >= one.items() for answers in rows),
                ),
            )
        missing = {answers for answers in missing if not answers <= row.items()}
        rows.append(default(**row))
    return tuple(rows)


def label(answers: Answers) -> str:
    """A test id."""
    return "-".join(f"{key}={value}" for key, value in answers.items() if key in choices())


def behavior_label(answers: Answers) -> str:
    """A test id that names only what makes another application."""
    return label({prompt: answers[prompt] for prompt in behavioral()})


@functools.cache
def _prompts() -> dict[str, Any]:
    return generate_context(str(ROOT / "cookiecutter.json"))


def context(answers: Answers) -> dict[str, Any]:
    """The whole context that cookiecutter renders with."""
    given = generate_context(str(ROOT / "cookiecutter.json"), extra_context={**TEXT, **answers})
    return {"cookiecutter": dict(prompt_for_config(given, no_input=True))}


@functools.cache
def _hook(name: str) -> Any:
    source = (ROOT / "hooks" / f"{name}.py").read_text()
    return _environment().from_string(source)


@functools.cache
def _environment() -> Any:
    return create_env_with_context(_prompts())


def hook(name: str, answers: Answers) -> dict[str, Any]:
    """Render hooks/NAME.py and run it in this process, but for its main part; return its globals."""
    namespace = {"__name__": name}
    exec(compile(_hook(name).render(**context(answers)), f"{name}.py", "exec"), namespace)
    return namespace


def refusal(answers: Answers) -> str | None:
    """What pre_gen_project says against the answers, if anything."""
    try:
        hook("pre_gen_project", answers)
    except SystemExit as error:
        return str(error)
    return None


@functools.cache
def _table() -> dict[str, Any]:
    return hook("post_gen_project", {})


def pieces() -> list[dict[str, Any]]:
    """The pruning table."""
    return _table()["PIECES"]


def is_kept(piece: Mapping[str, Any], answers: Answers) -> bool:
    """Whether the hook keeps `piece` for `answers`."""
    return _table()["is_kept"](piece, answers)


def is_certain(piece: Mapping[str, Any], answers: Answers) -> bool:
    """Whether the hook keeps `piece` in every combination that has `answers`."""
    open_prompts = {*piece["keep"], *_permitted()[0]} - answers.keys()
    completed = (answers | more for more in products(sorted(open_prompts)))
    return all(is_kept(piece, whole) for whole in completed if is_possible(whole))


@functools.cache
def _sources() -> dict[str, str | bytes]:
    """Each file of the template, by its path in a service; bytes where it is copied as it is."""
    found: dict[str, str | bytes] = {}
    for path in sorted(TEMPLATE.rglob("*")):
        name = path.relative_to(TEMPLATE).as_posix()
        if path.is_file() and "__pycache__" not in path.parts:
            copied = is_copy_only_path(name, _prompts())
            found[name] = path.read_bytes() if copied else path.read_text()
    return found


def template_files() -> list[str]:
    """Every file of the template, by its path in a service."""
    return list(_sources())


class Undecidable(Exception):
    """What a template reads cannot be told from its source."""


def variables(source: str) -> set[str]:
    """The variables of `cookiecutter` that a Jinja source reads.

    Raises `Undecidable` for anything else that its bytes could depend on: another name, a variable whose name is
    computed, another file, or an extension's own node.
    """
    tree = _environment().parse(source)
    foreign = meta.find_undeclared_variables(tree) - {"cookiecutter"}
    foreign |= {type(node).__name__ for node in tree.find_all(UNDECIDABLE)}
    foreign |= {node.name for node in tree.find_all(nodes.Name)} & _environment().globals.keys()
    foreign |= {node.name for node in tree.find_all(nodes.Filter)} & {"random"}
    if foreign:
        raise Undecidable(f"reads {', '.join(sorted(foreign))}")
    read, reads = set(), 0
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if isinstance(node.node, nodes.Name) and node.node.name == "cookiecutter":
            key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
            if not isinstance(key, str):
                raise Undecidable(f"computes the name of a variable in line {node.lineno}")
            read.add(key)
            reads += 1
    if reads != sum(name.name == "cookiecutter" for name in tree.find_all(nodes.Name)):
        raise Undecidable("passes the answers on as a whole")
    return read


UNDECIDABLE = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.EnvironmentAttribute,
    nodes.ExtensionAttribute,
    nodes.InternalName,
    nodes.ContextReference,
)


@functools.cache
def _prompts_behind(variable: str) -> frozenset[str]:
    """The prompts with a finite number of answers that a variable of cookiecutter.json is made of."""
    if variable in choices():
        return frozenset({variable})
    default = _prompts()["cookiecutter"].get(variable, "")
    read = variables(default) if isinstance(default, str) else set()
    return frozenset().union(*map(_prompts_behind, read))


@functools.cache
def prompts_of(name: str) -> tuple[str, ...]:
    """The prompts that a file's bytes can depend on, or whether a service has it at all."""
    source = _sources()[name]
    read = variables(name) | (variables(source) if isinstance(source, str) else set())
    found = set().union(*map(_prompts_behind, read), *(piece["keep"] for piece in pieces_of(name)))
    return tuple(prompt for prompt in choices() if prompt in found)


@functools.cache
def final_name(name: str) -> str:
    """What a file of the template is called in a service."""
    return next((piece["names"][name] for piece in pieces() if name in piece.get("names", {})), name)


@functools.cache
def sources_of(name: str) -> tuple[str, ...]:
    """Return the files of the template that a file of a service can come from."""
    return tuple(source for source in template_files() if final_name(source) == name)


def pieces_of(name: str) -> list[dict[str, Any]]:
    """The rows of the pruning table that a file belongs to."""
    return [
        piece
        for piece in pieces()
        if any(PurePosixPath(name).is_relative_to(path) for path in piece["paths"])
    ]


@functools.cache
def _compiled(name: str) -> Any:
    return _environment().from_string(_sources()[name])


def _render_file(name: str, values: Mapping[str, Any]) -> bytes | None:
    if not all(is_kept(piece, values["cookiecutter"]) for piece in pieces_of(name)):
        return None
    source = _sources()[name]
    return source if isinstance(source, bytes) else _compiled(name).render(**values).encode()


@functools.cache
def _values(answers: frozenset[tuple[str, Any]]) -> dict[str, Any]:
    return context(dict(answers))


@functools.cache
def _factor(name: str, answers: frozenset[tuple[str, Any]]) -> bytes | None:
    return _render_file(name, _values(answers))


def render_file(name: str, answers: Answers) -> bytes | None:
    """A file of the service that `answers` make, rendered once for the answers that it depends on; None if pruned."""
    return _factor(name, frozenset((prompt, answers[prompt]) for prompt in prompts_of(name)))


@functools.cache
def reads_text(name: str) -> bool:
    """Whether a file says anything that is answered in words."""
    source = _sources()[name]
    read = variables(source) if isinstance(source, str) else set()
    return any(variable not in choices() and not variable.startswith("_") for variable in read)


def render(answers: Answers) -> dict[str, bytes]:
    """The service that `answers` make."""
    whole = default(**answers)
    values = None if answers.keys() <= choices().keys() else context(answers)
    rendered = (
        (name, _render_file(name, values) if values and reads_text(name) else render_file(name, whole))
        for name in template_files()
    )
    return {final_name(name): content for name, content in rendered if content is not None}


def factors() -> Iterator[tuple[str, dict[str, Any], bytes | None]]:
    """Every file under every answer to the prompts that it depends on: all that any combination consists of."""
    for name in template_files():
        for answers in possible(prompts_of(name)):
            yield final_name(name), answers, render_file(name, answers)


def variants() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Each different content that a path has in any combination, with answers that make it."""
    seen: dict[tuple[str, bytes], dict[str, Any]] = {}
    for name, answers, content in factors():
        if content is not None:
            seen.setdefault((name, content), answers)
    for (name, content), answers in seen.items():
        yield name, content, answers


def write(tree: Tree, folder: Path) -> Path:
    """Write a service to disk."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def rewrite(tree: Tree, folder: Path) -> Path:
    """Make `folder` hold this service and no other file but what tools cached; what is unchanged keeps its time."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in tree and not name.startswith(".mypy_cache/"):
            path.unlink()
    changed = {
        name: content
        for name, content in tree.items()
        if not (folder / name).exists() or (folder / name).read_bytes() != content
    }
    return write(changed, folder)


def read(folder: Path) -> dict[str, bytes]:
    """Read a service from disk."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
