# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the static programs, roots to run them in, a TLS server with a CA of its own."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
pytest.register_assert_rewrite("harness")

from harness import ROOT, Daemon  # noqa: E402
from images import image  # noqa: E402
from peers import Tls  # noqa: E402

HOST = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


class Programs:
    """The static programs of an architecture, and how to run them here."""

    def __init__(self, arch):
        self.arch = arch
        self.directory = ROOT / "bin" / "static" / ("" if arch == HOST else arch)
        self.build = ROOT / "build" / "static" / arch
        self.probe = self.build / "probe"
        self.runner = [] if arch == HOST else [{"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}[arch]]

    def path(self, name):
        return str(self.directory / name)

    def all(self):
        return sorted(p for p in self.directory.iterdir() if p.is_file() and not p.is_symlink())

    def ask_probe(self, *words):
        run = subprocess.run([*self.runner, self.probe, *words], stdout=subprocess.PIPE, text=True, timeout=60)
        return run.stdout.strip()


@pytest.fixture(scope="session", params=["amd64", "arm64"])
def programs(request):
    return Programs(request.param)


@pytest.fixture(scope="session")
def native():
    return Programs(HOST)


@pytest.fixture
def start():
    """start(binary, flags, command, env=) -> Daemon; at the end each must stop orderly."""
    started = []

    def factory(**kwargs):
        daemon = Daemon(**kwargs)
        started.append(daemon)
        assert daemon.ready, "the daemon did not start:\n" + "\n".join(daemon.err.all())
        return daemon

    yield factory
    codes = [daemon.stop() for daemon in started]
    assert codes == [0] * len(codes)


@pytest.fixture(scope="session", params=["empty", "busybox", "musl", "bookworm", "trixie"])
def root(request, native, tls):
    """A root with the programs and the CA in it."""
    directory = image(request.param)
    for source in (native.path("lambda-runtime-api-daemon"), native.path("echo-runtime"), native.probe, tls.ca):
        subprocess.run(["cp", source, directory], check=True)
    return directory


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    tls = Tls(tmp_path_factory.mktemp("tls"))
    yield tls
    tls.server.shutdown()
