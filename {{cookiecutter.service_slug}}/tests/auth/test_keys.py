import base64
import json

import joserfc.jwt
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from environs import ValidationError
from joserfc.jwk import KeySet

from app.auth.keys import Key, KeyRing, generate_key, parse_keys, validate_signing_keys

PRIVATE = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
PEM = serialization.Encoding.PEM


def private_pem(algorithm: str, passphrase: bytes = b"") -> str:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return (
        PRIVATE[algorithm]
        .private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)
        .decode()
    )


def public_pem(algorithm: str) -> str:
    public = PRIVATE[algorithm].public_key()
    return public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_pem_key_has_one_algorithm(algorithm: str) -> None:
    (private,), (public,) = parse_keys(private_pem(algorithm)), parse_keys(public_pem(algorithm))
    assert private.algorithm == public.algorithm == algorithm
    assert private.id == public.id
    assert (private.can_sign, public.can_sign) == (True, False)
    assert private.public() == public.public()
    assert not {"d", "p", "q", "key_ops"} & set(private.public())


def test_shared_secret_is_a_symmetric_key() -> None:
    (key,) = parse_keys("s" * 32)
    assert (key.algorithm, key.can_sign, key.is_secret) == ("HS256", True, True)
    with pytest.raises(ValueError, match="no public key"):
        key.public()


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_published_key_verifies_in_other_libraries(algorithm: str) -> None:
    key = generate_key(algorithm)
    published = KeySet.import_key_set({"keys": [key.public()]})
    token = jwt.encode(
        {"sub": "ada"}, key.signing_key, algorithm=algorithm, headers={"kid": key.id}
    )
    decoded = joserfc.jwt.decode(token, published, algorithms=[algorithm])
    assert decoded.claims["sub"] == "ada"
    by_pyjwt = jwt.decode(token, jwt.PyJWK(key.public()), algorithms=[algorithm])
    assert by_pyjwt["sub"] == "ada"


def test_key_id_is_the_thumbprint() -> None:
    # The example of RFC 7638, section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = Key({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"})
    assert key.id == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_key_set_keeps_the_sequence_and_ignores_unusable_keys() -> None:
    first, second = parse_keys("a" * 32)[0].jwk, parse_keys(private_pem("ES256"))[0].jwk
    unusable = [{"kty": "new"}, {**first, "kid": "e", "use": "enc"}, 7]
    keys = parse_keys(json.dumps({"keys": [first, *unusable, second]}))
    assert [key.jwk for key in keys] == [first, second]
    ring = KeyRing(keys)
    assert next(iter(ring.keys)) == first["kid"]
    assert ring.find(second["kid"]) is keys[1]
    assert ring.find(None) is None
    assert KeyRing(keys[:1]).find(None) is keys[0]


def small_rsa() -> str:
    key = rsa.generate_private_key(65537, 1024)
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(PEM, pkcs8, serialization.NoEncryption()).decode()


INVALID = {
    "a short secret": lambda: "s" * 31,
    "a short secret in a set": lambda: json.dumps(
        {"keys": [{"kty": "oct", "k": base64.urlsafe_b64encode(b"short").decode()}]}
    ),
    "a small RSA key": small_rsa,
    "an empty set": lambda: '{"keys": []}',
    "not a set": lambda: '{"kty": "oct"}',
    "not JSON": lambda: "{",
    "an empty PEM": lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    "an encrypted key": lambda: private_pem("ES256", b"passphrase"),
    "the algorithm none": lambda: json.dumps(
        {"keys": [{"kty": "oct", "k": "AAAA", "alg": "none"}]}
    ),
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID.keys())
def test_invalid_or_weak_key_is_rejected(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_keys(text())  # type: ignore[operator]


def test_two_keys_of_one_id_are_rejected() -> None:
    keys = [{**generate_key("HS256").jwk, "kid": "same"} for _ in range(2)]
    with pytest.raises(ValidationError, match="same kid"):
        validate_signing_keys(json.dumps({"keys": keys}))
