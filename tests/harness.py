"""Every service that the template can make, derived from cookiecutter.json and the hooks alone.

A service is rendered in memory, as a mapping of paths to contents. That these are the bytes that
cookiecutter itself writes is proven by test_generation.py.
"""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from allpairspy import AllPairs
from cookiecutter.generate import generate_context, is_copy_only_path
from cookiecutter.prompt import prompt_for_config
from cookiecutter.utils import create_env_with_context

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

# Prompts that change files, but neither the application nor how it behaves.
COSMETIC = {"python_version", "ci"}


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
def combinations() -> tuple[dict[str, Any], ...]:
    """Every combination of answers that the hook does not refuse."""
    prompts = choices()
    products = (dict(zip(prompts, values, strict=True)) for values in itertools.product(*prompts.values()))
    return tuple(answers for answers in products if refusal(answers) is None)


@functools.cache
def behaviours() -> tuple[dict[str, Any], ...]:
    """The combinations that make different applications."""
    return tuple(
        answers
        for answers in combinations()
        if all(answers[prompt] == choices()[prompt][0] for prompt in COSMETIC)
    )


@functools.cache
def pairwise() -> tuple[dict[str, Any], ...]:
    """Few combinations, in which every two answers that go together meet at least once."""
    prompts = choices()

    def is_possible(row: list[Any]) -> bool:
        known = dict(zip(prompts, row, strict=False))
        return len(known) < len(prompts) or refusal(known) is None

    return tuple(
        dict(zip(prompts, row, strict=True))
        for row in AllPairs(list(prompts.values()), filter_func=is_possible)
    )


def label(answers: Answers) -> str:
    """A test id."""
    return "-".join(f"{key}={value}" for key, value in answers.items() if key in choices())


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
    return create_env_with_context(_prompts()).from_string(source)


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


@functools.cache
def _templates() -> dict[str, Any]:
    """Each file of the template, compiled once; bytes where it is copied as it is."""
    environment = create_env_with_context(_prompts())
    found: dict[str, Any] = {}
    for path in sorted(TEMPLATE.rglob("*")):
        name = path.relative_to(TEMPLATE).as_posix()
        if path.is_file() and "__pycache__" not in path.parts:
            copied = is_copy_only_path(name, _prompts())
            found[name] = path.read_bytes() if copied else environment.from_string(path.read_text())
    return found


def template_files() -> list[str]:
    """Every file of the template, by its path in a service."""
    return list(_templates())


def render(answers: Answers) -> dict[str, bytes]:
    """The service that `answers` make."""
    values = context(answers)
    pruned = [
        path for piece in pieces() if not is_kept(piece, values["cookiecutter"]) for path in piece["paths"]
    ]
    return {
        name: template if isinstance(template, bytes) else template.render(**values).encode()
        for name, template in _templates().items()
        if not any(PurePosixPath(name).is_relative_to(path) for path in pruned)
    }


def variants() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Each different content that a path has in any combination, with one that has it."""
    seen: dict[tuple[str, bytes], dict[str, Any]] = {}
    for answers in combinations():
        for name, content in render(answers).items():
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


def read(folder: Path) -> dict[str, bytes]:
    """Read a service from disk."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
