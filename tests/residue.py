"""Words that stand nowhere in a service without their piece: what proves that pruning leaves no residue.

Each row names the answers that keep the piece, as the pruning table does. A word is matched where no letter stands
before it, and is a regular expression.
"""

WORDS: list[tuple[dict[str, list], list[str]]] = [
    ({"database": ["postgresql", "mysql"]}, ["database", "sqlalchemy", "alembic", "migrat", "sqlite", "sql"]),
    ({"database": ["postgresql"]}, ["postgres", "psycopg"]),
    ({"database": ["mysql"]}, ["mysql", "mariadb"]),
    (
        {"auth": ["jwt", "session"]},
        ["app.auth", "app/auth", "identity", "unauthorized", "init_auth", "insufficient_scope"],
    ),
    (
        {"auth": ["jwt", "session"], "database": ["postgresql", "mysql"]},
        [
            "argon2",
            "login",
            "log_in",
            "logout",
            "app/auth/users",
            "registration",
            "password_hash",
            "owner_id",
        ],
    ),
    ({"auth": ["jwt"]}, ["jwt", "init_tokens", "access_token", "at\\+jwt"]),
    ({"auth": ["jwt"], "database": ["postgresql", "mysql"]}, ["refresh_token", "revocation", "token_famil"]),
    ({"auth": ["jwt"], "database": ["none"]}, ["jwks_url", "resource_server"]),
    ({"auth": ["session"]}, ["csrf", "flask_login", "flask-login", "login_session", "session_cookie"]),
    # Not SQL's ORDER BY.
    ({"example": [True]}, ["order(?!_by)", "pricing", "currency", "payment"]),
    (
        {"tracing": ["opentelemetry"]},
        ["opentelemetry", "otel", "otlp", "tracing", "traces", "trace_", "traceparent", "span", "baggage"],
    ),
    ({"ci": ["github"]}, ["github"]),
    ({"ci": ["gitlab"]}, ["gitlab"]),
]
