"""Verification of access tokens, with the attacks of RFC 8725."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.keys import KeyRing, parse_keys
from app.auth.tokens import LEEWAY, MAX_CACHED, InvalidToken, Verifier

SECRET = parse_keys("s" * 32)[0]
ELLIPTIC = parse_keys(
    """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----"""
)[0]
PUBLIC_PEM = ELLIPTIC.verifying_key.public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
OTHER = parse_keys("o" * 32)[0]
TYPES: set[str | None] = {"at+jwt"}


def make_verifier() -> Verifier:
    return Verifier(KeyRing([SECRET, ELLIPTIC]), "issuer", "audience", TYPES)


def encode(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def make_token(key: Any = SECRET, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "issuer", "aud": "audience", "sub": "ada", "iat": now, "exp": now + 60}
    claims = {k: v for k, v in (claims | changes).items() if v is not None}
    header = {"kid": key.id, "typ": "at+jwt", **(headers or {})}
    return jwt.encode(claims, key.signing_key, algorithm=key.algorithm, headers=header)


def payload_of(token: str) -> str:
    return token.split(".")[1]


def sign_by_hand(header: dict[str, Any], secret: bytes, token: str) -> str:
    """Replace the header of a token and sign it with `secret`."""
    signed = f"{encode(header)}.{payload_of(token)}"
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def with_header(**header: Any) -> str:
    """Return a token with a changed header, signed with the right key."""
    complete = {"alg": "HS256", "kid": SECRET.id, "typ": "at+jwt", **header}
    return sign_by_hand(complete, SECRET.signing_key, make_token())


def tampered(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{encode({**claims, 'sub': 'root'})}.{signature}"


@pytest.mark.parametrize("key", [SECRET, ELLIPTIC], ids=["HS256", "ES256"])
def test_valid_token_is_verified(key: Any) -> None:
    verified = make_verifier().verify(make_token(key, scope="a:read b:write", sid="7"))
    assert verified.identity == ("ada", {"a:read", "b:write"})
    assert verified.sid == "7"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_spellings_of_the_type_are_accepted(typ: str) -> None:
    assert make_verifier().verify(with_header(typ=typ)).identity.subject == "ada"


def test_clock_skew_is_tolerated() -> None:
    now = int(time.time())
    make_verifier().verify(make_token(exp=now - LEEWAY + 5, nbf=now + LEEWAY - 5))


NOW = int(time.time())
INVALID = {
    "alg none": lambda: (
        f"{encode({'alg': 'none', 'kid': SECRET.id, 'typ': 'at+jwt'})}.{payload_of(make_token())}."
    ),
    "alg None": lambda: with_header(alg="None"),
    "signed with the public key": lambda: sign_by_hand(
        {"alg": "HS256", "kid": ELLIPTIC.id, "typ": "at+jwt"}, PUBLIC_PEM, make_token()
    ),
    "another algorithm of the same key": lambda: with_header(alg="HS512"),
    "the wrong key": lambda: make_token(OTHER),
    "the wrong key with the right kid": lambda: make_token(OTHER, {"kid": SECRET.id}),
    "no kid": lambda: with_header(kid=None),
    "a path as kid": lambda: make_token(OTHER, {"kid": "../../dev/null"}),
    "a query as kid": lambda: make_token(OTHER, {"kid": "x' UNION SELECT 'key' --"}),
    "a list as kid": lambda: with_header(kid=["a"]),
    "the URL of a key set": lambda: make_token(OTHER, {"jku": "https://evil.example/jwks.json"}),
    "the URL of a certificate": lambda: make_token(OTHER, {"x5u": "https://evil.example/cert"}),
    "a key in the header": lambda: make_token(OTHER, {"jwk": OTHER.jwk}),
    "tampered with": lambda: tampered(make_token()),
    "expired": lambda: make_token(exp=NOW - LEEWAY - 60),
    "not yet valid": lambda: make_token(nbf=NOW + 3600),
    "issued in the future": lambda: make_token(iat=NOW + 3600),
    "no expiry": lambda: make_token(exp=None),
    "another issuer": lambda: make_token(iss="evil"),
    "no issuer": lambda: make_token(iss=None),
    "another audience": lambda: make_token(aud="other"),
    "no audience": lambda: make_token(aud=None),
    "no subject": lambda: make_token(sub=None),
    "an empty subject": lambda: make_token(sub=""),
    "a list of scopes": lambda: make_token(scope=["admin"]),
    "an infinite expiry": lambda: make_token(exp=10**400),
    "another type": lambda: make_token(headers={"typ": "rt+jwt"}),
    "no type": lambda: with_header(typ=None),
    "an unsupported extension": lambda: with_header(crit=["b64"], b64=False),
    "too long": lambda: make_token(note="x" * 10_000),
    "two parts": lambda: make_token().rpartition(".")[0],
    "empty": lambda: "",
    "dots": lambda: "..",
    "not JSON": lambda: f"{encode(b'{')}.{encode(b'{')}.{encode(b'x')}",
    "nested": lambda: sign_by_hand(
        {"alg": "HS256", "kid": SECRET.id, "typ": "at+jwt"},
        SECRET.signing_key,
        f".{encode(b'[' * 3000)}.",
    ),
}


@pytest.mark.parametrize("token", INVALID.values(), ids=INVALID.keys())
def test_invalid_token_is_rejected(token: Any) -> None:
    with pytest.raises(InvalidToken):
        make_verifier().verify(token())


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_is_rejected(token: str) -> None:
    with pytest.raises(InvalidToken):
        make_verifier().verify(token)


def test_cached_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = make_verifier(), make_token()
    verifier.verify(token)
    later = time.time() + 3600
    monkeypatch.setattr("app.auth.tokens.time.time", lambda: later)
    with pytest.raises(InvalidToken, match="expired"):
        verifier.verify(token)


def test_cached_token_is_rejected_after_its_key_is_removed() -> None:
    verifier, token = make_verifier(), make_token()
    verifier.verify(token)
    verifier.keys = KeyRing([ELLIPTIC])
    with pytest.raises(InvalidToken):
        verifier.verify(token)


def test_cache_is_bounded() -> None:
    verifier = make_verifier()
    verified = verifier.verify(make_token())
    for n in range(MAX_CACHED + 9):
        verifier.add_to_cache(str(n), verified)
    assert len(verifier.cache) == MAX_CACHED
