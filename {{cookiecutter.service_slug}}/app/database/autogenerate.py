"""What `flask db migrate` writes: revisions of the models' changes that drop no data unasked."""

from typing import Any

from alembic.autogenerate import render_op_text, renderers
from alembic.migration import MigrationContext
from alembic.operations import ops
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.schema import sort_tables

from app.database.migrations import missing_migrations, read_history, template_migrations

# Constraints first: some databases keep an index that a foreign key needs.
DROPS = (ops.DropConstraintOp, ops.DropIndexOp, ops.DropColumnOp)


class Drop(ops.OpContainer):
    """Operations that drop the table or column `name`, where the database has it."""

    def __init__(self, name: str, operations: list[ops.MigrateOperation]) -> None:
        super().__init__(operations)
        self.name = name


@renderers.dispatch_for(Drop)
def render_drop(autogen: Any, drop: Drop) -> str:
    """Render the operations below an `if`."""
    autogen.imports.add("from app.database.migrations import is_in_database")
    lines = [f'if is_in_database("{drop.name}"):']
    for operation in drop.ops:
        rendered = [line for line in render_op_text(autogen, operation).split("\n") if line]
        is_batch = rendered[0].startswith("with ")
        indents = [4] + [8 if is_batch else 4] * (len(rendered) - 1)
        lines += [" " * indent + line for indent, line in zip(indents, rendered, strict=True)]
    return "\n".join(lines)


def import_type(kind: str, item: Any, autogen: Any) -> bool:
    """Import a column type that is not SQLAlchemy's; return False to let Alembic render it."""
    module = type(item).__module__
    if kind == "type" and module.partition(".")[0] != "sqlalchemy":
        autogen.imports.add(f"import {module}")
    return False


def include_name(name: str | None, kind: str, _: Any) -> bool:
    """Return False for the table that records the template's migrations."""
    return kind != "table" or name != template_migrations.name


def without_indexes_of_dropped(operations: list[Any]) -> list[Any]:
    """Leave out the changes of tables that are dropped: a foreign key may need its index."""
    dropped = {one.table_name for one in operations if isinstance(one, ops.DropTableOp)}
    return [
        one
        for one in operations
        if not isinstance(one, ops.ModifyTableOps) or one.table_name not in dropped
    ]


class RevisionFilter:
    """Keeps out of a revision what would drop data, unless an argument `-x drop=` names it.

    Turning off an answer of the template removes models, but never the rows of their tables.
    """

    def __init__(self, models: MetaData, arguments: list[str], *, is_written: bool) -> None:
        self.models = models
        self.is_written = is_written
        self.to_drop = {
            argument.removeprefix("drop=") for argument in arguments if argument.startswith("drop=")
        }
        # Tables, and columns as "table.column", that are in the database but in no model.
        self.unused: set[str] = set()
        self.tables: list[Table] = []

    def include_object(
        self, item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any
    ) -> bool:
        """Return whether a revision may add, change or drop `item`: Alembic's hook of that name."""
        if not reflected or compare_to is not None:
            return True
        if kind == "table":
            self.tables.append(item)
            return self.may_drop(item.key)
        if kind == "column":
            return self.may_drop(f"{item.table.key}.{name}")
        # An index or a constraint stays with its columns.
        return item.table.key in self.to_drop or self.unused_columns(item) <= self.to_drop

    def may_drop(self, name: str) -> bool:
        """Return whether `-x drop=` names the unused table or column `name`."""
        self.unused.add(name)
        return name in self.to_drop

    def unused_columns(self, item: Any) -> set[str]:
        """Return the columns of an index or constraint that are in no model, as "table.column"."""
        model = self.models.tables.get(item.table.key)
        return {
            f"{item.table.key}.{column.name}"
            for column in item.columns
            if model is None or column.name not in model.columns
        }

    def process_directives(
        self, context: MigrationContext, _: Any, directives: list[ops.MigrationScript]
    ) -> None:
        """Refuse a database that is behind, guard what is dropped, and omit an empty revision."""
        assert isinstance(context.connection, Connection)
        if missing_migrations(read_history(context.connection)[0]):
            raise CommandError("Target database is not up to date.")
        if wrong := self.to_drop - self.unused:
            name = min(wrong)
            raise CommandError(f"Cannot drop {name}: not in the database, or in a model.")
        upgrade, downgrade = directives[0].upgrade_ops, directives[0].downgrade_ops
        assert upgrade is not None
        assert downgrade is not None
        if self.to_drop:
            upgrade.ops = self.sort_drops(upgrade.ops)
            upgrade.reverse_into(downgrade)
            upgrade.ops = self.guard_drops(upgrade.ops)
        downgrade.ops = without_indexes_of_dropped(downgrade.ops)
        if not self.is_written:
            return
        if upgrade.is_empty():
            directives.clear()
            print("The models have not changed: no revision is needed.")
        if left := sorted(self.unused - self.to_drop):
            arguments = " ".join(f"-x drop={name}" for name in left)
            print(f"In no model, but left in the database: {', '.join(left)}.")
            print(f"To drop them: flask db migrate {arguments}")

    def sort_drops(self, operations: list[Any]) -> list[Any]:
        """Sort what is dropped: columns before the tables that they refer to, these in that way."""
        rest: list[Any] = []
        dropped: list[Any] = []
        names = [table.name for table in reversed(sort_tables(self.tables))]
        for operation in operations:
            if isinstance(operation, ops.ModifyTableOps):
                operation.ops.sort(
                    key=lambda op: DROPS.index(type(op)) + 1 if isinstance(op, DROPS) else 0
                )
            name = getattr(operation, "table_name", None)
            (dropped if name in self.to_drop else rest).append(operation)
        dropped.sort(key=lambda operation: names.index(operation.table_name))
        return rest + dropped

    def guard_drops(self, operations: list[Any]) -> list[Any]:
        """Put what is dropped below a condition: a new database may never have had it."""
        guarded: list[Any] = []
        for operation in without_indexes_of_dropped(operations):
            if isinstance(operation, ops.DropTableOp):
                guarded.append(Drop(operation.table_name, [operation]))
            elif isinstance(operation, ops.ModifyTableOps):
                guarded += self.guard_columns(operation)
            else:
                guarded.append(operation)
        return guarded

    def guard_columns(self, changes: ops.ModifyTableOps) -> list[Any]:
        """Split the changes of a table by the column that they drop."""
        split: dict[str, list[Any]] = {"": []}
        for operation in changes.ops:
            used = set()
            if isinstance(operation, ops.DropColumnOp):
                used = {f"{changes.table_name}.{operation.column_name}"}
            elif isinstance(operation, ops.DropIndexOp):
                used = self.unused_columns(operation.to_index())
            elif isinstance(operation, ops.DropConstraintOp):
                used = self.unused_columns(operation.to_constraint())
            split.setdefault(min(used, default=""), []).append(operation)
        return [
            Drop(name, [ops.ModifyTableOps(changes.table_name, part, schema=changes.schema)])
            if name
            else ops.ModifyTableOps(changes.table_name, part, schema=changes.schema)
            for name, part in split.items()
            if part
        ]
