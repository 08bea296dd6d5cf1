# SPDX-License-Identifier: Apache-2.0
"""The broker, the daemon and `connect` with TLS between them."""
import json
import socket
import ssl
import subprocess
import threading

import pytest

from broker import BROKER, Broker, closed, wrapped
from harness import LIMIT, split_address
from test_debugger import Port
from test_debugger_tcp import Tunnel

MIB = 1 << 20


@pytest.fixture
def broker(pki):
    broker = Broker(f"--tls-cert={pki}/server.pem", f"--tls-key={pki}/server.key",
                    tls=ssl.create_default_context(cafile=str(pki / "server.pem")))
    yield broker
    code = broker.stop()
    assert not any("Sanitizer" in line or "runtime error:" in line for line in broker.err.all())
    assert code == 0


def test_https_and_wss(broker):
    function, debugger = broker.pair("/f")
    row = json.loads(broker.get("/json/list").body)
    assert [r["id"] for r in row] == ["/f"]
    broker.function("/g")
    row = next(r for r in json.loads(broker.get("/json/list").body) if r["id"] == "/g")
    assert row["webSocketDebuggerUrl"] == f"wss://{broker.user_address}/g"
    assert row["devtoolsFrontendUrl"].endswith(f"&wss={broker.user_address}/g")
    text = "ä" * (5 * MIB)
    for sender, receiver, message, expected in ((debugger, function, text, wrapped(text)), (function, debugger, wrapped(text), text)):
        thread = threading.Thread(target=sender.send, args=(message,))
        thread.start()
        assert receiver.recv(LIMIT) == expected
        thread.join()
    function.close()
    assert closed(debugger)[0] == 1000


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_plain_and_old_clients_are_refused(broker):
    with socket.create_connection(split_address(broker.user_address), LIMIT) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        try:
            assert b"HTTP" not in plain.recv(1000)
        except ConnectionResetError:
            pass
    broker.err.wait("TLS failed")
    old = ssl.create_default_context(cafile=None)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(split_address(broker.user_address), LIMIT) as plain:
        with pytest.raises(OSError):
            old.wrap_socket(plain)


def test_drain(broker):
    function, debugger = broker.pair("/f")
    idle = socket.create_connection(split_address(broker.user_address))
    broker.process.terminate()
    assert closed(function) == (1001, "the broker ends")
    assert closed(debugger) == (1001, "the broker ends")
    assert broker.process.wait(LIMIT) == 0
    idle.close()


def test_daemon_and_connect(start, broker, pki, tmp_path):
    port = Port()
    daemon = start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": f"wss://{broker.lambda_address}",
                        "DEBUGGER_FUNCTION_ID": "f", "DEBUGGER_MODE": "tcp", "DEBUGGER_PORT": str(port.number),
                        "SSL_CERT_FILE": str(pki / "server.pem")})
    future = daemon.later({"x": 1})
    daemon.err.wait("waiting for a debugger")
    tunnel = Tunnel(f"wss://{broker.user_address}/f", f"--ca-file={pki}/server.pem")
    with socket.create_connection(tunnel.address, LIMIT) as debugger:
        runtime = port.accept()
        debugger.sendall(b"\x00hello")
        assert runtime.recv(100) == b"\x00hello"
        runtime.sendall(b"answer")
        assert debugger.recv(100) == b"answer"
        assert json.loads(future.result(LIMIT).body) == {"x": 1}
    assert tunnel.stop() == 0
    runtime.close()
    port.listener.close()


def test_unknown_certificates_are_refused(start, broker, pki):
    daemon = start(env={"DEBUGGER_ACTIVE": "1", "DEBUGGER_BROKER_ADDRESS": f"wss://{broker.lambda_address}",
                        "DEBUGGER_FUNCTION_ID": "f", "SSL_CERT_FILE": str(pki / "stranger.pem"),
                        "AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    future = daemon.later({"x": 1})
    assert "certificate" in daemon.err.wait("TLS failed")
    daemon.err.wait("cannot be reached")
    assert json.loads(future.result(LIMIT).body)["errorType"] == "Sandbox.Timedout"
    # Right certificate, wrong name.
    tunnel = Tunnel(f"wss://localhost:{split_address(broker.user_address)[1]}/f", f"--ca-file={pki}/server.pem")
    with socket.create_connection(tunnel.address, LIMIT) as debugger:
        assert debugger.recv(1) == b""
    assert "hostname mismatch" in tunnel.err.wait("TLS failed").lower()
    assert tunnel.stop() == 0


@pytest.mark.parametrize("cert, key, said", [
    ("server.pem", None, "belong together"), ("server.pem", "stranger.key", "stranger.key"),
    ("nothing", "server.key", "nothing: No such file"), ("server.pem", "nothing", "nothing: No such file"),
    ("server.key", "server.key", "server.key")])
def test_bad_files(pki, cert, key, said):
    flags = [f"--tls-cert={pki}/{cert}"] + ([f"--tls-key={pki}/{key}"] if key else [])
    done = subprocess.run([BROKER, "--lambda-address=127.0.0.1:0", "--user-address=127.0.0.1:0", *flags],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.strip().count("\n") == 0


def test_missing_authorities(pki):
    done = subprocess.run([BROKER, "connect", "wss://127.0.0.1:1/f", f"--ca-file={pki}/nothing"], capture_output=True, text=True,
                          timeout=LIMIT)
    assert done.returncode == 2
    assert "nothing: No such file" in done.stderr
