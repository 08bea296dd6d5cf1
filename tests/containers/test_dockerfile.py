# SPDX-License-Identifier: Apache-2.0
"""docker/Dockerfile: each image is built and run. Its first stage, which compiles, is taken from what make static left: the
same programs by the same rules, without the minutes."""
import re
import shutil
import subprocess

import pytest

from conftest import STATIC
from engine import LOCKED_DOWN, Container
from harness import LIMIT, ROOT, Lines
from images import image
from test_images import invoke, stop

PORT = ["-p", "127.0.0.1:0:8080"]
#: The programs that have an image, by stage.
STAGES = {"daemon": "lambda-runtime-api-daemon", "base": "lambda-runtime-api-daemon", "lambda-server": "lambda-server"}


@pytest.fixture(scope="session")
def context(engine, tmp_path_factory):
    context = tmp_path_factory.mktemp("context")
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^RUN make static && docker/rootfs.sh bin/static /rootfs$", text, re.M)
    head, rest = re.split(r"(?=\n\n# The gateway)", text, maxsplit=1)
    assert head.count("\nFROM ") == 1 and " AS build\n" in head
    (context / "Dockerfile").write_text("FROM scratch AS build\nCOPY rootfs /rootfs\n" + rest, encoding="utf-8")
    (context / "docker").mkdir()
    shutil.copy(ROOT / "docker" / "entrypoint.sh", context / "docker")
    subprocess.run([ROOT / "docker" / "rootfs.sh", STATIC, context / "rootfs"], check=True)
    engine.import_root("debian:12-slim", image("bookworm"))
    return context


@pytest.fixture(scope="session", params=sorted(STAGES))
def built(request, engine, context):
    engine("build", "--target", request.param, "--tag", f"built-{request.param}", context)
    return request.param


@pytest.fixture
def start(engine):
    started = []

    def factory(name, *command, flags=()):
        started.append(Container(engine, *LOCKED_DOWN, *flags, f"built-{name}", *command))
        return started[-1]

    yield factory
    for container in started:
        container.remove()


def settled_health(engine, container):
    """healthy or unhealthy, as soon as the engine says so."""
    events = subprocess.Popen(["docker", f"--host=unix://{engine.socket}", "events", "--since", "0", "--filter",
                               f"container={container.id}", "--filter", "event=health_status"], stdout=subprocess.PIPE)
    try:
        return Lines(events.stdout).wait("health_status").split("health_status: ")[1].split()[0]
    finally:
        events.terminate()
        events.wait()


def fit(stage):
    """What a stage needs to run here: a function, or a broker to wait for."""
    if stage == "lambda-server":
        return ["-e", "AMQP_URI=amqp://guest:guest@127.0.0.1:5672?connection_attempts=1000"]
    return ["-v", f"{STATIC}/echo-runtime:/var/task/bootstrap:ro"]


def test_runs_locked_down_and_is_healthy(engine, built, start):
    container = start(built, flags=[*PORT, "--health-interval=1s", *fit(built)])
    facts = container.inspect()
    assert facts["Config"]["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/healthcheck"]
    assert settled_health(engine, container) == "healthy"
    if built != "lambda-server":
        assert invoke(container, '{"an": "event"}') == '{"an": "event"}'
    assert stop(engine, container) == 0


def test_is_an_ordinary_user_by_itself(engine, built):
    assert engine("image", "inspect", "--format", "{{.Config.User}}", f"built-{built}") == "65532:65532"


def test_unhealthy_when_it_does_not_answer(engine, built, start):
    container = start(built, flags=["--entrypoint", "/usr/local/bin/healthcheck"])
    assert "nothing listens on 127.0.0.1 port 8080" in container.said.all()
    assert container.inspect()["State"]["ExitCode"] == 1
    if built != "lambda-server":
        # It listens elsewhere than PORT says.
        container = start(built, "--runtime-interface-emulator-address=0.0.0.0:8099",
                          flags=["--health-interval=1s", "--health-retries=1", *fit(built)])
        assert settled_health(engine, container) == "unhealthy"


def test_healthcheck_of_another_path(built, start):
    container = start(built, flags=["-e", "PORT=8081", "--health-interval=1s", *fit(built)])
    container.said.wait("listening")
    ask = container.engine("exec", container.id, "/usr/local/bin/healthcheck", "/nowhere", check=False)
    assert ask == "/nowhere: 404"


@pytest.mark.parametrize("built", ["base"], indirect=True)
def test_base_steps_aside_on_lambda(built, start):
    assert start(built, "/bin/echo", "directly", flags=["-e", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"]).said.all() == ["directly"]


@pytest.mark.parametrize("built", ["daemon"], indirect=True)
def test_daemon_as_an_init_container(engine, built, start):
    init = start(built, flags=["-e", "KUBERNETES_INIT_CONTAINER=1", "-v", f"{engine('volume', 'create')}:/tmp"])
    assert init.said.all() == [] and init.inspect()["State"]["ExitCode"] == 0
    volume, = [mount["Name"] for mount in init.inspect()["Mounts"]]
    other = start("base", "--version", flags=["-v", f"{volume}:/brought", "--entrypoint", "/brought/lambda-runtime-api-daemon"])
    assert other.said.all()[0].startswith("lambda-runtime-api-daemon ")


def test_holds_what_it_should(engine, built, start):
    name = engine("create", f"built-{built}")
    try:
        tar = subprocess.run(["docker", f"--host=unix://{engine.socket}", "export", name], stdout=subprocess.PIPE, check=True)
        names = subprocess.run(["tar", "-t"], input=tar.stdout, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    finally:
        engine("rm", name)
    assert {f"usr/local/bin/{STAGES[built]}", "usr/local/bin/healthcheck", "etc/ssl/certs/ca-certificates.crt"} <= set(names)
    if built != "base":
        assert len(tar.stdout) < 8 << 20 and not any(n.startswith(("bin/", "lib/", "usr/lib/")) for n in names)
