"""The keys of the tokens. Each is of one algorithm and no other (RFC 8725, section 3.1)."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ALGORITHMS = {
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
}
# Characters of a shared secret, and bits of an RSA modulus (RFC 7518, sections 3.2 and 3.3).
MIN_SECRET = 32
MIN_MODULUS = 2048

# What names a key of each type (RFC 7638).
REQUIRED = {"oct": "k", "RSA": "en", "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


class Key:
    """A key with its id (`kid`) and the one algorithm that it is for."""

    def __init__(self, jwk: dict[str, Any]) -> None:
        """Read a JWK (RFC 7517); raises `ValueError` for what is no key, or none to rely on."""
        try:
            self.signing_key = jwt.PyJWK(jwk)
            self.verifying_key = jwt.PyJWK(without_private_part(jwk))
            self.id = str(jwk.get("kid") or thumbprint(jwk))
        except Exception as error:  # for a JWK can be wrong in many ways
            raise ValueError(f"Not a key: {type(error).__name__}.") from None
        self.algorithm = self.signing_key.algorithm_name
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"Not an algorithm to rely on: {self.algorithm}.")
        if jwk["kty"] == "oct" and len(self.signing_key.key) < MIN_SECRET:
            raise ValueError(f"A secret shorter than {MIN_SECRET} characters.")
        if jwk["kty"] == "RSA" and self.verifying_key.key.key_size < MIN_MODULUS:
            raise ValueError(f"An RSA key of less than {MIN_MODULUS} bits.")
        self.can_sign = jwk["kty"] == "oct" or "d" in jwk
        self.is_secret = jwk["kty"] == "oct"
        self.jwk = {**jwk, "kid": self.id, "alg": self.algorithm, "use": "sig"}

    def public(self) -> dict[str, Any]:
        """Return the JWK for everybody to see."""
        return without_private_part(self.jwk)


def without_private_part(jwk: dict[str, Any]) -> dict[str, Any]:
    """Return the JWK without what only its owner knows; of a shared secret that is nothing."""
    private = {"d", "p", "q", "dp", "dq", "qi", "oth"}
    return {name: value for name, value in jwk.items() if name not in private}


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the id of a key that has none of its own (RFC 7638)."""
    named = {name: jwk[name] for name in sorted({"kty", *REQUIRED[jwk["kty"]]})}
    canonical = json.dumps(named, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def read_keys(text: str) -> list[Key]:
    """Read a JWK Set, a key as PEM, or a shared secret; raises `ValueError` for anything else."""
    text = text.strip()
    if text.startswith("{"):
        return read_jwks(json.loads(text))
    if "-----BEGIN" in text:
        return [Key(read_pem(text.encode()))]
    encoded = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return [Key({"kty": "oct", "k": encoded, "alg": "HS256"})]


def read_jwks(jwks: Any) -> list[Key]:
    """Read a JWK Set (RFC 7517, section 5); raises `ValueError` where no key is left to verify with.

    A key of an unknown kind, or for encryption, is passed over, as the RFC has it.
    """
    if not isinstance(jwks, dict) or not isinstance(jwks.get("keys"), list):
        raise ValueError("Not a JWK Set.")
    keys: list[Key] = []
    fault: ValueError | None = None
    for jwk in jwks["keys"]:
        if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig":
            try:
                keys.append(Key(jwk))
            except ValueError as error:
                fault = error
    if not keys:
        raise fault or ValueError("A JWK Set without a key to verify with.")
    return keys


def read_pem(pem: bytes) -> dict[str, Any]:
    """Return a private or a public key as JWK; raises `ValueError` for a kind of no use here."""
    try:
        key = load_pem_private_key(pem, None) if b"PRIVATE" in pem else load_pem_public_key(pem)
    except TypeError:
        raise ValueError("A key behind a passphrase.") from None
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return {**RSAAlgorithm.to_jwk(key, as_dict=True), "alg": "RS256"}
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return ECAlgorithm.to_jwk(key, as_dict=True)
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return {**OKPAlgorithm.to_jwk(key, as_dict=True), "alg": "EdDSA"}
    raise ValueError("Not an RSA, an EC or an Ed25519 key.")


class KeyRing:
    """The keys that a token may be signed with."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = {key.id: key for key in keys}

    def find(self, kid: str | None) -> Key | None:
        """Return the key called `kid`; for a token that names none, the only key there is."""
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return None if kid is None else self.keys.get(kid)

    def first(self) -> Key:
        """Return the key that new tokens are signed with."""
        return next(iter(self.keys.values()))
