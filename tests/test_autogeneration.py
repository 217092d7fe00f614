"""A revision that is written from the models keeps every column type that SQLAlchemy documents."""

import contextlib
import re
import sys

import pytest
import sqlalchemy

from tests import servers
from tests.test_databases import flask, server_url, write_service

pytestmark = pytest.mark.proof

# https://docs.sqlalchemy.org/en/21/core/type_basics.html: the generic types, those of SQL, and the service's own.
GENERIC = """
BigInteger() Boolean() Boolean(name='is_true',create_constraint=True) Date() DateTime() DateTime(timezone=True) Double()
Enum('one','two',name='counts') Enum('one','two',name='portable',native_enum=False,length=20)
Enum(Colour) Float() Float(24) Integer() Interval() JSON() LargeBinary() LargeBinary(300) Numeric(12,2)
Numeric(30,10,asdecimal=False) PickleType() SmallInteger() String(80) String(80,collation=COLLATION)
Text() Time() Unicode(40) UnicodeText() Uuid() Uuid(as_uuid=False) BIGINT() CHAR(7) DATE() DECIMAL(9,3)
FLOAT() INTEGER() JSON(none_as_null=True) NUMERIC(8,4) REAL() SMALLINT() TEXT() TIME() VARCHAR(33)
base.Money() base.UtcDateTime() own.Short(12) String(80).with_variant(Text(),'sqlite')
own.Short(12).with_variant(Text(),'sqlite')
"""
# Not on every database.
SQLITE = "BLOB() BOOLEAN() DOUBLE() Double(53) DATETIME() TIMESTAMP() sqlite.DATETIME() sqlite.DATE() sqlite.TIME() sqlite.JSON()"
POSTGRESQL = """
BOOLEAN() DOUBLE_PRECISION() Double(53) TIMESTAMP() TIMESTAMP(timezone=True) UUID() ARRAY(Integer()) ARRAY(String(80),dimensions=2)
ARRAY(Numeric(12,2)) ARRAY(base.Money()) ARRAY(own.Short(12)) postgresql.ARRAY(String(80))
postgresql.ARRAY(postgresql.ENUM('a','b',name='letters')) postgresql.BIT(5) postgresql.BIT(5,varying=True) postgresql.BYTEA()
postgresql.CIDR() postgresql.CITEXT() postgresql.DATERANGE() postgresql.DATEMULTIRANGE()
postgresql.DOMAIN('positive',Integer(),check='VALUE>0') postgresql.DOUBLE_PRECISION() postgresql.ENUM('c','d',name='others')
postgresql.HSTORE() postgresql.INET() postgresql.INT4RANGE() postgresql.INT4MULTIRANGE() postgresql.INT8RANGE()
postgresql.INT8MULTIRANGE() postgresql.INTERVAL() postgresql.INTERVAL(precision=3)
postgresql.INTERVAL(fields='DAY') postgresql.JSON() postgresql.JSONB() postgresql.JSONPATH()
postgresql.MACADDR() postgresql.MACADDR8() postgresql.MONEY() postgresql.NUMRANGE() postgresql.NUMMULTIRANGE()
postgresql.OID() postgresql.REGCLASS() postgresql.REGCONFIG() postgresql.TIME(precision=3)
postgresql.TIMESTAMP(precision=3,timezone=True) postgresql.TSQUERY() postgresql.TSRANGE()
postgresql.TSMULTIRANGE() postgresql.TSTZRANGE() postgresql.TSTZMULTIRANGE() postgresql.TSVECTOR()
String(80).with_variant(postgresql.CITEXT(),'postgresql')
"""
MYSQL = """
BINARY(16) BLOB() DOUBLE() BOOLEAN() DATETIME() NCHAR(5) NVARCHAR(50) TIMESTAMP() VARBINARY(20) mysql.BIGINT(unsigned=True)
mysql.BIT(5) mysql.CHAR(7,collation='utf8mb4_bin') mysql.DATETIME(fsp=6) mysql.DECIMAL(9,3,unsigned=True)
mysql.DOUBLE(12,4) mysql.ENUM('a','b') mysql.FLOAT(10,2)
mysql.INTEGER(unsigned=True) mysql.JSON() mysql.LONGBLOB() mysql.LONGTEXT() mysql.MEDIUMBLOB()
mysql.MEDIUMINT(unsigned=True) mysql.MEDIUMTEXT() mysql.NCHAR(5) mysql.NUMERIC(8,4) mysql.NVARCHAR(50)
mysql.REAL(12,4) mysql.SET('x','y') mysql.SMALLINT(unsigned=True) mysql.TEXT() mysql.TEXT(collation='utf8mb4_bin')
mysql.TIME(fsp=3) mysql.TIMESTAMP(fsp=6) mysql.TINYBLOB() mysql.TINYINT(1) mysql.TINYINT(unsigned=True) mysql.TINYTEXT()
mysql.VARCHAR(33,charset='latin1') mysql.YEAR() String(80).with_variant(mysql.VARCHAR(80,collation='utf8mb4_bin'),'mysql','mariadb')
"""
TYPES = {
    "sqlite": (GENERIC + SQLITE, "'NOCASE'"),
    "postgresql": (GENERIC + POSTGRESQL, "'C'"),
    "mysql": (GENERIC + MYSQL, "'utf8mb4_bin'"),
}
# The database has them under another name, and Alembic cannot tell that it is the same type.
SYNONYMS = {
    "sqlite": set(),
    "postgresql": {"Float(24)", "postgresql.JSONPATH()"},
    "mysql": {
        "NCHAR(5)",
        "NVARCHAR(50)",
        "REAL()",
        "mysql.NCHAR(5)",
        "mysql.NVARCHAR(50)",
        "mysql.REAL(12,4)",
    },
}
OWN = """
from sqlalchemy import String
from sqlalchemy.types import TypeDecorator


class Short(TypeDecorator[str]):
    impl = String
    cache_ok = True
"""
MODEL = """
import enum

from sqlalchemy import *
from sqlalchemy.dialects import mysql, postgresql, sqlite

from app import own
from app.database import base, db

COLLATION = {collation}


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


Table(
    "things",
    db.metadata,
    Column("id", Integer, primary_key=True),
{columns}
)
"""
DESCRIBE = """
from sqlalchemy.schema import CreateTable

from app import create_app
from app.database import db

app = create_app()
with app.app_context():
    print(CreateTable(db.metadata.tables["things"]).compile(db.engine))
"""


@contextlib.contextmanager
def scratch_database(name):
    """Yield the settings that name an empty database; of PostgreSQL with the extensions of its types."""
    if name == "sqlite":
        yield {}
        return
    with servers.database(server_url(name)) as url:
        if name == "postgresql":
            engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
            with engine.begin() as connection:
                connection.execute(sqlalchemy.text("CREATE EXTENSION citext"))
                connection.execute(sqlalchemy.text("CREATE EXTENSION hstore"))
            engine.dispose()
        yield {"DATABASE_URL": url}


@pytest.mark.parametrize("database", TYPES)
def test_a_revision_keeps_every_column_type(database, tmp_path, record_property):
    types, collation = TYPES[database]
    columns = [f'    Column("c{number}", {name}),' for number, name in enumerate(types.split())]
    answers = {"database": "mysql" if database == "mysql" else "postgresql", "auth": "none", "example": False}
    folder = write_service(tmp_path, **answers)
    (folder / "app" / "own.py").write_text(OWN)
    model = MODEL.format(collation=collation, columns="\n".join(columns))
    (folder / "app" / "things.py").write_text(model)
    with (folder / "app" / "resources.py").open("a") as resources:
        resources.write("\nimport app.things\n")

    with scratch_database(database) as settings:
        flask(folder, "db", "upgrade", **settings)
        flask(folder, "db", "migrate", "-m", "add things", **settings)
        written = flask(folder, "db", "upgrade", "--sql", **settings).stdout
        described = servers.run(folder, sys.executable, "-c", DESCRIBE, **settings)
        assert described.returncode == 0, described.stderr
        assert " ".join(described.stdout.split()) in " ".join(written.split())
        flask(folder, "db", "upgrade", **settings)
        checked = servers.run(folder, "flask", "db", "check", **settings)
        differing = {types.split()[int(number)] for number in re.findall(r"'things\.c(\d+)'", checked.stderr)}
        assert differing == SYNONYMS[database], checked.stderr
        assert checked.returncode == bool(differing), checked.stderr
        flask(folder, "db", "downgrade", "base", **settings)
    clean = servers.run(folder, "ruff", "check", "--no-cache", "migrations")
    assert clean.returncode == 0, clean.stdout
    record_property("summary", f"Autogeneration on {database}: {len(columns)} column types kept.")
