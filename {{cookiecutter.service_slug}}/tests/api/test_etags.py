import pytest

from app.flask_app import restore_etags


@pytest.mark.parametrize("sent", ['"abc"', 'W/"abc"', '"abc-gzip"', 'W/"x", "abc-br"', "*"])
def test_etag_changed_by_a_proxy_matches(sent: str) -> None:
    assert "abc" in restore_etags(sent)


@pytest.mark.parametrize("sent", [None, "", '"abcd"', 'W/"abcd"', '"ab"'])
def test_different_etag_does_not_match(sent: str | None) -> None:
    assert "abc" not in restore_etags(sent)
