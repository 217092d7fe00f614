"""Reject answers that cannot work, with a one-line message that says what to change.

Rendered by cookiecutter and run before any file is written; uses only the standard library.
"""

import json
import re
import sys
import unicodedata

ANSWERS = json.loads({{cookiecutter | jsonify | pprint}})


def is_dns_label(text):
    """Return whether `text` is a lower-case label of RFC 1035, section 2.3.1."""
    return re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", text) is not None


def is_plain_text(text):
    """Return whether `text` is one line that is valid in double quotes in TOML, YAML and Python, and in Markdown."""
    controls = any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)
    templating = any(mark in text for mark in ("{" + "{", "{" + "%", "{" + "#"))
    return not (controls or templating or '"' in text or "\\" in text)


def columns(text):
    """Return the width of `text` on a screen: an emoji or an ideograph takes two columns."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


PLAIN = "must be one line without double quotes, backslashes or template tags such as {" + "{"
# The name is validated first, because the slug is derived from it by default.
RULES = [
    ("service_name", is_plain_text, PLAIN),
    ("service_name", lambda text: 0 < columns(text.strip()) <= 63, "must be 1 to 63 characters wide"),
    (
        "service_slug",
        is_dns_label,
        "must be a DNS label: at most 63 characters of a-z, 0-9 and -, starting with a letter, not ending with -",
    ),
    ("description", is_plain_text, PLAIN),
    ("owner", is_plain_text, PLAIN),
]

# Answers that cannot be combined, and what to choose instead.
CONFLICTS = [
    (
        {"auth": "session", "database": "none"},
        "sessions are stored in a database. Choose a database, or auth jwt or none",
    ),
]

for key, holds, rule in RULES:
    if not holds(ANSWERS[key]):
        sys.exit(f"{key} {rule}. Got {ANSWERS[key]!r}.")

for answers, reason in CONFLICTS:
    if answers.items() <= ANSWERS.items():
        named = " and ".join(f"{key} {answer}" for key, answer in answers.items())
        sys.exit(f"{named} cannot be combined: {reason}.")
