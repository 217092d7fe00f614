"""The keys of tokens. Each is for one algorithm and no other (RFC 8725, section 3.1)."""

import json
import warnings
from collections.abc import Iterable
from typing import Any

from environs import ValidationError
from joserfc.errors import InvalidKeyTypeError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey

# The algorithms of each curve or key type; the first is that of a key that names none.
ALGORITHMS = {
    "oct": ("HS256", "HS384", "HS512"),
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
# Bytes of a shared secret, and bits of an RSA modulus (RFC 7518, sections 3.2 and 3.3).
MIN_SECRET = 32
MIN_MODULUS = 2048

DEVELOPMENT_KEY = "development-only-token-key-never-deploy-it"

# Weak keys, of which joserfc warns, are refused here.
warnings.filterwarnings("ignore", category=SecurityWarning)


class Key:
    """A key with its id (`kid`) and the one algorithm that it is for."""

    def __init__(self, jwk: dict[str, Any]) -> None:
        """Read a JWK (RFC 7517); raises `ValueError` for an invalid or a weak one."""
        # What it may be used for is decided here: `key_ops` of a pair's halves differ.
        jwk = {name: value for name, value in jwk.items() if name != "key_ops"}
        try:
            key = JWKRegistry.import_key(jwk)
            algorithms = ALGORITHMS[jwk.get("crv", jwk["kty"])]
            self.id = str(jwk.get("kid") or key.thumbprint())
        except Exception as error:  # for a JWK can be wrong in many ways
            raise ValueError(f"Not a key: {type(error).__name__}.") from None
        self.algorithm: str = jwk.get("alg") or algorithms[0]
        if self.algorithm not in algorithms:
            raise ValueError(f"The key cannot be used with the algorithm {self.algorithm}.")
        if isinstance(key, OctKey) and len(key.raw_value) < MIN_SECRET:
            raise ValueError(f"A secret shorter than {MIN_SECRET} characters.")
        if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_MODULUS:
            raise ValueError(f"An RSA key of less than {MIN_MODULUS} bits.")
        self.can_sign = key.is_private
        self.is_secret = isinstance(key, OctKey)
        # For PyJWT: keys of cryptography, or the bytes of a shared secret.
        self.signing_key: Any = key.private_key
        self.verifying_key: Any = key.public_key
        self.jwk: dict[str, Any] = {
            **key.as_dict(private=key.is_private),
            **{"kid": self.id, "alg": self.algorithm, "use": "sig"},
        }

    def public(self) -> dict[str, Any]:
        """Return the JWK of the public key; a shared secret has none: raises `ValueError`."""
        if self.is_secret:
            raise ValueError("A shared secret has no public key.")
        public: dict[str, Any] = JWKRegistry.import_key(self.jwk).as_dict(private=False)
        return public


def make_key(algorithm: str) -> Key:
    """Return a new key for the algorithm: HS256, RS256, ES256 or EdDSA."""
    made: OctKey | RSAKey | ECKey | OKPKey
    if algorithm == "HS256":
        made = OctKey.generate_key(256)
    elif algorithm == "RS256":
        made = RSAKey.generate_key(2048)
    elif algorithm == "ES256":
        made = ECKey.generate_key("P-256")
    else:
        made = OKPKey.generate_key("Ed25519")
    return Key({**made.as_dict(private=True), "alg": algorithm})


def read_keys(text: str) -> list[Key]:
    """Read a JWK Set, a key as PEM, or a shared secret; raises `ValueError` for anything else."""
    text = text.strip()
    if text.startswith("{"):
        return read_jwks(json.loads(text))
    if "-----BEGIN" in text:
        return [read_pem(text)]
    if len(text.encode()) < MIN_SECRET:
        raise ValueError(f"A secret shorter than {MIN_SECRET} characters.")
    return [Key({**OctKey.import_key(text).as_dict(private=True), "alg": "HS256"})]


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


def read_pem(pem: str) -> Key:
    """Read a private or a public key; raises `ValueError` for one of no use here."""
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(pem)
        except InvalidKeyTypeError:
            continue
        except TypeError:
            raise ValueError("The key is encrypted with a passphrase.") from None
        except Exception as error:  # for a PEM can be wrong in many ways
            raise ValueError(f"Not a key: {type(error).__name__}.") from None
        return Key(key.as_dict(private=key.is_private))
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


def validate_keys(text: str) -> list[Key]:
    """Raise `ValidationError` unless `text` is a JWK Set, a key as PEM or a long enough secret."""
    if text == DEVELOPMENT_KEY:
        raise ValidationError("Is the development default.")
    try:
        return read_keys(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_signing_keys(text: str) -> None:
    """Raise `ValidationError` unless the first key can sign tokens."""
    if not validate_keys(text)[0].can_sign:
        raise ValidationError("The first key is a public one: it cannot sign tokens.")
