"""Which service this is, which version of it, and of which release of the template."""

import json
import re
from pathlib import Path
from typing import Any

from dockerflow.version import get_version

SERVICE_NAME = "{{ cookiecutter.service_slug }}"
__version__ = "0.1.0"

ROOT = Path(__file__).parents[1]


def read_version() -> dict[str, Any]:
    """Return Dockerflow's version object: from version.json, which the image's build writes.

    `template` is where the service comes from; cruft keeps the commit.
    """
    written = get_version(str(ROOT)) or {}
    if "source" in written:
        written["source"] = strip_userinfo(written["source"])
    template = {"version": TEMPLATE_VERSION, "commit": read_template_commit()}
    own = {"source": "", "version": __version__, "commit": "", "build": "", **written}
    return {**own, "template": template}


# Apart from __version__, which is the team's to raise: git merges by neighbouring lines.
TEMPLATE_VERSION = "{{ cookiecutter._template_version }}"


def read_template_commit() -> str:
    """Return the commit of the template; "" where the service is not linked to it."""
    link = ROOT / ".cruft.json"
    return str(json.loads(link.read_text())["commit"]) if link.exists() else ""


def strip_userinfo(url: str) -> str:
    """Return `url` without the user, password or token in it (RFC 3986, section 3.2.1)."""
    return re.sub(r"://[^/\s]*@", "://", url)
