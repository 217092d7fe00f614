"""The documentation page in a real browser that can reach nothing but the service."""

import json
from collections.abc import Iterator

import pytest

from tests import contract, harness, servers
from tests.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: CHROMIUM names none"),
]


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()


@pytest.mark.parametrize("example", [True, False])
def test_swagger_ui_renders_offline_under_its_own_policy(example, browser, tmp_path):
    answers = harness.default(example=example)
    folder = harness.write(harness.render(answers), tmp_path / "service")
    with servers.serving(folder, tmp_path / "log") as server:
        browser.open(f"http://127.0.0.1:{server.port}/docs")
        page = browser.until("document.querySelector('.opblock') && document.body.innerText")
    assert "Widget Depot" in page
    assert ("Place an order" in page) == example
    assert "Failed to load" not in page
    assert browser.console == []


# How a user of the page calls an operation: opens it, fills in its body, executes it.
CALL = """
(async (path, body) => {
  const block = [...document.querySelectorAll('.opblock-post')]
    .find(found => found.querySelector('.opblock-summary-path').dataset.path === path);
  const wait = async (selector) => {
    for (let tries = 0; tries < 100; tries++) {
      const found = block.querySelector(selector);
      if (found) return found;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    throw new Error(selector);
  };
  if (!block.classList.contains('is-open')) block.querySelector('.opblock-summary-control').click();
  if (!block.querySelector('.execute')) (await wait('.try-out__btn')).click();
  if (body) {
    const area = await wait('textarea.body-param__text');
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
    set.call(area, body);
    area.dispatchEvent(new Event('input', { bubbles: true }));
    area.dispatchEvent(new Event('change', { bubbles: true }));
  }
  const clear = block.querySelector('.btn-clear');
  if (clear) clear.click();
  await new Promise(resolve => setTimeout(resolve, 200));
  (await wait('.execute')).click();
  const status = await wait('.live-responses-table tbody .response-col_status');
  const said = block.querySelector('.live-responses-table tbody pre');
  return [parseInt(status.innerText), said ? said.innerText : ''];
})(%s, %s)
"""

# How a user of the page authorises: opens the dialog, types what proves who they are, closes it.
AUTHORISE = """
(async (name, value) => {
  const pause = () => new Promise(resolve => setTimeout(resolve, 200));
  document.querySelector('.auth-wrapper .authorize').click();
  await pause();
  const field = [...document.querySelectorAll('.auth-container')]
    .find(found => found.innerText.includes(name)).querySelector('input');
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  set.call(field, value);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await pause();
  field.closest('form').querySelector('button.authorize').click();
  await pause();
  document.querySelector('.btn-done, .close-modal').click();
  return true;
})(%s, %s)
"""


class Page:
    """Swagger UI, as its user has it."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def call(self, path: str, body: object = None) -> tuple[int, str]:
        text = json.dumps(json.dumps(body)) if body else "null"
        status, said = self.browser.evaluate(CALL % (json.dumps(path), text))
        return status, said

    def authorise(self, name: str, value: str) -> None:
        assert self.browser.evaluate(AUTHORISE % (json.dumps(name), json.dumps(value)))


@pytest.mark.parametrize("auth", ["jwt", "session"])
def test_its_user_logs_in_authorises_and_places_an_order(auth, browser, tmp_path):
    folder = harness.write(harness.render(harness.default(auth=auth)), tmp_path / "service")
    assert servers.run(folder, "flask", "db", "upgrade").returncode == 0
    with servers.serving(folder, tmp_path / "log") as server:
        browser.open(f"http://127.0.0.1:{server.port}/docs")
        browser.until("document.querySelector('.opblock') !== null")
        page = Page(browser)

        assert page.call("/orders/", contract.ORDER)[0] == 401
        assert page.call("/auth/register", contract.ACCOUNT)[0] == 201
        status, said = page.call("/auth/login", contract.ACCOUNT)
        assert status == 200
        if auth == "jwt":
            page.authorise("bearer", json.loads(said)["access_token"])
        else:
            assert page.call("/orders/", contract.ORDER)[0] == 403  # the cookie alone is not enough
            page.authorise("csrf", json.loads(said)["csrf_token"])
        status, said = page.call("/orders/", contract.ORDER)
        assert (status, json.loads(said)["total"]) == (201, "19.98")
        assert page.call("/auth/logout")[0] == 204
        assert page.call("/orders/", contract.ORDER)[0] == 401
        assert server.stop() == 0
    policy = [said for said in browser.console if "Content Security Policy" in said]
    assert policy == []
