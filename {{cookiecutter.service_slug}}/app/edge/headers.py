"""The headers that keep a browser from doing with a response what it is not meant for.

See https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html.
"""

HEADERS = {
    # A response is data: nothing is loaded, run or framed on its behalf.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Two years (RFC 6797); browsers heed it over HTTPS alone.
HSTS = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}


def security_headers(environment: str) -> dict[str, str]:
    """Return the headers of every response that does not set its own."""
    return HEADERS | (HSTS if environment == "production" else {})
