# SPDX-License-Identifier: Apache-2.0
"""What all programs have in common."""
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
