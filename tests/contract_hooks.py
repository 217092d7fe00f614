"""What schemathesis cannot read from /openapi.json: rules between fields and requests, logins that end.

Loaded by schemathesis itself: SCHEMATHESIS_HOOKS=tests.contract_hooks.
"""

import hashlib
import itertools
import json
import os
import unicodedata
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import schemathesis

from tests import contract

# Currencies by their decimal places, where these are not two (ISO 4217).
PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether a case is as valid as its schema says: a JSON Schema has no rules between fields."""
    mode = case.meta and case.meta.generation.mode
    body = case.body
    if not (mode and mode.is_positive and isinstance(body, dict)):
        return True
    if case.operation.label == "POST /orders/":
        currency = body.get("currency")
        places = next((number for number, codes in PLACES.items() if currency in codes.split()), 2)
        return all(is_payable(item.get("unit_price"), places) for item in body.get("items", []))
    if case.operation.label == "POST /auth/register":
        return is_hard_to_guess(body.get("email", ""), body.get("password", ""))
    if case.operation.label == "PATCH /auth/me":
        return len(body) > 1
    return True


def is_payable(price: Any, places: int) -> bool:
    """Whether a price has no more decimal places than its currency."""
    if not isinstance(price, (int, float, str)):
        return True
    amount = Decimal(str(price))
    return amount == round(amount, places)


def is_hard_to_guess(email: str, password: str) -> bool:
    """Whether a password is not the address, and not a few characters repeated."""
    password = password.casefold()
    email = unicodedata.normalize("NFKC", email.strip()).casefold()
    return not (password in email or email in password or len(set(password)) < 5)


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case) -> schemathesis.Case:
    """Give each valid order an Idempotency-Key of its own: used for another order, it is refused.

    Wrong passwords are counted by address: each change of the account comes from another one.
    """
    if case.operation.label == "PATCH /auth/me":
        case.headers["X-Forwarded-For"] = next(addresses)
    mode = case.meta and case.meta.generation.mode
    key = case.headers.get("Idempotency-Key")
    if mode and mode.is_positive and key and case.operation.label == "POST /orders/":
        body = json.dumps(case.body, sort_keys=True, default=str)
        case.headers["Idempotency-Key"] = f"{key[:200]}-{hashlib.sha1(body.encode()).hexdigest()}"
    return case


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Exception, case: schemathesis.Case, response: Any
) -> bool:
    """Whether it is a failure: DELETE cancels an order, which is there for good, as cancelled."""
    if type(failure).__name__ != "UseAfterFree":
        return True
    return response.status_code != 304 and response.json().get("status") != "cancelled"


@schemathesis.auth()
class Login:
    """One login for all cases; /auth/logout and /auth/logout-everywhere end those of another user."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> dict[str, str]:
        return json.loads(os.environ["CONTRACT_PROOF"])

    def set(self, case: schemathesis.Case, proof: dict[str, str], context: schemathesis.AuthContext) -> None:
        case.headers.update(log_in() if "/logout" in case.path else proof)


def log_in() -> dict[str, str]:
    """Log in as who may be logged out; return the headers that prove it."""
    request = Request(
        os.environ["CONTRACT_URL"] + "/auth/login",
        json.dumps(contract.LEAVER).encode(),
        # Logins are counted by address.
        {"Content-Type": "application/json", "X-Forwarded-For": next(addresses)},
    )
    with urlopen(request, timeout=10) as response:
        return contract.proof(json.loads(response.read()), response.headers["Set-Cookie"])
