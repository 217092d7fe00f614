"""Which service this is, and which version of it."""

from pathlib import Path

from dockerflow.version import get_version

SERVICE = "{{ cookiecutter.service_slug }}"
__version__ = "0.1.0"

ROOT = Path(__file__).parents[1]


def read_version() -> dict[str, str]:
    """Return Dockerflow's version object: from version.json, which the image's build writes."""
    written = get_version(str(ROOT)) or {}
    return {"source": "", "version": __version__, "commit": "", "build": "", **written}
