# SPDX-License-Identifier: Apache-2.0
"""What all programs have in common."""
import os
import subprocess
from pathlib import Path

import pytest

from harness import DAEMON, ECHO, LIMIT, run

HERE = Path(DAEMON).parent
SERVER, PROXY, INVOKE, BROKER = (str(HERE / name) for name in ("lambda-server", "proxy-lambda", "lambda-invoke", "debug-broker"))
PROGRAMS = [DAEMON, SERVER, PROXY, INVOKE, BROKER, ECHO]

#: Every program reads one of these and refuses it.
BAD = {"PORT": "abc", "LOG_LEVEL": "LOUD", "AWS_LAMBDA_RUNTIME_API": "nowhere"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: Path(path).name)
def test_help_and_version_whatever_the_environment(program):
    name = Path(program).name
    for flag in ("--help", "-h"):
        done = run(flags=[flag], env=BAD, binary=program)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"usage: {name}" in done.stdout
    done = run(flags=["--version"], env=BAD, binary=program)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{name} ")


@pytest.mark.parametrize("flag", ["--help", "--version"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: Path(path).name)
def test_text_that_cannot_be_written(program, flag):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, flag], stdout=full, stderr=subprocess.PIPE, timeout=LIMIT, text=True)
    assert done.returncode == 1
    assert done.stderr == f"{Path(program).name}: stdout cannot be written: No space left on device\n"


def shell(redirections, program, **kwargs):
    """The program with some of its descriptors 0 to 2 closed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    env.update(PORT="0", RUNTIME_API_PORT="0", INVOKE_API_HOST="127.0.0.1", **kwargs.pop("env", {}))
    return subprocess.Popen(["sh", "-c", f'exec "$@" {redirections}', "sh", *program], env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def standard_files(process):
    return [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)]


@pytest.mark.parametrize("redirections", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors(redirections):
    """Their numbers do not go to a listener, which would get the log then."""
    reads, writes = os.pipe()
    with open(reads, "rb") as ready:
        programs = [[DAEMON, ECHO], [BROKER, "--lambda-address", "127.0.0.1:0", "--user-address", "127.0.0.1:0", "--ready-fd",
                                     str(writes)]]
        processes = [shell(redirections, program, env={"READY_FD": str(writes)}, pass_fds=[writes]) for program in programs]
        os.close(writes)
        try:
            lines = [ready.readline() for _ in processes]
            assert all(lines)
            assert [standard_files(process) for process in processes] == [["/dev/null"] * 3] * 2
        finally:
            for process in processes:
                process.terminate()
            assert [process.wait(LIMIT) for process in processes] == [0, 0]
