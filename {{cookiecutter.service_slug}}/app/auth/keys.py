"""Keys of access tokens, each bound to one algorithm (RFC 8725, section 3.1)."""

import json
import warnings
from collections.abc import Iterable
from typing import Any

from environs import ValidationError
from joserfc.errors import InvalidKeyTypeError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey

# Algorithms of each curve or key type; the first is the default.
ALGORITHMS = {
    "oct": ("HS256", "HS384", "HS512"),
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
# Minimum bytes of a shared secret and bits of an RSA modulus (RFC 7518, sections 3.2 and 3.3).
MIN_SECRET = 32
MIN_MODULUS = 2048

DEVELOPMENT_KEY = "development-only-token-key-never-deploy-it"

# joserfc warns about weak keys; `Key` rejects them.
warnings.filterwarnings("ignore", category=SecurityWarning)


class Key:
    """JSON Web Key with its id (`kid`) and its only algorithm."""

    def __init__(self, jwk: dict[str, Any]) -> None:
        """Import a JWK (RFC 7517); raise `ValueError` if it is invalid or weak."""
        # Ignore `key_ops`: issuers may copy it from the private key to the public one.
        jwk = {name: value for name, value in jwk.items() if name != "key_ops"}
        try:
            key = JWKRegistry.import_key(jwk)
            algorithms = ALGORITHMS[jwk.get("crv", jwk["kty"])]
            self.id = str(jwk.get("kid") or key.thumbprint())
        except Exception as error:  # a JWK can be invalid in many ways
            raise ValueError(f"Invalid JWK: {type(error).__name__}.") from None
        self.algorithm: str = jwk.get("alg") or algorithms[0]
        if self.algorithm not in algorithms:
            raise ValueError(f"The key cannot be used with the algorithm {self.algorithm}.")
        if isinstance(key, OctKey) and len(key.raw_value) < MIN_SECRET:
            raise ValueError(f"The secret is shorter than {MIN_SECRET} bytes.")
        if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_MODULUS:
            raise ValueError(f"The RSA key has fewer than {MIN_MODULUS} bits.")
        self.can_sign = key.is_private
        self.is_secret = isinstance(key, OctKey)
        # For PyJWT: keys of the cryptography package, or the bytes of a shared secret.
        self.signing_key: Any = key.private_key
        self.verifying_key: Any = key.public_key
        self.jwk: dict[str, Any] = {
            **key.as_dict(private=key.is_private),
            **{"kid": self.id, "alg": self.algorithm, "use": "sig"},
        }

    def public(self) -> dict[str, Any]:
        """Return the public JWK. A symmetric key has no public part: raise `ValueError`."""
        if self.is_secret:
            raise ValueError("A shared secret has no public key.")
        public: dict[str, Any] = JWKRegistry.import_key(self.jwk).as_dict(private=False)
        return public


def generate_key(algorithm: str) -> Key:
    """Generate a key for HS256, RS256, ES256 or EdDSA."""
    key: OctKey | RSAKey | ECKey | OKPKey
    if algorithm == "HS256":
        key = OctKey.generate_key(256)
    elif algorithm == "RS256":
        key = RSAKey.generate_key(2048)
    elif algorithm == "ES256":
        key = ECKey.generate_key("P-256")
    else:
        key = OKPKey.generate_key("Ed25519")
    return Key({**key.as_dict(private=True), "alg": algorithm})


def parse_keys(text: str) -> list[Key]:
    """Parse a JWK Set, a PEM key or a shared secret; raise `ValueError` for anything else."""
    text = text.strip()
    if text.startswith("{"):
        return parse_jwks(json.loads(text))
    if "-----BEGIN" in text:
        return [parse_pem(text)]
    if len(text.encode()) < MIN_SECRET:
        raise ValueError(f"The secret is shorter than {MIN_SECRET} bytes.")
    return [Key({**OctKey.import_key(text).as_dict(private=True), "alg": "HS256"})]


def parse_jwks(jwks: Any) -> list[Key]:
    """Parse a JWK Set (RFC 7517, section 5); raise `ValueError` if it has no usable key.

    Keys of unknown types and keys for encryption are ignored, as the RFC advises.
    """
    if not isinstance(jwks, dict) or not isinstance(jwks.get("keys"), list):
        raise ValueError("Not a JWK Set.")
    keys: list[Key] = []
    last_error: ValueError | None = None
    for jwk in jwks["keys"]:
        if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig":
            try:
                keys.append(Key(jwk))
            except ValueError as error:
                last_error = error
    if not keys:
        raise last_error or ValueError("The JWK Set has no key that verifies signatures.")
    return keys


def parse_pem(pem: str) -> Key:
    """Parse a private or public PEM key; raise `ValueError` if it is unsupported."""
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(pem)
        except InvalidKeyTypeError:
            continue
        except TypeError:
            raise ValueError("The key is encrypted with a passphrase.") from None
        except Exception as error:  # a PEM can be invalid in many ways
            raise ValueError(f"Invalid PEM: {type(error).__name__}.") from None
        return Key(key.as_dict(private=key.is_private))
    raise ValueError("Not an RSA, EC or Ed25519 key.")


class KeyRing:
    """Verification keys by id."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = {key.id: key for key in keys}

    def find(self, kid: str | None) -> Key | None:
        """Return the key with the id `kid`; without a `kid`, the only key."""
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return None if kid is None else self.keys.get(kid)


def validate_keys(text: str) -> list[Key]:
    """Raise `ValidationError` unless `text` is a JWK Set, a PEM key or a long secret."""
    if text == DEVELOPMENT_KEY:
        raise ValidationError("Is the development default.")
    try:
        keys = parse_keys(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if len({key.id for key in keys}) < len(keys):
        raise ValidationError("Two keys have the same kid.")
    return keys


def validate_signing_keys(text: str) -> None:
    """Raise `ValidationError` unless the first key can sign tokens."""
    if not validate_keys(text)[0].can_sign:
        raise ValidationError("The first key is public and cannot sign tokens.")
