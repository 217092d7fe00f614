"""Accounts of services made by version 0.1.0, on the databases of production."""

import os
import uuid

import pytest
import sqlalchemy

from tests import harness, servers

pytestmark = pytest.mark.proof

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
INSERT = sqlalchemy.text(
    "INSERT INTO users (id, email, password_hash, scopes, is_active, created_at)"
    " VALUES (:id, :email, 'x', '', true, '2026-01-01 00:00:00')"
)
EMAILS = sqlalchemy.text("SELECT email FROM users ORDER BY email")


@pytest.fixture(params=["postgresql", "mysql"])
def database(request):
    if f"{request.param.upper()}_URL" not in os.environ:
        pytest.skip(f"{request.param.upper()}_URL says where a server is")
    with servers.database(os.environ[f"{request.param.upper()}_URL"]) as url:
        yield request.param, url


@pytest.fixture
def service(database, tmp_path):
    """A service whose database is where version 0.1.0 left it, with accounts; runs `flask db`."""
    kind, url = database
    auth = {"postgresql": "jwt", "mysql": "session"}[kind]
    answers = harness.default(auth=auth, database=kind)
    folder = harness.write(harness.render(answers), tmp_path / "service")
    settings = {**servers.production(folder), "DATABASE_URL": url}
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername=DRIVERS[kind]))

    def db(*arguments: str):
        return servers.run(folder, "flask", "db", *arguments, **settings)

    def add(*emails: str) -> None:
        with engine.begin() as connection:
            for email in emails:
                user_id = uuid.uuid4()
                connection.execute(
                    INSERT, {"id": user_id if kind == "postgresql" else user_id.hex, "email": email}
                )

    normalizing = folder / "migrations" / "template" / "0005_compare_emails_exactly.py"
    source = normalizing.read_text()
    normalizing.unlink()
    before = db("upgrade")
    assert before.returncode == 0, before.stderr
    normalizing.write_text(source)
    yield db, add, engine
    engine.dispose()


def emails(engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(EMAILS))


def test_addresses_get_their_one_form_and_compare_exactly(service):
    db, add, engine = service
    add("ada@example.com", "Eve@Example.COM", "jose\u0301@example.com")
    migrated = db("upgrade")
    assert migrated.returncode == 0, migrated.stderr
    assert emails(engine) == ["ada@example.com", "eve@example.com", "jos\u00e9@example.com"]
    add("\u00e1da@example.com", "jose@example.com")  # others, though some collations take them for the same
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        add("ada@example.com")
    assert db("check").returncode == 0
    assert db("upgrade").returncode == 0
    assert len(emails(engine)) == 5


def test_two_accounts_of_one_address_are_told_and_left_alone(service):
    db, add, engine = service
    add(" ada@example.com", "ada@example.com")
    before = emails(engine)
    migrated = db("upgrade")
    assert migrated.returncode != 0
    assert "have the same e-mail address after normalization" in migrated.stderr
    assert emails(engine) == before
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM users WHERE email LIKE ' %'"))
    assert db("upgrade").returncode == 0


def test_its_sql_can_be_written_for_later(service):
    db, _, engine = service
    written = db("upgrade", "head", "--sql")
    assert written.returncode == 0, written.stderr
    assert ("utf8mb4_bin" in written.stdout) == (engine.dialect.name == "mysql")
