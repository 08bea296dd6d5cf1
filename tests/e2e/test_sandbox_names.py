# SPDX-License-Identifier: Apache-2.0
"""sandbox.localdomain and sandbox are names for this machine in the environment, and only there."""
import subprocess
from pathlib import Path

from telemetry import start_with

NAMES = ["sandbox.localdomain", "sandbox"]


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0


def test_names_resolve(start, tmp_path):
    before = Path("/etc/hosts").read_bytes()
    known = all(name.encode() in before.split() for name in NAMES)
    daemon, extensions = start_with(start, tmp_path, {"watcher": {"resolve": NAMES}})
    assert daemon.invoke({}).status == 200
    names = extensions.wait("hello")["names"]
    if known or may_mount():
        assert names == {name: ["127.0.0.1"] for name in NAMES}
        assert "localhost" in Path(f"/proc/{daemon.pid}/root/etc/hosts").read_text(encoding="utf-8")
    else:
        daemon.err.wait("sandbox.localdomain is not in the hosts file")
    assert Path("/etc/hosts").read_bytes() == before


def test_nothing_is_mounted_without_extensions(start):
    daemon = start()
    assert daemon.invoke({}).status == 200
    assert Path(f"/proc/{daemon.pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
