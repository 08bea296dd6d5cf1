# SPDX-License-Identifier: Apache-2.0
"""What official runtime clients do beyond events: SnapStart's restore, and an extension inside the runtime."""

import json

import pytest


@pytest.mark.runtimes("python", "java")
@pytest.mark.parametrize("env", [{}, {"LAMBDA_FREEZE": "process"}], ids=["running", "frozen"])
def test_restore(start, runtime, env):
    daemon = start(runtime, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", **env})
    for number in range(3):
        reply = daemon.invoke(json.dumps({"do": "echo", "value": number}).encode())
        assert json.loads(reply.body) == number
    daemon.stdout.wait_for("Restore Duration: ")
    reports = [line for line in daemon.stdout.lines() if line.startswith("REPORT ")]
    assert "\tRestore Duration: " in reports[0]
    assert not any("Restore Duration: " in line for line in reports[1:])
    assert not any("Init Duration: " in line for line in reports)


@pytest.mark.runtimes("go")
def test_go_asks_for_sigterm(start, runtime):
    """The Go library registers an internal extension without events, so that its process gets SIGTERM."""
    daemon = start(runtime, {"CONFORMANCE_SIGTERM": "1"})
    reply = daemon.invoke(b'{"do":"echo","value":1}')
    assert reply.body == b"1"
    daemon.stderr.wait_for("extension registered name=GoLangEnableSIGTERM kind=internal")
    daemon.stop()
    daemon.stdout.wait_for("the SIGTERM handler ran")


def test_every_runtime_with_an_extension(start, runtime, tmp_path):
    """None of them notices."""
    extension = tmp_path / "watcher"
    extension.write_text(EXTENSION)
    extension.chmod(0o755)
    daemon = start(runtime, {"LAMBDA_EXTENSIONS_DIR": str(tmp_path)})
    for number in range(5):
        reply = daemon.invoke(json.dumps({"do": "echo", "value": number}).encode())
        assert json.loads(reply.body) == number
    daemon.stop()
    text = "\n".join(daemon.stdout.lines())
    assert text.count('watcher {"eventType":"INVOKE"') == 5
    assert text.count('watcher {"eventType":"SHUTDOWN"') == 1


EXTENSION = """#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -sS -D - -o /dev/null -H "Lambda-Extension-Name: ${0##*/}" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
    sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: \\([^[:cntrl:]]*\\).*/\\1/p')
while event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next"); do
    echo "watcher $event"
    case $event in *SHUTDOWN*) exit 0 ;; esac
done
"""
