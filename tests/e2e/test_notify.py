# SPDX-License-Identifier: Apache-2.0
"""Readiness for a service manager: what systemd's Type=notify expects on NOTIFY_SOCKET."""
import json
import os
import signal
import socket

import pytest

from harness import DAEMON, LIMIT, SERVER


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        s.settimeout(LIMIT)
        yield address, s


@pytest.mark.parametrize("program", [DAEMON, SERVER])
def test_told_ready_once_it_listens_and_stopping_when_it_drains(start, manager, program):
    address, s = manager
    uri = {"AMQP_URI": "amqp://127.0.0.1:1?connection_attempts=1000"} if program == SERVER else {}
    d = start([] if program == SERVER else None, binary=program, env={"NOTIFY_SOCKET": address, **uri})
    assert s.recv(100) == b"READY=1"
    assert d.request("GET", "/_/health").status == 200
    d.signal(signal.SIGTERM)
    assert s.recv(100) == b"STOPPING=1"
    assert d.wait() == 0


def test_runtime_does_not_get_the_socket(start, manager):
    d = start(env={"NOTIFY_SOCKET": manager[0]})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert "_HANDLER" in env and "NOTIFY_SOCKET" not in env


@pytest.mark.parametrize("address, why", [("/nowhere/there", "No such file or directory"),
                                          ("relative", "expected an absolute path or @NAME"),
                                          ("/" + 200 * "x", "expected an absolute path or @NAME")])
def test_a_manager_that_cannot_be_reached_is_no_reason_not_to_serve(start, address, why):
    d = start(env={"NOTIFY_SOCKET": address})
    line = d.err.wait("NOTIFY_SOCKET=")
    assert why in line and "state=READY=1" in line
    assert d.invoke({}).status == 200
