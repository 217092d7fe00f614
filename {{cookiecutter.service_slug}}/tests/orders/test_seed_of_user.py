from flask.testing import FlaskClient


def test_seed_places_orders_of_a_user(client: FlaskClient) -> None:
    seed = ["orders", "seed", "ada@example.com", "--count=3"]
    result = client.application.test_cli_runner().invoke(args=seed)
    assert result.output == "3 orders placed\n"
    assert [order["status"] for order in client.get("/orders/").get_json()["orders"]] == [
        "paid"
    ] * 3


def test_seed_rejects_an_unknown_user(client: FlaskClient) -> None:
    seed = ["orders", "seed", "nobody@example.com"]
    result = client.application.test_cli_runner().invoke(args=seed)
    assert result.exit_code == 1
    assert "No account" in result.output
