# SPDX-License-Identifier: Apache-2.0
"""The broker between a function's proxy and a debugger, both played by another implementation of WebSocket."""
import http.client
import json
import os
import re
import socket
import subprocess
import threading

import pytest
from websockets.exceptions import InvalidStatus

from broker import BROKER, CONNECTED, Broker, closed, no_descriptors, peak_mb, wrapped
from harness import LIMIT, SANITIZED, Lines, split_address

MIB = 1 << 20
BIG = (10 if SANITIZED else 100) * MIB
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def start():
    started = []

    def factory(*flags):
        started.append(Broker(*flags))
        return started[-1]

    yield factory
    for broker in started:
        code = broker.stop()
        err = broker.err.all()
        print("--- stderr of the broker ---", *err[-40:], sep="\n")
        assert not any("Sanitizer" in line or "runtime error:" in line for line in err)
        assert code == 0


@pytest.fixture
def broker(start):
    return start()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return str(path)


# --- pairing ---


def test_pairs_by_path_and_relays(broker):
    function, debugger = broker.pair("/my-function")
    debugger.send('{"id":1,"method":"Runtime.enable"}')
    assert function.recv(LIMIT) == wrapped('{"id":1,"method":"Runtime.enable"}')
    function.send(wrapped('{"id":1,"result":{}}'))
    assert debugger.recv(LIMIT) == '{"id":1,"result":{}}'


def test_query_is_part_of_the_key(broker):
    one = broker.function("/f?a=1")
    two = broker.function("/f?a=2")
    broker.debugger("/f?a=2")
    assert two.recv(LIMIT) == CONNECTED
    broker.debugger("/f?a=1")
    assert one.recv(LIMIT) == CONNECTED


@pytest.mark.parametrize("text", ["", "a", 'quote " backslash \\ slash /', "line\nfeed\r\ttab\b\f\0\x01\x1f", "äöü€😀\u2028",
                                  json.dumps({"nested": json.dumps({"deep": '"'})}), "x" * 65535, "\\" * 65536 * 2], ids=range(8))
def test_any_text_comes_through(broker, text):
    function, debugger = broker.pair("/f")
    debugger.send(text)
    assert json.loads(function.recv(LIMIT)) == {"type": "V8_INSPECTOR_MESSAGE", "payload": text}
    for ascii_only in (True, False):
        function.send(json.dumps({"type": "V8_INSPECTOR_MESSAGE", "payload": text}, ensure_ascii=ascii_only))
        assert debugger.recv(LIMIT) == text


@pytest.mark.parametrize("message, payload", [
    ('{"payload":"early","type":"V8_INSPECTOR_MESSAGE"}', "early"),
    (' { "other" : [1,{"type":"x"},"]"] , "type" : "V8_INSPECTOR_MESSAGE", "n":null, "payload" : "spaced" } ', "spaced"),
    (r'{"type":"V8_INSPECTOR_MESSAGE","payload":"\ud83d\ude00\ud83dx"}', "😀\ufffdx"),
    (r'{"typ\u0065":"V8_INSPECTOR_MESSAGE","payload":"escaped key"}', "escaped key"),
])
def test_messages_in_other_shapes(broker, message, payload):
    function, debugger = broker.pair("/f")
    function.send(message)
    assert debugger.recv(LIMIT) == payload


@pytest.mark.parametrize("message", ['{"type":"SOMETHING_ELSE","payload":"x"}', "{}", '{"payload":"x"}', '{"type":7}',
                                     '{"type":"USER_CONNECTED"}'])
def test_unknown_messages_are_ignored(broker, message):
    function, debugger = broker.pair("/f")
    function.send(message)
    function.send(wrapped("next"))
    assert debugger.recv(LIMIT) == "next"


@pytest.mark.parametrize("message", ["", "nonsense", '{"type":"V8_INSPECTOR_MESSAGE","payload":"cut', "[]", '{"a":1}}'])
def test_nonsense_ends_the_session(broker, message):
    function, debugger = broker.pair("/f")
    function.send(message)
    assert closed(function)[0] == 1007
    assert closed(debugger)[0] == 1007
    broker.pair("/f")


def test_binary_is_no_inspector_message(broker):
    function, debugger = broker.pair("/f")
    debugger.send(b"\x00")
    assert closed(debugger)[0] == 1003
    assert closed(function)[0] == 1003


def test_fragments_are_one_message(broker):
    function, debugger = broker.pair("/f")
    debugger.send(iter(["one ", "", "two ", "three"]))
    assert json.loads(function.recv(LIMIT))["payload"] == "one two three"
    message = wrapped("äöü" * 100)
    function.send(iter([message[:7], message[7:60], message[60:]]))
    assert debugger.recv(LIMIT) == "äöü" * 100


def test_order_is_kept(broker):
    function, debugger = broker.pair("/f")
    texts = [str(i) * (i % 700) for i in range(2000)]
    sender = threading.Thread(target=lambda: [debugger.send(t) for t in texts])
    sender.start()
    assert [json.loads(function.recv(LIMIT))["payload"] for _ in texts] == texts
    sender.join()


# --- refusals and ends ---


def test_second_function_is_refused_and_the_session_unharmed(broker):
    function, debugger = broker.pair("/f")
    second = broker.function("/f")
    assert closed(second) == (1000, "another function is connected with this id")
    debugger.send("still there")
    assert json.loads(function.recv(LIMIT))["payload"] == "still there"


def test_second_debugger_is_refused_and_the_session_unharmed(broker):
    function, debugger = broker.pair("/f")
    assert closed(broker.debugger("/f")) == (1000, "this function has a debugger already")
    function.send(wrapped("still there"))
    assert debugger.recv(LIMIT) == "still there"


def test_debugger_without_function_is_refused(broker):
    assert closed(broker.debugger("/nobody")) == (1000, "no function is connected with this id")


def test_function_goes(broker):
    function, debugger = broker.pair("/f")
    function.close()
    assert closed(debugger)[0] == 1000
    broker.pair("/f")


def test_function_dies(broker):
    function, debugger = broker.pair("/f")
    function.socket.shutdown(socket.SHUT_RDWR)
    assert closed(debugger)[0] == 1000


def test_function_goes_before_any_debugger_came(broker):
    for _ in range(3):
        function = broker.function("/f")
        function.close()
    broker.pair("/f")


def test_debugger_goes(broker):
    function, debugger = broker.pair("/f")
    debugger.close()
    assert closed(function)[0] == 1000
    broker.pair("/f")


def test_messages_before_the_goodbye_arrive(broker):
    function, debugger = broker.pair("/f")
    for i in range(100):
        function.send(wrapped(f"{i}" * 1000))
    function.close()
    assert [debugger.recv(LIMIT) for _ in range(100)] == [f"{i}" * 1000 for i in range(100)]
    assert closed(debugger)[0] == 1000


def test_drain_closes_in_order(broker):
    function, debugger = broker.pair("/f")
    broker.process.terminate()
    assert closed(function) == (1001, "the broker ends")
    assert closed(debugger) == (1001, "the broker ends")
    assert broker.process.wait(LIMIT) == 0


def test_silent_peers_are_dropped(start):
    broker = start("--ping=1")
    function, debugger = broker.pair("/f")
    stuck = socket.create_connection(split_address(broker.lambda_address))
    stuck.sendall(b"GET /g HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    broker.err.wait("function disconnected id=/g code=1006")
    stuck.close()
    # Those that answer pings stay.
    debugger.send("x")
    assert json.loads(function.recv(LIMIT))["payload"] == "x"


# --- size and number ---


def test_big_messages_need_little_memory(broker):
    function, debugger = broker.pair("/f")
    text = "0123456789abcde\n" * (BIG // 16)
    before = peak_mb(broker.process.pid)
    sender = threading.Thread(target=debugger.send, args=(text,))
    sender.start()
    assert json.loads(function.recv(LIMIT))["payload"] == text
    sender.join()
    message = wrapped(text)
    sender = threading.Thread(target=function.send, args=(message,))
    sender.start()
    assert debugger.recv(LIMIT) == text
    sender.join()
    if not SANITIZED:
        assert peak_mb(broker.process.pid) - before < 8


def test_slow_debugger_slows_the_function_down(broker):
    """The debugger reads nothing: what the function sends must pile up at the function and not in the broker."""
    function, debugger = broker.pair("/f")
    before = peak_mb(broker.process.pid)
    message = wrapped("x" * MIB)
    sent = []

    def flood():
        for _ in range(64):
            function.send(message)
            sent.append(1)

    sender = threading.Thread(target=flood)
    sender.start()
    passed, still = -1, 0
    while still < 200:  # turns of the broker in which nothing came through
        now = broker.metrics()["debug_broker_to_debugger_bytes_total"]
        still = still + 1 if now == passed and now > 0 else 0
        passed = now
    assert len(sent) < 60, "the function was not slowed down"
    for _ in range(64):
        assert len(debugger.recv(LIMIT)) == MIB
    sender.join()
    if not SANITIZED:
        assert peak_mb(broker.process.pid) - before < 8


def test_limit_of_messages(start):
    broker = start("--max-message=1")
    function, debugger = broker.pair("/f")
    debugger.send("x" * MIB)
    assert len(json.loads(function.recv(LIMIT))["payload"]) == MIB
    debugger.send("x" * (MIB + 1))
    assert closed(debugger)[0] == 1009


def test_fifty_sessions_at_once(broker):
    fds = lambda: len(os.listdir(f"/proc/{broker.process.pid}/fd"))  # noqa: E731
    before = fds()
    pairs = [broker.pair(f"/f{i}") for i in range(50)]
    assert broker.metrics()["debug_broker_functions"] == 50
    assert broker.metrics()["debug_broker_debuggers"] == 50
    for i, (_, debugger) in enumerate(pairs):
        debugger.send(f"to {i}")
    for i, (function, debugger) in enumerate(pairs):
        assert json.loads(function.recv(LIMIT))["payload"] == f"to {i}"
        function.send(wrapped(f"from {i}"))
        assert debugger.recv(LIMIT) == f"from {i}"
    for i, (function, debugger) in enumerate(pairs):
        (function if i % 2 else debugger).close()
        closed(debugger if i % 2 else function)
    broker.wait_metric("debug_broker_sockets", 0)
    for _ in range(1000):
        if fds() <= before + 1:  # the connection that is asking
            break
        broker.get("/_/health")
    assert fds() <= before + 1


# --- tcp mode ---


def test_tcp_mode_passes_bytes(broker):
    function = broker.function("/t", {"Lambda-Debug-Mode": "tcp"})
    debugger = broker.debugger("/t")
    assert function.recv(LIMIT) == CONNECTED
    debugger.send(b"JDWP-Handshake\x00\xff")
    assert function.recv(LIMIT) == b"JDWP-Handshake\x00\xff"
    function.send(b"\x00\x01")
    assert debugger.recv(LIMIT) == b"\x00\x01"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_plain_tcp_port(start):
    port = free_port()
    broker = start(f"--tcp=127.0.0.1:{port}=t")
    with socket.create_connection(("127.0.0.1", port), LIMIT) as nobody:
        assert nobody.recv(1) == b""
    function = broker.function("/t", {"Lambda-Debug-Mode": "tcp"})
    with socket.create_connection(("127.0.0.1", port), LIMIT) as debugger:
        assert function.recv(LIMIT) == CONNECTED
        debugger.sendall(b"\x00bytes")
        assert function.recv(LIMIT) == b"\x00bytes"
        function.send(b"answer")
        assert debugger.recv(100) == b"answer"
        with socket.create_connection(("127.0.0.1", port), LIMIT) as second:
            assert second.recv(1) == b""
        function.send(b"y" * MIB)
        function.close()
        with debugger.makefile("rb") as rest:
            assert rest.read() == b"y" * MIB


def test_plain_tcp_port_without_descriptors(start):
    port = free_port()
    broker = start(f"--tcp=127.0.0.1:{port}=t")
    function = broker.function("/t", {"Lambda-Debug-Mode": "tcp"})
    with no_descriptors(broker.process.pid):
        debugger = socket.create_connection(("127.0.0.1", port), LIMIT)
        broker.err.wait("connections have to wait")
    assert function.recv(LIMIT) == CONNECTED
    debugger.close()


# --- the user address ---


def test_json_list_and_version(broker):
    broker.function("/my-fn", {"Lambda-Debug-Function": "orders"})
    broker.function("/t", {"Lambda-Debug-Mode": "tcp"})
    rows = json.loads(broker.get("/json/list").body)
    assert rows == json.loads(broker.get("/json").body)
    host = broker.user_address
    assert [row["id"] for row in rows] == ["/my-fn"]
    assert rows[0]["title"] == "orders"
    assert rows[0]["webSocketDebuggerUrl"] == f"ws://{host}/my-fn"
    assert rows[0]["devtoolsFrontendUrl"].endswith(f"ws={host}/my-fn")
    broker.debugger("/my-fn")
    assert "webSocketDebuggerUrl" not in json.loads(broker.get("/json/list").body)[0]
    assert json.loads(broker.get("/json/version").body)["Protocol-Version"] == "1.1"


@pytest.mark.parametrize("path", ["/some-function", "/json/other"])
def test_plain_requests_elsewhere_get_426(broker, path):
    assert broker.get(path).status == 426
    assert broker.get(path, address=broker.lambda_address).status == 426


def test_health_and_methods(broker):
    assert broker.get("/_/health").body == b"OK"
    assert broker.get("/_/health", address=broker.lambda_address).body == b"OK"
    assert broker.get("/json", method="POST").status == 405


@pytest.mark.parametrize("headers, status", [
    ({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Version": None}, 426), ({"Sec-WebSocket-Key": None}, 400),
    ({"Sec-WebSocket-Key": "short"}, 400), ({"Connection": "keep-alive"}, 400), ({"Upgrade": "h2c"}, 426)])
def test_bad_handshakes(broker, headers, status):
    base = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    given = {k: v for k, v in {**base, **headers}.items() if v is not None}
    assert broker.get("/f", given).status == status


def events(response):
    """The data of server-sent events, parsed."""
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_events(broker):
    connection = http.client.HTTPConnection(*split_address(broker.user_address), timeout=LIMIT)
    connection.request("GET", "/events")
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    stream = events(response)
    assert next(stream)["functions"] == []
    function = broker.function("/f", {"Lambda-Debug-Function": 'a "b" <c>', "Lambda-Debug-Remaining-Ms": "60000",
                                      "Lambda-Debug-Request-Id": "some-id"})
    said = next(stream)
    row = said["functions"][0]
    assert (row["key"], row["name"], row["requestId"], row["mode"]) == ("/f", 'a "b" <c>', "some-id", "inspector")
    assert row["deadline"] - row["since"] == 60000
    broker.debugger("/f")
    assert next(stream)["functions"][0]["debugger"]["since"] > 0
    function.close()
    assert next(stream)["functions"] == []
    connection.close()


# --- who may come in ---


def test_token(start, token_file):
    broker = start(f"--token-file={token_file}")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for connect in (broker.function, broker.debugger):
        for path, headers in (("/f", None), ("/f", {"Authorization": "Bearer wrong"}), ("/f?token=wrong", None),
                              (f"/f?token={TOKEN}x", None)):
            with pytest.raises(InvalidStatus) as refused:
                connect(path, headers)
            assert refused.value.response.status_code == 401
    function = broker.function("/f", bearer)
    broker.debugger(f"/f?token={TOKEN}")
    assert function.recv(LIMIT) == CONNECTED
    assert broker.get("/json").status == 401
    assert broker.get("/events").status == 401
    assert broker.get("/metrics").status == 401
    assert broker.get("/").status == 200
    assert broker.get("/json", bearer).status == 200
    assert broker.get(f"/json?token={TOKEN}").status == 200
    assert broker.get("/json", {**bearer, "Host": "broker.example"}).status == 200
    assert not any(TOKEN in line for line in broker.err.lines)


@pytest.mark.parametrize("headers, allowed", [
    ({"Origin": "https://evil.example"}, False), ({"Origin": "null"}, False), ({"Origin": "devtools://devtools"}, True),
    ({"Origin": "http://{host}"}, True), ({"Host": "evil.example", "Origin": "http://evil.example"}, False),
    ({"Host": "evil.example"}, False), ({"Host": "localhost:9229"}, True), ({"Host": "[::1]:9229"}, True)])
def test_web_pages_may_not_debug(broker, headers, allowed):
    broker.function("/f")
    given = {k: v.format(host=broker.user_address) for k, v in headers.items()}
    assert broker.get("/json", given).status == (200 if allowed else 403)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert broker.get("/f", {**upgrade, **given}).status == (101 if allowed else 403)


def test_web_pages_are_no_functions(broker):
    with pytest.raises(InvalidStatus) as refused:
        broker.function("/f", {"Origin": f"http://{broker.lambda_address}"})
    assert refused.value.response.status_code == 403


# --- command line ---


@pytest.mark.parametrize("flags, said", [
    (["--user-address", "0.0.0.0:0"], "--token-file"), (["--lambda-address", "nonsense"], "expected HOST:PORT"),
    (["--user-address", "h:99999"], "expected HOST:PORT"), (["--token-file", "/nonexistent"], "No such file"),
    (["--max-message", "0"], "1 to 1024"), (["--ping", "x"], "expected seconds"), (["--nonsense"], "--nonsense"),
    (["--user-address"], "a value is missing"), (["--tcp", "1"], "HOST:PORT=ID"), (["--tcp", "0.0.0.0:1=x"], "loopback"),
    (["connect"], "ws://HOST:PORT/ID"), (["connect", "http://x"], "ws://HOST:PORT/ID"),
    (["connect", "ws://h:1/f", "--listen=0.0.0.0:0"], "--listen 0.0.0.0: plain TCP cannot show a token"),
    (["connect", "ws://h:0/f"], "ws://HOST:PORT/ID"), (["connect", "ws://a b:1/f"], "ws://HOST:PORT/ID"),
    (["--log-level", "x"], "expected TRACE"), (["--log-format", "x"], "text or json"), (["word"], "unknown argument"),
    (["--ready-fd", "0"], "expected an open descriptor"), (["--ready-fd", "77"], "expected an open descriptor"),
    (["connect", "--ready-fd", "77", "ws://localhost/f"], "expected an open descriptor")])
def test_usage_errors(flags, said):
    done = subprocess.run([BROKER, *flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("urls", [["ws://u:s3cr3t@h/f"], ["ws://h:1/f?token=s3 cr3t"], ["ws://h:1/f", "ws://h:1/f?token=s3cr3t"]])
def test_secrets_in_an_address(urls):
    done = subprocess.run([BROKER, "connect", *urls], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert "connect: " in done.stderr and "s3" not in done.stderr


@pytest.mark.parametrize("host", ["::1", "::"])
def test_ready_line_of_ipv6(start, host):
    broker = start(f"--lambda-address=[{host}]:0", f"--user-address=[{host}]:0", "--insecure")
    for address in (broker.lambda_address, broker.user_address):
        assert re.fullmatch(re.escape(f"[{host}]:") + r"\d+", address)
    port = broker.user_address.rsplit(":", 1)[1]
    broker.err.wait(f"open http://{'localhost' if host == '::' else '[::1]'}:{port}/ ")


def test_ready_line_of_connect_and_ipv6():
    process = subprocess.Popen([BROKER, "connect", "--listen=[::1]:0", "--ready-fd=1", "ws://127.0.0.1:1/f"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert re.fullmatch(r"debugger=\[::1\]:\d+\n", process.stdout.readline())
    process.terminate()
    assert process.wait(LIMIT) == 0
    process.stdout.close()


@pytest.mark.parametrize("told", [1, 2])
def test_ready_line_on_a_standard_descriptor(told):
    """It stays open: no client's connection takes its number."""
    process = subprocess.Popen([BROKER, "--lambda-address=127.0.0.1:0", "--user-address=127.0.0.1:0", f"--ready-fd={told}"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = Lines(process.stdout), Lines(process.stderr)
    line = (out if told == 1 else err).wait(lambda text: text.startswith("lambda="))
    with socket.create_connection(split_address(line.split("user=")[1]), LIMIT) as client:
        client.sendall(b"GET /nobody HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 ")
        assert os.readlink(f"/proc/{process.pid}/fd/{told}").startswith("pipe:")
    process.terminate()
    assert process.wait(LIMIT) == 0
    assert any("draining" in text for text in err.all())
    assert len(out.all()) == (1 if told == 1 else 0)


@pytest.mark.parametrize("token", ["too-few", "blanks-in the-token", "a-bell-in-\a-the-token", "umlauts-äöü-in-it"])
@pytest.mark.parametrize("action", [[], ["connect", "ws://127.0.0.1:1/f"]], ids=["broker", "connect"])
def test_bad_tokens(tmp_path, action, token):
    (tmp_path / "t").write_text(token + "\n")
    done = subprocess.run([BROKER, *action, "--token-file", str(tmp_path / "t")], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2 and "16 to 512 visible" in done.stderr and token not in done.stderr


def test_help_version_and_address_in_use(broker):
    assert "usage" in subprocess.run([BROKER, "--help"], capture_output=True, text=True, check=True).stdout
    assert "debug-broker " in subprocess.run([BROKER, "--version"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run([BROKER, "--lambda-address", "127.0.0.1:0", "--user-address", broker.user_address],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1 and "Address already in use" in done.stderr
