"""Write a new resource: its package in app/, its tests, and its line in app/resources.py.

    python tools/resource invoices "number:str(40)! total:money due:date paid:bool?"

A field is NAME:TYPE. The types are str(LENGTH), text(LENGTH), int, bool, money, date, datetime and
uuid. `?` makes a field optional, `!` makes it unique. The written files are the service's own.
"""

import inspect
import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import NamedTuple

ROOT = Path(__file__).absolute().parents[2]
TEMPLATES = Path(__file__).parent
RESOURCES = ROOT / "app" / "resources.py"

# Each type: its field in the schema, the type and column of the model, and two valid values.
TYPES: dict[str, tuple[str, str, str, tuple[object, object]]] = {
    "str": ("TextField({length}, {options})", "str", "String({length})", ("Tea", "Milk")),
    "text": (
        "TextField({length}, multiline=True, {options})",
        "str",
        "Text",
        ("Two\nlines", "One line"),
    ),
    "int": (
        "fields.Integer(strict=True, validate=Range(-(2**31), 2**31 - 1), {options})",
        "int",
        "",
        (7, 8),
    ),
    "bool": ("BooleanField({options})", "bool", "", (True, False)),
    "money": ("MoneyField(places=2, {options})", "Decimal", "Money", ("19.99", "20.00")),
    "date": ("DateField({options})", "date", "", ("2030-01-31", "2031-02-28")),
    "datetime": (
        "MomentField({options})",
        "datetime",
        "UtcDateTime",
        ("2030-01-31T12:00:00+00:00", "2031-02-28T12:00:00+00:00"),
    ),
    "uuid": (
        "fields.UUID({options})",
        "uuid.UUID",
        "",
        ("6f1c6a3e-6f5e-4d0a-9d2b-0c1f6c1c7a11", "6f1c6a3e-6f5e-4d0a-9d2b-0c1f6c1c7a22"),
    ),
}
# The most characters of each type that has a length, and the length without one.
LENGTHS = {"str": (500, 80), "text": (10_000, 10_000)}
MAX_FIELDS = 40
# Names that the written files use for something else.
RESERVED_FIELDS = {
    *("id", "created_at", "updated_at", "version", "metadata", "registry", "query"),
    *("query_class", "visible", "fields", "date", "datetime", "uuid", "str", "int", "bool"),
}
RESERVED_NAMES = {
    *("changes", "created", "fields", "found", "page", "uuid", "values", "value", "field", "db"),
    *("resources", "tests", "idempotent", "paginate", "url_for", "date", "datetime", "client"),
}
RESERVED_MODELS = {
    *("Any", "Blueprint", "Decimal", "Index", "Mapped", "Model", "Money", "Owned", "Range"),
    *("Schema", "String", "Text", "Timestamps", "Versioned"),
}
FIELD = re.compile(r"([a-z][a-z0-9]*(?:_[a-z0-9]+)*):([a-z]+)(?:\((\d{1,5})\))?([?!]{0,2})")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# A test with no cases, such as that of unique fields for a resource without one.
WITHOUT_CASES = re.compile(
    r'\n\n@pytest\.mark\.parametrize\("\w+", \[\]\)\n.*?(?=\n\n\n|\Z)', re.DOTALL
)


class ResourceError(Exception):
    """Invalid arguments, or a service that the resource does not fit; nothing was written."""


class Field(NamedTuple):
    """A field of the resource."""

    name: str
    type: str
    length: int
    is_optional: bool
    is_unique: bool

    def schema(self) -> str:
        """Return the field's line in the schema."""
        options = "allow_none=True" if self.is_optional else "required=True"
        declared = TYPES[self.type][0].format(length=self.length, options=options)
        return f"    {self.name} = {declared}"

    def column(self) -> str:
        """Return the field's line in the model."""
        _, annotation, column, _ = TYPES[self.type]
        if self.is_optional:
            annotation += " | None"
        if self.is_unique and self.type == "str":
            column = "exact_string({length})"  # accents and case distinguish
        arguments = [column.format(length=self.length)] if column else []
        arguments += ["unique=True"] if self.is_unique else []
        return f"    {self.name}: Mapped[{annotation}] = mapped_column({', '.join(arguments)})"

    def example(self, number: int) -> object:
        """Return one of two valid values."""
        value = TYPES[self.type][3][number]
        return value[: self.length] if self.type == "str" and isinstance(value, str) else value


def parse_field(text: str) -> Field:
    """Parse NAME:TYPE; raise `ResourceError` if it is invalid."""
    match = FIELD.fullmatch(text)
    if match is None:
        raise ResourceError(f"{text!r} is not a field such as number:str(40)! or due:date?")
    name, kind, length, marks = match.groups()
    if kind not in TYPES:
        raise ResourceError(f"{text}: the types are {', '.join(TYPES)}")
    if (
        keyword.iskeyword(name)
        or keyword.issoftkeyword(name)
        or name in RESERVED_FIELDS
        or name.startswith("owner")
    ):
        raise ResourceError(f"{text}: {name} is reserved")
    if length and kind not in LENGTHS:
        raise ResourceError(f"{text}: {kind} has no length")
    longest, usual = LENGTHS.get(kind, (0, 0))
    if length and not 1 <= int(length) <= longest:
        raise ResourceError(f"{text}: the length is 1 to {longest}")
    if "!" in marks and not (TEMPLATES / "models.py.txt").exists():
        raise ResourceError(f"{text}: the service stores nothing, so nothing is unique")
    if "!" in marks and kind in ("text", "bool"):
        raise ResourceError(f"{text}: {kind} cannot be unique")
    return Field(name, kind, int(length or usual), "?" in marks, "!" in marks)


def parse_fields(text: str) -> list[Field]:
    """Parse the fields, separated by spaces; raise `ResourceError` if one is invalid."""
    fields = [parse_field(part) for part in text.split()]
    names = [field.name for field in fields]
    if not fields:
        raise ResourceError('Name its fields, as in FIELDS="number:str(40) total:money due:date"')
    if len(fields) > MAX_FIELDS:
        raise ResourceError(f"A resource has at most {MAX_FIELDS} fields")
    for name in names:
        if names.count(name) > 1:
            raise ResourceError(f"{name} is named twice")
    return fields


def singular(plural: str) -> str:
    """Return the singular of a regular English plural; raise `ResourceError` for another word."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if plural.endswith(ending) and len(plural) > len(ending) + 1:
            return plural.removesuffix(ending) + replacement
    if re.search(r"[^s]s$", plural):
        return plural[:-1]
    raise ResourceError(
        f"{plural!r} has no regular singular: set ONE, as in NAME=people ONE=person"
    )


def validate_names(name: str, one: str) -> None:
    """Raise `ResourceError` unless a resource can have this name and singular."""
    for word in (name, one):
        if not NAME.fullmatch(word) or len(word) > 40:
            raise ResourceError(f"{word!r} is not a name such as invoices or credit_notes")
        if keyword.iskeyword(word) or keyword.issoftkeyword(word) or word in RESERVED_NAMES:
            raise ResourceError(f"{word} is reserved")
    if name == one:
        raise ResourceError("NAME is the plural, ONE the singular")
    if class_name(one) in RESERVED_MODELS:
        raise ResourceError(f"{class_name(one)} is reserved")
    for path in (ROOT / "app" / name, ROOT / "app" / f"{name}.py", ROOT / "tests" / name):
        if path.exists():
            raise ResourceError(f"{path.relative_to(ROOT)} exists")


def class_name(one: str) -> str:
    """Return the name of the model: CreditNote for credit_note."""
    return "".join(part.capitalize() for part in one.split("_"))


def list_resource(source: str, name: str) -> str:
    """Return app/resources.py with the blueprint called `name` in its list."""
    listed = re.search(r"^RESOURCES(: [^=\n]+)? = \[(.*?)\]", source, re.MULTILINE | re.DOTALL)
    imports = re.search(r"^from app\.api import .*\n", source, re.MULTILINE)
    if listed is None or imports is None:
        raise ResourceError(
            "app/resources.py has no line `from app.api import Blueprint`, or no list RESOURCES"
        )
    others = listed[2].strip().rstrip(",")
    entries = f"{others}, {name}" if others else name
    source = source[: listed.start(2)] + entries + source[listed.end(2) :]
    line = f"from app.{name}.routes import {name}\n"
    return source[: imports.end()] + line + source[imports.end() :]


def render_files(name: str, one: str, fields: list[Field]) -> dict[Path, str]:
    """Return the contents of the resource's files by path."""
    from app.api import Blueprint  # slow to import: only for valid arguments

    words = one.replace("_", " ")
    values = {
        "name": name,
        "one": one,
        "Model": class_name(one),
        "words": words,
        "a_words": f"{'an' if words[0] in 'aeiou' else 'a'} {words}",
        "A_words": f"{'An' if words[0] in 'aeiou' else 'A'} {words}",
        "plural_words": name.replace("_", " "),
        "Title": name.replace("_", " ").capitalize(),
        "url": name.replace("_", "-"),
        "scope": f'\n    scope="{name}",\n    grant=True,' if takes_scope(Blueprint) else "",
        "scopes": repr(f"{name}:read {name}:write"),
        "schema_fields": "\n".join(field.schema() for field in fields),
        "columns": "\n".join(field.column() for field in fields),
        "example": repr({field.name: field.example(0) for field in fields}),
        "other_example": repr({field.name: field.example(1) for field in fields}),
        "required": repr([field.name for field in fields if not field.is_optional]),
        "unique": repr([field.name for field in fields if field.is_unique]),
    }
    files = {}
    for template in sorted(TEMPLATES.glob("*.py.txt")):
        file = template.name.removesuffix(".txt")
        if file == "test_resource.py":
            path = ROOT / "tests" / name / f"test_{name}.py"
        else:
            path = ROOT / "app" / name / file
        content = Template(template.read_text()).substitute(values)
        files[path] = WITHOUT_CASES.sub("", content)
    return files


def takes_scope(blueprint: type) -> bool:
    """Return whether the service's routes require scopes."""
    return "scope" in inspect.signature(blueprint).parameters


def format_files(paths: list[Path]) -> None:
    """Remove the unused imports of the templates, sort the others, and format the files."""
    for command in (["check", "--quiet", "--fix", "--select=F401,I001"], ["format", "--quiet"]):
        subprocess.run(
            [Path(sys.executable).parent / "ruff", *command, *paths], cwd=ROOT, check=True
        )


def main() -> int:
    """Write the resource that the arguments describe; return the exit code."""
    sys.path[0] = str(ROOT)
    try:
        if len(sys.argv) not in (3, 4):
            raise ResourceError('make resource NAME=invoices FIELDS="number:str(40) total:money"')
        name, fields = sys.argv[1], parse_fields(sys.argv[2])
        one = (sys.argv[3] if len(sys.argv) == 4 else "") or singular(name)
        validate_names(name, one)
        listed = list_resource(RESOURCES.read_text(), name)
        files = render_files(name, one, fields)
    except ResourceError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    RESOURCES.write_text(listed)
    format_files([*files, RESOURCES])
    for path in (*files, RESOURCES):
        print(f"  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
