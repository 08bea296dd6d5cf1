# SPDX-License-Identifier: Apache-2.0
"""Runs lambda-invoke."""
import json
import os
import signal
import subprocess
from pathlib import Path

from harness import DAEMON, LIMIT, RUNTIME, Lines

INVOKE = str(Path(DAEMON).with_name("lambda-invoke"))


def environment(env=None):
    base = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}
    base.update(env or {})
    return base


def jsonl(*events):
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def error(kind="Boom", text="it broke"):
    return {"do": "error", "type": "Function." + kind, "document": {"errorType": kind, "errorMessage": text}}


class Result:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err
        assert "Sanitizer" not in err and "runtime error:" not in err, err

    @property
    def lines(self):
        return self.out.splitlines()


def invoke(*words, events=b"", command=RUNTIME, env=None, cwd=None, program=INVOKE):
    """To its end; events go to its standard input."""
    command = ["--", *command] if command else []
    done = subprocess.run([program, *map(str, words), *command], input=events, env=environment(env), cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Running:
    """One that lives while the test talks to it."""

    def __init__(self, *words, command=RUNTIME, env=None):
        self.process = subprocess.Popen([INVOKE, *map(str, words), "--", *command], env=environment(env),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def send(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        code = self.process.wait(LIMIT)
        err = "\n".join(self.err.all())
        assert "Sanitizer" not in err and "runtime error:" not in err, err
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
