# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the engine, the images, containers with the daemon bind-mounted."""
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / name) for name in ("e2e", "static", "conformance")]
pytest.register_assert_rewrite("harness")

from engine import LOCKED_DOWN, Container, Engine  # noqa: E402
from harness import ROOT  # noqa: E402
from images import image  # noqa: E402
from peers import Tls  # noqa: E402

STATIC = ROOT / "bin" / "static"
PROBE = ROOT / "build" / "static" / {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine] / "probe"


@pytest.fixture(scope="session")
def engine():
    engine = Engine()
    yield engine
    engine.stop()


@pytest.fixture(scope="session", params=["empty", "busybox", "musl", "bookworm", "trixie"])
def image_name(request, engine):
    engine.import_root(request.param, image(request.param))
    return request.param


@pytest.fixture
def run(engine, tmp_path):
    """run(image, *command, flags=) -> Container, with the daemon mounted as the emulator is and the probe as bootstrap."""
    started = []
    tmp_path.chmod(0o755)

    def factory(name, *command, flags=(), bootstrap=PROBE):
        mounts = ["-v", f"{STATIC}/lambda-runtime-api-daemon:/usr/local/bin/aws-lambda-rie:ro", "-v", f"{tmp_path}:/shared"]
        if bootstrap:
            mounts += ["-v", f"{bootstrap}:/var/task/bootstrap:ro"]
        container = Container(engine, *LOCKED_DOWN, *mounts, *flags, "--entrypoint", "/usr/local/bin/aws-lambda-rie", name,
                              *command)
        started.append(container)
        container.said.wait("listening")
        return container

    def clear():
        while started:
            started.pop().remove()

    factory.clear = clear
    yield factory
    clear()


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    tls = Tls(tmp_path_factory.mktemp("tls"))
    yield tls
    tls.server.shutdown()
