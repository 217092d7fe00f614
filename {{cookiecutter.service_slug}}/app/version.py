"""Name and version of the service, and the template release it comes from."""

import json
import re
from pathlib import Path
from typing import Any

from dockerflow.version import get_version

SERVICE = "{{ cookiecutter.service_slug }}"
__version__ = "0.1.0"

ROOT = Path(__file__).parents[1]


def read_version() -> dict[str, Any]:
    """Return Dockerflow's version object, from the version.json that the image build writes.

    `template` is the release and the commit of the template that the service was last updated to.
    """
    written = get_version(str(ROOT)) or {}
    if "source" in written:
        written["source"] = strip_userinfo(written["source"])
    template = {"version": TEMPLATE_VERSION, "commit": read_template_commit()}
    own = {"source": "", "version": __version__, "commit": "", "build": "", **written}
    return {**own, "template": template}


# Kept away from __version__, which the team changes: edits of neighboring lines conflict in git.
TEMPLATE_VERSION = "{{ cookiecutter._template_version }}"


def read_template_commit() -> str:
    """Return the template's commit from .cruft.json; "" if the service is not linked to it."""
    link = ROOT / ".cruft.json"
    return str(json.loads(link.read_text())["commit"]) if link.exists() else ""


def strip_userinfo(url: str) -> str:
    """Return `url` without its userinfo: user, password or token (RFC 3986, section 3.2.1)."""
    return re.sub(r"://[^/\s]*@", "://", url)
