# SPDX-License-Identifier: Apache-2.0
"""What all programs have in common."""
from pathlib import Path

import pytest

from harness import DAEMON, ECHO, run

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
