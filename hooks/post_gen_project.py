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
        "paths": [
            "app/api/idempotency.py",
            "app/api/pagination.py",
            "app/database",
            "migrations",
            "tests/api/test_idempotency.py",
            "tests/api/test_pagination.py",
            "tests/application_with_database.py",
            "tests/database",
            "tools/resource/routes.py.txt",
            "tools/resource/schemas.py.txt",
            "tools/resource/test_resource.py.txt",
        ],
        "names": {"tests/application_with_database.py": "tests/application.py"},
    },
    {
        "keep": {"database": ["none"]},
        "paths": [
            "tests/application.py",
            "tools/resource/routes_stateless.py.txt",
            "tools/resource/schemas_stateless.py.txt",
            "tools/resource/test_resource_stateless.py.txt",
        ],
        "names": {
            "tools/resource/routes_stateless.py.txt": "tools/resource/routes.py.txt",
            "tools/resource/schemas_stateless.py.txt": "tools/resource/schemas.py.txt",
            "tools/resource/test_resource_stateless.py.txt": "tools/resource/test_resource.py.txt",
        },
    },
    {
        "keep": {"database": ["postgresql", "mysql"], "auth": ["none"]},
        "paths": ["tools/resource/models.py.txt"],
    },
    {
        "keep": {"database": ["postgresql", "mysql"], "auth": ["jwt", "session"]},
        "paths": ["tools/resource/models_owned.py.txt"],
        "names": {"tools/resource/models_owned.py.txt": "tools/resource/models.py.txt"},
    },
    {
        "keep": {"database": ["postgresql"]},
        "paths": ["app/database/dialect_postgresql.py"],
        "names": {"app/database/dialect_postgresql.py": "app/database/dialect.py"},
    },
    {
        "keep": {"database": ["mysql"]},
        "paths": ["app/database/dialect_mysql.py"],
        "names": {"app/database/dialect_mysql.py": "app/database/dialect.py"},
    },
    {
        "keep": {"auth": ["none"]},
        "paths": ["app/api/blueprint_public.py", "tests/callers_public.py"],
        "names": {
            "app/api/blueprint_public.py": "app/api/blueprint.py",
            "tests/callers_public.py": "tests/callers.py",
        },
    },
    {
        "keep": {"auth": ["jwt", "session"]},
        "paths": [
            "app/api/blueprint.py",
            "app/auth",
            "tests/api/test_blueprint.py",
            "tests/auth",
            "tests/callers.py",
        ],
    },
    {
        "keep": {"auth": ["jwt", "session"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/auth/accounts.py",
            "app/auth/commands.py",
            "app/auth/passwords.py",
            "app/auth/routes.py",
            "app/auth/schemas.py",
            "app/auth/throttle.py",
            "app/auth/users.py",
            "app/database/owners.py",
            "migrations/template/0002_create_users.py",
            "migrations/template/0005_compare_emails_exactly.py",
            "tests/auth/test_accounts.py",
            "tests/auth/test_commands.py",
            "tests/auth/test_users.py",
            "tests/database/test_owners.py",
        ],
    },
    {
        "keep": {"auth": ["jwt"]},
        "paths": [
            "app/auth/keys.py",
            "app/auth/tokens.py",
            "tests/auth/test_bearer.py",
            "tests/auth/test_keys.py",
            "tests/auth/test_tokens.py",
        ],
    },
    {
        "keep": {"auth": ["jwt"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/auth/key_commands.py",
            "app/auth/login_routes_issuer.py",
            "app/auth/logins_issuer.py",
            "app/auth/setup_issuer.py",
            "app/auth/token_families.py",
            "app/auth/token_schemas.py",
            "migrations/template/0004_create_token_families.py",
            "tests/auth/sign_in_issuer.py",
            "tests/auth/test_issuer.py",
        ],
        "names": {
            "app/auth/login_routes_issuer.py": "app/auth/login_routes.py",
            "app/auth/logins_issuer.py": "app/auth/logins.py",
            "app/auth/setup_issuer.py": "app/auth/setup.py",
            "tests/auth/sign_in_issuer.py": "tests/auth/sign_in.py",
        },
    },
    {
        "keep": {"auth": ["jwt"], "database": ["none"]},
        "paths": [
            "app/auth/commands_resource_server.py",
            "app/auth/resource_server.py",
            "app/auth/setup_resource_server.py",
            "tests/auth/sign_in_resource_server.py",
            "tests/auth/test_resource_server.py",
        ],
        "names": {
            "app/auth/commands_resource_server.py": "app/auth/commands.py",
            "app/auth/setup_resource_server.py": "app/auth/setup.py",
            "tests/auth/sign_in_resource_server.py": "tests/auth/sign_in.py",
        },
    },
    {
        "keep": {"auth": ["session"]},
        "paths": [
            "app/auth/csrf.py",
            "app/auth/login_routes_sessions.py",
            "app/auth/logins_sessions.py",
            "app/auth/setup_sessions.py",
            "migrations/template/0004_create_login_sessions.py",
            "tests/auth/sign_in_sessions.py",
            "tests/auth/test_sessions.py",
        ],
        "names": {
            "app/auth/login_routes_sessions.py": "app/auth/login_routes.py",
            "app/auth/logins_sessions.py": "app/auth/logins.py",
            "app/auth/setup_sessions.py": "app/auth/setup.py",
            "tests/auth/sign_in_sessions.py": "tests/auth/sign_in.py",
        },
    },
    {
        "keep": {"example": [True]},
        "paths": [
            "app/clients/payments.py",
            "app/orders",
            "tests/clients/test_payments.py",
            "tests/clients/test_settings.py",
            "tests/orders",
        ],
    },
    {
        "keep": {"example": [True], "auth": ["jwt", "session"]},
        "paths": ["tests/orders/conftest.py", "tests/orders/test_owners.py"],
    },
    {
        "keep": {"example": [True], "database": ["none"]},
        "paths": ["app/api/idempotency_stateless.py", "app/orders/routes_stateless.py"],
        "names": {
            "app/api/idempotency_stateless.py": "app/api/idempotency.py",
            "app/orders/routes_stateless.py": "app/orders/routes.py",
        },
    },
    {
        "keep": {"example": [True], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/orders/changes.py",
            "app/orders/checkout.py",
            "app/orders/commands.py",
            "app/orders/models.py",
            "app/orders/routes.py",
            "migrations/template/0001_create_orders.py",
            "migrations/template/0007_move_idempotency_keys.py",
            "tests/orders/test_change_order.py",
            "tests/orders/test_checkout.py",
            "tests/orders/test_list_orders.py",
        ],
    },
    {
        "keep": {"example": [True], "auth": ["none"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/orders/seed.py",
            "tests/orders/test_seed.py",
        ],
    },
    {
        "keep": {
            "example": [True],
            "auth": ["jwt", "session"],
            "database": ["postgresql", "mysql"],
        },
        "paths": [
            "app/orders/seed_of_user.py",
            "migrations/template/0003_give_orders_owners.py",
            "tests/orders/test_access.py",
            "tests/orders/test_seed_of_user.py",
        ],
        "names": {
            "app/orders/seed_of_user.py": "app/orders/seed.py",
            "tests/orders/test_seed_of_user.py": "tests/orders/test_seed.py",
        },
    },
    {
        "keep": {"tracing": ["opentelemetry"]},
        "paths": [
            "app/clients/transport_traced.py",
            "app/observability/tracing.py",
            "app/observability/tracing_setup.py",
            "tests/observability/tracing",
        ],
        "names": {"app/clients/transport_traced.py": "app/clients/transport.py"},
    },
    {
        "keep": {"tracing": ["opentelemetry"], "database": ["postgresql", "mysql"]},
        "paths": [
            "app/observability/tracing_database.py",
            "tests/observability/tracing/test_database.py",
        ],
    },
    {
        "keep": {"tracing": ["none"]},
        "paths": ["app/clients/transport.py"],
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
