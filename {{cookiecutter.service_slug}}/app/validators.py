"""Validators of settings. Each raises `ValidationError` for a value that cannot work."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from environs import ValidationError

# Underscores are legal within the names of containers.
HOST = r"[^\W_]([\w.-]*\w)?"


def validate_address(host: str) -> None:
    """Require an IP address or a host name to listen on."""
    is_name = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host)
    if not is_name and not is_ip_address(host.removeprefix("[").removesuffix("]")):
        raise ValidationError(f"Not an address: {host!r}.")


def is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def validate_hosts(hosts: list[str]) -> None:
    """Require host names, each with an optional port; a leading dot matches subdomains."""
    for host in hosts:
        # No IPv6 addresses: Werkzeug compares the part before the first colon.
        if not re.fullmatch(r"\.?" + HOST + r"(:\d{1,5})?", host) or ".." in host:
            raise ValidationError(f"Not a host name: {host!r}.")


def validate_origins(origins: list[str]) -> None:
    """Require origins (RFC 6454): neither URLs with a path nor `*`."""
    for origin in origins:
        # Flask-CORS treats special characters such as brackets as a regular expression.
        if not re.fullmatch(r"https?://[\w.-]+(:\d{1,5})?", origin):
            raise ValidationError(f"Not an origin: {origin!r}.")


def validate_url(url: str, schemes: Sequence[str] = ("https", "http")) -> None:
    """Require an absolute URL with one of `schemes`, or an empty string."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_host = is_ip_address(host) or re.fullmatch(HOST, host) and ".." not in host
        # urlsplit() drops line breaks and tabs, which an HTTP client would not.
        is_absolute = parts.scheme in schemes and parts.port != 0 and not re.search(r"[\s\\]", url)
    except ValueError:
        is_host = is_absolute = False
    if url and not (is_absolute and is_host):
        raise ValidationError(f"Must be a URL that starts with {' or '.join(schemes)}://.")
