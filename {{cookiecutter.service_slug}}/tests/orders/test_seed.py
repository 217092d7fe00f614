from flask.testing import FlaskClient


def test_seed_places_orders(client: FlaskClient) -> None:
    result = client.application.test_cli_runner().invoke(args=["orders", "seed", "--count=3"])
    assert result.output == "3 orders placed\n"
    assert [order["status"] for order in client.get("/orders/").get_json()["orders"]] == [
        "paid"
    ] * 3
