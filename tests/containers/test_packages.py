# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, checked by lintian, installed by apt, its services run by a real systemd."""
import re
import socket
import subprocess

import pytest

from conftest import STATIC
from engine import Container
from harness import LIMIT, ROOT
from images import debian_with

# What systemd wants to be PID 1 of a container; --privileged asks for more than a machine without CAP_SYS_RESOURCE has.
AS_A_MACHINE = ["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt",
                "apparmor=unconfined", "--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup", "--tmpfs", "/run", "--tmpfs", "/tmp",
                "-e", "container=docker", "-e", "NOTIFY_SOCKET=/manager/notify", "-p", "127.0.0.1:0:8080"]


@pytest.fixture(scope="session")
def package():
    run = subprocess.run(["make", "--no-print-directory", "deb"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    found, = [p for p in (ROOT / "build" / "deb").glob("*.deb") if "dbgsym" not in p.name]
    return found


@pytest.fixture(scope="session")
def installed(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("installed") / "root"
    debian_with("bookworm", root, "systemd-sysv", "dbus", "bash-completion", package)
    return root


@pytest.fixture(scope="session")
def machine(engine, installed, tmp_path_factory):
    """A container that systemd has booted."""
    function = installed / "srv" / "lambda" / "echo"
    function.mkdir(parents=True)
    subprocess.run(["cp", STATIC / "echo-runtime", function / "bootstrap"], check=True)
    settings = installed / "etc" / "lambda-runtime-api-daemon"
    settings.mkdir(exist_ok=True)
    example = (installed / "usr/share/doc/lambda-runtime-api-daemon/examples/function.env").read_text(encoding="utf-8")
    (settings / "echo.env").write_text(example.replace("INVOKE_API_HOST=127.0.0.1", "INVOKE_API_HOST=0.0.0.0"), encoding="utf-8")
    (settings / "broken.env").write_text("COMMAND=/bin/true\nPORT=many\n", encoding="utf-8")
    (installed / "srv" / "lambda" / "broken").mkdir()
    engine.import_root("machine", installed)
    directory = tmp_path_factory.mktemp("manager")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(directory / "notify"))
        manager.settimeout(LIMIT)
        container = Container(engine, *AS_A_MACHINE, "-v", f"{directory}:/manager", "machine", "/sbin/init")
        while b"READY=1" not in manager.recv(4096):
            pass
    yield container
    container.remove()


def test_holds_programs_pages_and_completion(installed):
    programs = {p.stem for p in (ROOT / "daemon" / "programs").glob("*.c")} | {"lambda-runtime-api-daemon"}
    for program in programs:
        said = subprocess.run(["chroot", installed, program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", said)
        assert (installed / "usr/share/man/man1" / f"{program}.1.gz").exists(), f"{program} needs a daemon/{program}.1.in"
        assert (installed / "usr/share/bash-completion/completions" / program).exists()


def test_units_are_valid(installed):
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={installed}", "lambda-runtime-api-daemon@x.service",
                          "lambda-server.service"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (run.returncode, run.stdout) == (0, "")


def test_a_function_as_a_service(engine, machine):
    control = lambda *words, check=True: engine("exec", machine.id, "systemctl", *words, check=check)  # noqa: E731
    unit = "lambda-runtime-api-daemon@echo"
    # Comes back when the daemon has said READY=1.
    control("start", unit)
    url = f"http://127.0.0.1:{machine.port()}/2015-03-31/functions/echo/invocations"
    assert subprocess.run(["curl", "-sS", "-d", "an event", url], stdout=subprocess.PIPE, text=True).stdout == "an event"
    assert control("show", unit, "-P", "ActiveState") == "active"
    control("stop", unit)
    assert control("show", unit, "-P", "Result") == "success"
    journal = engine("exec", machine.id, "journalctl", "--unit", unit, "--output", "cat")
    assert journal.index("listening") < journal.index("Started") < journal.index("draining") < journal.index("Stopped")
    assert "REPORT RequestId" in journal


def test_a_service_that_cannot_start_says_why(engine, machine):
    engine("exec", machine.id, "systemctl", "start", "lambda-runtime-api-daemon@broken", check=False)
    journal = engine("exec", machine.id, "journalctl", "--unit", "lambda-runtime-api-daemon@broken", "--output", "cat")
    assert "PORT=many" in journal


def test_services_wait_for_brokers_and_callers(engine, machine):
    show = lambda unit, what: engine("exec", machine.id, "systemctl", "show", unit, "-P", what)  # noqa: E731
    assert show("lambda-runtime-api-daemon@echo", "RestartUSec") == show("lambda-server", "RestartUSec") == "5s"
    assert show("lambda-server", "TimeoutStopUSec") == "30min 10s"


def complete(machine, line):
    """What bash offers for this line. readline splits words at = and :, too."""
    script = """
        . /usr/share/bash-completion/bash_completion
        COMP_LINE=$1 COMP_POINT=${#1}
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        __load_completion "${COMP_WORDS[0]}"
        function=$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    words = [part for word in line.split() for part in re.findall(r"[^=:]+|[=:]+", word)]
    words += [""] if line[-1] in " =:" else []
    return machine.engine("exec", "--workdir", "/etc", machine.id, "bash", "-c", script, "bash", line, *words).split()


def test_completion(machine):
    assert complete(machine, "lambda-runtime-api-daemon --log-level W") == ["WARN"]
    assert "--runtime-api-address" in complete(machine, "lambda-runtime-api-daemon --runtime")
    assert complete(machine, "lambda-runtime-api-daemon --log-level=W") == ["WARN"]
    assert complete(machine, "lambda-runtime-api-daemon --log-level=") == ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    assert "--runtime-api-address" in complete(machine, "lambda-runtime-api-daemon --log-level=WARN --runtime")
    assert complete(machine, "lambda-server --vers") == ["--version"]
    assert complete(machine, "lambda-invoke --event-template sq") == ["sqs"]
    assert complete(machine, "lambda-invoke --event-template=sq") == ["sqs"]
    assert complete(machine, "debug-broker conn") == ["connect"]
    assert complete(machine, "debug-broker --log-format te") == ["text"]
    assert complete(machine, "debug-broker --lambda-address 127") == ["127.0.0.1:"]
    assert complete(machine, "debug-broker --ping ") == []
    assert "passwd" in complete(machine, "debug-broker --token-file=pass")
    assert "sha256sum" in complete(machine, "lambda-invoke -s events.jsonl -- sha256su")
    assert "sha256sum" in complete(machine, "emulambda app.handler event.json -- sha256su")
    assert "sha256sum" in complete(machine, "lambda-runtime-api-daemon sha256su")
    assert complete(machine, "lambda-runtime-api-daemon --log-level WARN /usr/bin/sha25")[0].startswith("/usr/bin/sha256sum")
    words = "--log-level=WARN --runtime-api-address 127.0.0.1:9001 env /usr/bin/sha25"
    assert complete(machine, f"lambda-runtime-api-daemon {words}")[0].startswith("/usr/bin/sha256sum")


def test_removal_stops_the_services(engine, machine):
    """The last one: nothing is left of the package."""
    units = "lambda-runtime-api-daemon@echo", "lambda-runtime-api-daemon@other"
    settings = "sed s/8080/0/ echo.env >other.env && cp -r /srv/lambda/echo /srv/lambda/other"
    engine("exec", "--workdir", "/etc/lambda-runtime-api-daemon", machine.id, "sh", "-c", settings)
    engine("exec", machine.id, "systemctl", "start", *units)
    engine("exec", machine.id, "dpkg", "--remove", "lambda-runtime-api-daemon")
    for unit in units:
        assert engine("exec", machine.id, "systemctl", "show", unit, "-P", "ActiveState") == "inactive"
