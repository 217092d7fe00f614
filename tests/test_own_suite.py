"""A service's own suite stays green whatever is set around it, and whatever its owner adds."""

import pytest

from tests import harness, servers

pytestmark = pytest.mark.proof

# Each legal; none is what the tests count on.
SETTINGS = {
    "APP_ENV": "production",
    "ACCESS_TOKEN_LIFETIME": "600",
    "REFRESH_TOKEN_LIFETIME": "900",
    "REVOCATION_DELAY": "30",
    "SESSION_IDLE_LIFETIME": "60",
    "SESSION_LIFETIME": "120",
    "REGISTRATION_OPEN": "false",
    "JWT_KEYS": "k" * 40,
    "JWT_ISSUER": "https://elsewhere.example",
    "JWT_AUDIENCE": "elsewhere",
    "PAYMENTS_URL": "https://payments.invalid/v1",
    "LOG_LEVEL": "ERROR",
    "LOG_FORMAT": "json",
    "TRACES_SAMPLE_RATIO": "0",
    "TRUSTED_HOSTS": "elsewhere.example",
    "TRUSTED_PROXIES": "1",
    "CORS_ORIGINS": "https://elsewhere.example",
    "RATE_LIMIT": "3",
    "MAX_CONTENT_LENGTH": "100",
    "HEALTH_CHECK_TIMEOUT": "0.5",
    "SECRET_KEY_FILE": "/nowhere/secret",
    "PORT": "8001",
    "WEB_THREADS": "64",
    "CONNECTIONS_PER_ADDRESS": "3",
    "REQUEST_TIMEOUT": "60",
    "DRAIN_SECONDS": "20",
    "http_proxy": "http://127.0.0.1:9",
    "GUNICORN_CMD_ARGS": "--workers=3",
    "NEW_USER_PASSWORD": "short",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_TRACES_SAMPLER": "always_off",
}

ROUTE = '''"""A route whose only input is a string in its path."""

from app.api import Blueprint

things = Blueprint("things", __name__, url_prefix="/things", description="Things")


@things.get("/<string:name>")
@things.response(200)
def get_thing(name: str) -> dict[str, str]:
    """Get a thing"""
    return {"name": name}
'''
VARIANTS = {"jwt": {}, "session": {"auth": "session"}, "resource server": {"database": "none"}}


@pytest.mark.parametrize("variant", VARIANTS)
def test_settings_of_the_machine_do_not_fail_the_tests(variant, tmp_path):
    folder = harness.write(harness.render(harness.default(**VARIANTS[variant])), tmp_path / "service")
    result = servers.run(folder, "pytest", "-q", "-x", "-p", "no:cacheprovider", **SETTINGS)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]


def test_a_route_that_takes_any_text_does_not_fail_the_tests(tmp_path):
    folder = harness.write(harness.render(harness.default(auth="none")), tmp_path / "service")
    (folder / "app" / "things.py").write_text(ROUTE)
    resources = folder / "app" / "resources.py"
    listed = resources.read_text().replace("= []", "= [things]")
    resources.write_text(
        listed.replace("import Blueprint\n", "import Blueprint\nfrom app.things import things\n")
    )
    # Its name, and its path, are those of the README.
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("tests/test_*.py"))
    files = [*files, "tests/observability"]
    result = servers.run(folder, "pytest", "-q", "-p", "no:cacheprovider", *files)
    assert result.returncode == 0, result.stdout[-5000:]
