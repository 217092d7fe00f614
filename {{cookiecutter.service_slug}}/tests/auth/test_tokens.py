"""Every token but a good one is refused; RFC 8725 tells how they are made."""

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

from app.auth.keys import KeyRing, read_keys
from app.auth.tokens import LEEWAY, MAX_KNOWN, InvalidToken, Verifier

SECRET = read_keys("s" * 32)[0]
ELLIPTIC = read_keys(
    """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----"""
)[0]
PUBLIC_PEM = ELLIPTIC.verifying_key.public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
OTHER = read_keys("o" * 32)[0]
TYPES: set[str | None] = {"at+jwt"}


def verifier() -> Verifier:
    return Verifier(KeyRing([SECRET, ELLIPTIC]), "issuer", "audience", TYPES)


def encode(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def make(key: Any = SECRET, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "issuer", "aud": "audience", "sub": "ada", "iat": now, "exp": now + 60}
    claims = {k: v for k, v in (claims | changes).items() if v is not None}
    said = {"kid": key.id, "typ": "at+jwt", **(headers or {})}
    return jwt.encode(claims, key.signing_key, algorithm=key.algorithm, headers=said)


def sign_by_hand(header: dict[str, Any], secret: bytes, token: str) -> str:
    """Put another header on a token, and sign it with whatever bytes."""
    signed = f"{encode(header)}.{token.split('.')[1]}"
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def with_header(**header: Any) -> str:
    """A good token with its header changed, and signed again with the right key."""
    whole = {"alg": "HS256", "kid": SECRET.id, "typ": "at+jwt", **header}
    return sign_by_hand(whole, SECRET.signing_key, make())


def tampered(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{encode({**claims, 'sub': 'root'})}.{signature}"


@pytest.mark.parametrize("key", [SECRET, ELLIPTIC], ids=["HS256", "ES256"])
def test_a_good_token_tells_whose_it_is(key: Any) -> None:
    verified = verifier().verify(make(key, scope="a:read b:write", sid="7"))
    assert verified.identity == ("ada", {"a:read", "b:write"})
    assert verified.sid == "7"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_type_is_spelled_in_any_way_of_the_rfc(typ: str) -> None:
    assert verifier().verify(with_header(typ=typ)).identity.subject == "ada"


def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    verifier().verify(make(exp=now - LEEWAY + 5, nbf=now + LEEWAY - 5))


NOW = int(time.time())
BAD = {
    "alg none": lambda: (
        f"{encode({'alg': 'none', 'kid': SECRET.id, 'typ': 'at+jwt'})}.{make().split('.')[1]}."
    ),
    "alg None": lambda: with_header(alg="None"),
    "signed with the public key": lambda: sign_by_hand(
        {"alg": "HS256", "kid": ELLIPTIC.id, "typ": "at+jwt"}, PUBLIC_PEM, make()
    ),
    "another algorithm of the same key": lambda: with_header(alg="HS512"),
    "the wrong key": lambda: make(OTHER),
    "the wrong key by the right name": lambda: make(OTHER, {"kid": SECRET.id}),
    "no name of a key": lambda: with_header(kid=None),
    "a path for a name": lambda: make(OTHER, {"kid": "../../dev/null"}),
    "a query for a name": lambda: make(OTHER, {"kid": "x' UNION SELECT 'key' --"}),
    "a list for a name": lambda: with_header(kid=["a"]),
    "an address for a key": lambda: make(OTHER, {"jku": "https://evil.example/jwks.json"}),
    "a certificate elsewhere": lambda: make(OTHER, {"x5u": "https://evil.example/cert"}),
    "a key of its own": lambda: make(OTHER, {"jwk": OTHER.jwk}),
    "tampered with": lambda: tampered(make()),
    "expired": lambda: make(exp=NOW - LEEWAY - 60),
    "not yet valid": lambda: make(nbf=NOW + 3600),
    "issued in the future": lambda: make(iat=NOW + 3600),
    "without an end": lambda: make(exp=None),
    "of another issuer": lambda: make(iss="evil"),
    "of no issuer": lambda: make(iss=None),
    "for another audience": lambda: make(aud="other"),
    "for no audience": lambda: make(aud=None),
    "of nobody": lambda: make(sub=None),
    "of an empty name": lambda: make(sub=""),
    "a list of scopes": lambda: make(scope=["admin"]),
    "an end beyond all numbers": lambda: make(exp=10**400),
    "another type": lambda: make(headers={"typ": "rt+jwt"}),
    "no type": lambda: with_header(typ=None),
    "an extension that is not understood": lambda: with_header(crit=["b64"], b64=False),
    "too long": lambda: make(note="x" * 10_000),
    "two parts": lambda: make().rpartition(".")[0],
    "nothing": lambda: "",
    "dots": lambda: "..",
    "no JSON": lambda: f"{encode(b'{')}.{encode(b'{')}.{encode(b'x')}",
    "nested": lambda: sign_by_hand(
        {"alg": "HS256", "kid": SECRET.id, "typ": "at+jwt"},
        SECRET.signing_key,
        f".{encode(b'[' * 3000)}.",
    ),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_any_other_is_refused(token: Any) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(token())


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(token)


def test_what_is_known_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, token = verifier(), make()
    ours.verify(token)
    later = time.time() + 3600
    monkeypatch.setattr("app.auth.tokens.time.time", lambda: later)
    with pytest.raises(InvalidToken, match="expired"):
        ours.verify(token)


def test_what_is_known_ends_with_its_key() -> None:
    ours, token = verifier(), make()
    ours.verify(token)
    ours.keys = KeyRing([ELLIPTIC])
    with pytest.raises(InvalidToken):
        ours.verify(token)


def test_no_more_is_known_than_there_is_room_for() -> None:
    ours = verifier()
    verified = ours.verify(make())
    for n in range(MAX_KNOWN + 9):
        ours.keep(str(n), verified)
    assert len(ours.known) == MAX_KNOWN
