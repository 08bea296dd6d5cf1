# SPDX-License-Identifier: Apache-2.0
"""The broker's page in headless Chromium."""
import json
import os
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from broker import Broker, closed
from harness import LIMIT, ROOT, Lines
from test_debugger import build

TOKEN = "a-token-that-nobody-guesses"
#: Where to put a new picture for the README.
SCREENSHOT = os.environ.get("DEBUG_PAGE_SCREENSHOT")
ROWS = "[...document.querySelectorAll('#functions > li')]"


class Tab:
    def __init__(self, script, port, url):
        self.process = subprocess.Popen(["node", script, str(port), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def wait(self, expression):
        assert self.ask(wait=expression)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(LIMIT)


@pytest.fixture(scope="module")
def chromium():
    """The port of its DevTools."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                                    "--disable-dev-shm-usage", "--disable-background-networking", "--remote-debugging-port=0",
                                    "--ignore-certificate-errors",
                                    f"--user-data-dir={profile}", "about:blank"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "HOME": profile})
        line = Lines(browser.stderr).wait("DevTools listening on ws://")
        yield int(line.split("ws://127.0.0.1:")[1].split("/")[0])
        browser.terminate()
        browser.wait(LIMIT)


@pytest.fixture
def open_page(chromium):
    out = build(ROOT / "tests/e2e/debugger/build.sh", ROOT / "build/conformance/debugger")
    tabs = []

    def run(broker, query=""):
        tabs.append(Tab(str(out / "browse.mjs"), chromium,
                        f"{'https' if broker.tls else 'http'}://{broker.user_address}/{query}"))
        return tabs[-1]

    yield run
    for tab in tabs:
        tab.close()


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    assert broker.stop() == 0


def told(name, request, remaining, mode="inspector"):
    return {"Lambda-Debug-Function": name, "Lambda-Debug-Request-Id": request, "Lambda-Debug-Mode": mode,
            "Lambda-Debug-Remaining-Ms": str(remaining)}


def test_functions_come_and_go(broker, open_page):
    tab = open_page(broker)
    tab.wait("!document.getElementById('empty').hidden")
    assert "DEBUGGER_BROKER_ADDRESS=" + broker.lambda_address in tab.ask(eval="document.querySelector('#empty pre').textContent")
    function = broker.function("/orders-dev", told("orders", "8c1f7f0e-5d0b-4a4c-9f0e-2f6f3f1f9a11", 600000))
    tab.wait(f"{ROWS}.length === 1")
    text = tab.ask(eval=f"{ROWS}[0].innerText")
    assert "orders" in text and "orders-dev" in text and "8c1f7f0e" in text and "waiting · Node.js" in text
    assert tab.ask(eval="document.getElementById('count').textContent") == "1 function waits for a debugger"
    links = tab.ask(eval="[...document.querySelectorAll('code')].map(c => c.textContent)")
    assert links[0].startswith("devtools://devtools/bundled/") and links[0].endswith(f"ws={broker.user_address}/orders-dev")
    assert json.loads(links[1]) == {"type": "node", "request": "attach", "name": "orders",
                                    "websocketAddress": f"ws://{broker.user_address}/orders-dev"}
    # Time left counts down by itself.
    assert "min" in tab.ask(eval="document.querySelector('.left').textContent")
    first = tab.ask(eval="document.querySelector('.left').textContent")
    tab.wait(f"document.querySelector('.left').textContent !== {json.dumps(first)}")
    broker.function("/payments", told("payments", "b", 90000, "tcp"))
    tab.wait(f"{ROWS}.length === 2")
    assert f"debug-broker connect --listen 127.0.0.1:5678 ws://{broker.user_address}/payments" in tab.ask(eval=f"{ROWS}[1].innerText")
    debugger = broker.debugger("/orders-dev")
    tab.wait(f"{ROWS}[0].classList.contains('attached')")
    assert "debugger attached" in tab.ask(eval=f"{ROWS}[0].innerText")
    function.close()
    closed(debugger)
    tab.wait(f"{ROWS}.length === 1")
    assert tab.ask(messages=True) == []


def test_names_are_text(broker, open_page):
    """What a function calls itself cannot become part of the page."""
    tab = open_page(broker)
    evil = "<img src=x onerror=window.hit=1>"
    broker.function("/%3Cscript%3Ewindow.hit=1%3C/script%3E", told(evil, evil, 1000))
    tab.wait(f"{ROWS}.length === 1")
    assert tab.ask(eval="document.querySelector('.name').textContent") == evil
    assert tab.ask(eval="[window.hit ?? null, document.images.length]") == [None, 0]
    assert tab.ask(messages=True) == []


def test_with_tls_all_addresses_are_wss(open_page, pki):
    broker = Broker(f"--tls-cert={pki}/server.pem", f"--tls-key={pki}/server.key",
                    tls=ssl.create_default_context(cafile=str(pki / "server.pem")))
    tab = open_page(broker)
    tab.wait("!document.getElementById('empty').hidden")
    hint = tab.ask(eval="document.querySelector('#empty pre').textContent")
    assert f"DEBUGGER_BROKER_ADDRESS=wss://{broker.lambda_address}\n" in hint
    broker.function("/f", told("fn", "a", 60000))
    broker.function("/t", told("fn", "b", 60000, "tcp"))
    tab.wait(f"{ROWS}.length === 2")
    devtools, code, tunnel, _ = tab.ask(eval="[...document.querySelectorAll('code')].map(c => c.textContent)")
    assert devtools.endswith(f"&wss={broker.user_address}/f")
    assert json.loads(code)["websocketAddress"] == f"wss://{broker.user_address}/f"
    assert tunnel.endswith(f" wss://{broker.user_address}/t")
    assert broker.stop() == 0


def test_needs_nothing_but_the_broker(broker, open_page):
    tab = open_page(broker)
    tab.wait("!document.getElementById('empty').hidden")
    loaded = tab.ask(eval="performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith((f"http://{broker.user_address}/", "data:")) for name in loaded)


def test_token_is_asked_for_and_does_not_stay_in_the_address(open_page, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    broker = Broker(f"--token-file={tmp_path}/token")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    broker.function("/f", {**bearer, **told("fn", "r", 60000)})
    tab = open_page(broker)
    tab.wait("!document.getElementById('login').hidden")
    tab.ask(eval=f"document.querySelector('#login input').value = {TOKEN!r}; document.querySelector('#login button').click()")
    tab.wait(f"{ROWS}.length === 1")
    assert tab.ask(eval="document.querySelector('code').textContent").endswith(f"/f?token={TOKEN}")
    by_address = open_page(broker, f"?token={TOKEN}")
    by_address.wait(f"{ROWS}.length === 1")
    assert TOKEN not in by_address.ask(eval="location.href")
    assert broker.stop() == 0


def test_broker_comes_back(open_page):
    first = Broker()
    tab = open_page(first)
    tab.wait("document.getElementById('state').textContent === 'live'")
    assert first.stop() == 0
    tab.wait("document.getElementById('state').textContent !== 'live'")
    second = Broker(f"--user-address={first.user_address}")
    second.function("/f", told("fn", "r", 60000))
    tab.wait(f"{ROWS}.length === 1")
    assert second.stop() == 0


def test_picture(broker, open_page, tmp_path):
    """Nothing sticks out, on a wide screen and on a phone; the wide one is the README's picture."""
    tab = open_page(broker)
    broker.function("/orders-dev", told("orders", "8c1f7f0e-5d0b-4a4c-9f0e-2f6f3f1f9a11", 852000))
    broker.function("/payments-dev", told("payments", "1d2b7a64-96c5-4a0c-8a3e-6a7d0c6f0b52", 900000))
    broker.function("/thumbnails", told("thumbnails", "e2a4b8c0-31f7-4d58-9d7e-58c1b7a0d9f3", 300000, "tcp"))
    broker.debugger("/payments-dev")
    tab.wait(f"{ROWS}.length === 3 && {ROWS}[1].classList.contains('attached')")
    for width, height, dark, name in ((380, 900, True, tmp_path / "phone.png"),
                                      (1000, 800, False, SCREENSHOT or tmp_path / "page.png")):
        tab.ask(shot=str(name), width=width, height=height, dark=dark)
        assert Path(name).read_bytes().startswith(b"\x89PNG")
        assert tab.ask(eval="document.documentElement.scrollWidth") <= width
