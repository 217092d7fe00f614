"""Prune the pieces that the answers do not select, and print the next command to run.

Rendered by cookiecutter and run in the new service; uses only the standard library.
"""

import json
import shutil
from pathlib import Path

ANSWERS = json.loads({{cookiecutter | jsonify | pprint}})

# Each piece: the answers that keep it (all of them must match), and its paths. For a file with
# variants, `names` gives the final name of the one that is kept.
PIECES = [
    {
        "keep": {"database": ["postgresql", "mysql"]},
        "paths": ["app/database", "migrations", "tests/database"],
    },
    {
        "keep": {"database": ["postgresql"]},
        "paths": ["app/database/postgresql.py"],
    },
    {
        "keep": {"database": ["mysql"]},
        "paths": ["app/database/mysql.py"],
    },
    {
        "keep": {"auth": ["jwt", "session"]},
        "paths": ["app/auth", "tests/auth"],
    },
    {
        "keep": {"auth": ["jwt", "session"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/auth/users",
            "migrations/versions/0002_create_users.py",
            "migrations/versions/0005_compare_emails_exactly.py",
            "tests/auth/users",
        ],
    },
    {
        "keep": {"auth": ["jwt"]},
        "paths": ["app/auth/tokens", "tests/auth/tokens"],
    },
    {
        "keep": {"auth": ["jwt"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/auth/issuer",
            "migrations/versions/0004_create_token_families.py",
            "tests/auth/issuer",
        ],
    },
    {
        "keep": {"auth": ["jwt"], "database": ["none"]},
        "paths": ["app/auth/resource_server", "tests/auth/resource_server"],
    },
    {
        "keep": {"auth": ["session"]},
        "paths": [
            "app/auth/session",
            "migrations/versions/0004_create_login_sessions.py",
            "tests/auth/session",
        ],
    },
    {
        "keep": {"example": [True]},
        "paths": ["app/clients", "app/orders", "tests/clients", "tests/orders"],
    },
    {
        "keep": {"example": [True], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/orders/changes.py",
            "app/orders/checkout.py",
            "app/orders/commands.py",
            "app/orders/models.py",
            "app/orders/pagination.py",
            "app/orders/service.py",
            "migrations/versions/0001_create_orders.py",
            "tests/orders/test_change_order.py",
            "tests/orders/test_checkout.py",
            "tests/orders/test_list_orders.py",
        ],
    },
    {
        "keep": {"example": [True], "auth": ["none"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/orders/queries.py",
            "app/orders/samples.py",
            "tests/orders/test_samples.py",
        ],
    },
    {
        "keep": {"example": [True], "auth": ["jwt", "session"]},
        "paths": ["tests/orders/conftest.py", "tests/orders/test_owners.py"],
    },
    {
        "keep": {
            "example": [True],
            "auth": ["jwt", "session"],
            "database": ["postgresql", "mysql"],
        },
        "paths": [
            "app/orders/queries_of_user.py",
            "app/orders/samples_of_user.py",
            "migrations/versions/0003_give_orders_owners.py",
            "tests/orders/test_access.py",
            "tests/orders/test_samples_of_user.py",
        ],
        "names": {
            "app/orders/queries_of_user.py": "app/orders/queries.py",
            "app/orders/samples_of_user.py": "app/orders/samples.py",
            "tests/orders/test_samples_of_user.py": "tests/orders/test_samples.py",
        },
    },
    {
        "keep": {"tracing": ["opentelemetry"]},
        "paths": ["app/observability/tracing", "tests/observability/tracing"],
    },
    {
        "keep": {"tracing": ["opentelemetry"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/observability/tracing/database.py",
            "tests/observability/tracing/test_database.py",
        ],
    },
    {
        "keep": {"tracing": ["opentelemetry"], "example": [True]},
        "paths": [
            "app/observability/tracing/http.py",
            "tests/observability/tracing/test_http.py",
        ],
    },
    {"keep": {"ci": ["github"]}, "paths": [".github"]},
    {"keep": {"ci": ["gitlab"]}, "paths": [".gitlab-ci.yml"]},
]


def is_kept(piece, answers):
    """Return whether `answers` select `piece`."""
    return all(answers[prompt] in choices for prompt, choices in piece["keep"].items())


def prune(root, answers):
    """Remove the pieces that `answers` do not select from `root`, and rename the variants that are kept."""
    for piece in PIECES:
        for path in () if is_kept(piece, answers) else piece["paths"]:
            target = root / path
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            folder = target.parent
            while folder != root and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
                folder = folder.parent
    for piece in PIECES:
        for path, name in piece.get("names", {}).items() if is_kept(piece, answers) else ():
            (root / path).rename(root / name)


if __name__ == "__main__":
    prune(Path.cwd(), ANSWERS)
    # Not when cruft runs the hook: it generates a service twice to compute a diff.
    if "_output_dir" in ANSWERS:
        print(f"""
Created {ANSWERS["service_slug"]}. To serve it on http://127.0.0.1:8000:

  cd {ANSWERS["service_slug"]}
  make run
""")
