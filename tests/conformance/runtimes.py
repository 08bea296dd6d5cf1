# SPDX-License-Identifier: Apache-2.0
"""The official runtime clients: how each is built and started."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from daemon import ROOT

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("CONFORMANCE_BUILD_DIR", ROOT / "build" / "conformance")).resolve()


@dataclass(frozen=True)
class Runtime:
    name: str
    command: tuple  # {out}: the build directory, {root}: the repository
    core: bool
    raises: str = None  # error type of "raise"; None: the language has no agreed one
    message: str = "this went wrong"  # what becomes of that message
    missing_handler: tuple = None  # command whose handler does not exist

    @property
    def out(self):
        return BUILD / self.name

    def words(self, command=None):
        return [word.format(out=self.out, root=ROOT) for word in command or self.command]


NODE = ("{out}/node_modules/.bin/aws-lambda-ric",)
PYTHON = ("{out}/venv/bin/python", "-m", "awslambdaric")
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "{out}/classes:{out}/lib/*")

ALL = [
    Runtime("node", (*NODE, "index.handler"), True, "RangeError", missing_handler=(*NODE, "nope.nope")),
    Runtime(
        "python",
        (*PYTHON, "handler.handler"),
        True,
        "ValueError",
        missing_handler=(*PYTHON, "nope.nope"),
    ),
    Runtime("go", ("{out}/bootstrap",), True, "errorString"),
    Runtime(
        "bash",
        ("{root}/echo-runtime/bootstrap", "function.handler"),
        True,
        "Function.HandlerFailed",
        "status 9",
    ),
    Runtime("rust", ("{out}/bootstrap",), False),
    Runtime(
        "java",
        (*JAVA, "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "conformance.Handler"),
        False,
        "java.lang.IllegalArgumentException",
    ),
    Runtime("cpp", ("{out}/bootstrap",), False, "ConformanceError"),
]

# Those that take several events at once, with what they say when an answer of theirs came too late.
MANAGED = [
    (next(runtime for runtime in ALL if runtime.name == "python"), "This won't kill the Runtime loop"),
    (
        Runtime("node-managed", (*NODE, "index.handler"), True, "RangeError"),
        "Http response code: 410",
    ),
]


def build(script, out):
    """Runs a build.sh; one that finds nothing changed returns at once."""
    done = subprocess.run([script, out], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"


def build_runtime(runtime):
    build(HERE / "runtimes" / runtime.name / "build.sh", runtime.out)


def named(name):
    return next(runtime for runtime in ALL if runtime.name == name)
