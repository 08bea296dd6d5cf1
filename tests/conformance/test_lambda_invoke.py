# SPDX-License-Identifier: Apache-2.0
"""lambda-invoke and its emulambda spelling with AWS's own clients for Python and Node.js: what emulambda could do, row by row
(C-1 to C-15)."""
import http.server
import json
import os
import pty
import re
import select
import subprocess
import threading
import time

import pytest
from daemon import REPLY_LIMIT_S, program

pytestmark = pytest.mark.runtimes("python", "node")

HANDLERS = {
    "python": ("h.py", """
import os, sys, time

def handler(event, context):
    do = event["do"]
    if do == "echo":
        return event["value"]
    if do == "raise":
        raise ValueError("this went wrong")
    if do == "sleep":
        time.sleep(event["seconds"])
        return event["seconds"]
    if do == "context":
        return [context.function_name, context.function_version, context.memory_limit_in_mb, context.log_group_name,
                context.client_context and context.client_context.custom]
    if do == "env":
        return os.environ.get(event["name"])
    if do == "lib":
        import both, only
        return [only.where, both.where]
    if do == "debug":
        word = "before"
        breakpoint()
        return word
"""),
    "node": ("h.js", """
const readline = require('readline');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.handler = async (event, context) => {
  switch (event.do) {
    case 'echo': return event.value;
    case 'raise': throw new RangeError('this went wrong');
    case 'sleep': await wait(event.seconds * 1000); return event.seconds;
    case 'context': return [context.functionName, context.functionVersion, context.memoryLimitInMB, context.logGroupName,
      context.clientContext && context.clientContext.custom];
    case 'env': return process.env[event.name] ?? null;
    case 'lib': return [require('only').where, require('both').where];
    case 'debug': {
      const asked = readline.createInterface({ input: process.stdin, output: process.stderr, terminal: false });
      const word = await new Promise((resolve) => asked.question('(Pdb) ', resolve));
      asked.close();
      return word;
    }
  }
};
"""),
}
LIBRARY = {"python": ("%s.py", "where = '%s'\n"), "node": ("%s.js", "exports.where = '%s';\n")}


def jsonl(*events):
    return "".join(json.dumps(event) + "\n" for event in events)


class Function:
    """A directory with a handler, and ways to run it."""

    def __init__(self, runtime, path):
        self.runtime = runtime
        self.path = path
        name, text = HANDLERS[runtime.name]
        (path / name).write_text(text)
        self.program = program("DAEMON", "bin/lambda-runtime-api-daemon").with_name("lambda-invoke")
        self.command = [*runtime.words()[:-1], "h.handler"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBDA_", "_"))}

    def run(self, *words, events="", env=None, command=None):
        return subprocess.run([self.program, *words, "--", *(command or self.command)], input=events, cwd=self.path,
                              env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=REPLY_LIMIT_S)

    def file(self, name, content):
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)


@pytest.fixture
def function(runtime, tmp_path):
    return Function(runtime, tmp_path)


def test_file_and_stdin_quiet(function):
    """C-1, C-2: the result and nothing else, a string without its quotes."""
    event = {"do": "echo", "value": "value1"}
    from_file = function.run(function.file("event.json", event))
    from_stdin = function.run("-", events=json.dumps(event))
    assert from_file.returncode == from_stdin.returncode == 0
    assert from_file.stdout == from_stdin.stdout == "value1\n"


@pytest.mark.runtimes("python")
def test_by_the_name_of_the_original(function):
    """Nothing is to be said but what was to be said to it."""
    program = function.path / "emulambda"
    program.symlink_to(function.program)
    event = function.file("event.json", {"do": "echo", "value": "value1"})
    path = f"{function.runtime.out}/venv/bin:{os.environ['PATH']}"
    done = subprocess.run([program, "h.handler", event], cwd=function.path, env={**function.env, "PATH": path},
                          capture_output=True, text=True, timeout=REPLY_LIMIT_S)
    assert (done.returncode, done.stdout) == (0, "value1\n"), done.stderr


def test_verbose_block(function):
    """C-3, as emulambda prints it."""
    done = function.run("--compat", "-v", "h.handler", "-", events=json.dumps({"do": "sleep", "seconds": 0.15}))
    found = re.fullmatch(r"Executed h\.handler\nEstimated\.\.\.\n"
                         r"\.\.\.execution clock time:\t\t (\d+)ms \((\d+)ms billing bucket\)\n"
                         r"\.\.\.execution peak RSS memory:\t\t (\d+)M \((\d+) bytes\)\n"
                         r"-{22}RESULT-{22}\n0\.15\n", done.stdout)
    assert found, done.stdout + done.stderr
    clock, bucket, megabytes, size = (int(n) for n in found.groups())
    assert clock >= 150
    # What is left of the millisecond counts too.
    assert bucket in (-(-clock // 100) * 100, (clock // 100 + 1) * 100)
    assert megabytes == size >> 20 and megabytes > 5


def test_timeout_and_the_next_event(function):
    """C-4, C-5, C-14: killed when its time is up; the event after it finds a fresh runtime."""
    begun = time.monotonic()
    done = function.run("-s", "-t", "1", "-", events=jsonl({"do": "sleep", "seconds": 60}, {"do": "echo", "value": "next"}))
    assert time.monotonic() - begun < 30
    assert done.returncode == 1
    assert "Your lambda timed out! (Timeout was 1s)\n" in done.stderr
    first, second = done.stdout.splitlines()
    assert json.loads(first)["errorType"] == "Sandbox.Timedout" and second == "next"
    compat = function.run("--compat", "-t", "1", "h.handler", "-", events=json.dumps({"do": "sleep", "seconds": 60}))
    assert compat.returncode == 0
    assert compat.stdout == "Your lambda timed out! (Timeout was 1s)\n\nEMULAMBDA: TIMEOUT ERROR\n"
    assert "default 300; 0 = none" in subprocess.run([function.program, "-h"], capture_output=True, text=True).stdout


def test_sample_stream(function):
    """C-6, C-7, C-9: 18 objects, the second one fails."""
    events = [{"do": "echo", "value": i, "filler": "x" * 60} for i in range(1, 19)]
    events[1] = {"do": "raise"}
    done = function.run("-sv", "-", events=jsonl(*events))
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and len(lines) == 18
    assert json.loads(lines[1])["errorMessage"] == "this went wrong"
    assert [int(line) for i, line in enumerate(lines) if i != 1] == [1, *range(3, 19)]
    assert "\nObject 1 " + json.dumps(events[0])[:65] + "...\n" in done.stderr
    assert '\nObject 2 {"do": "raise"}\n' in done.stderr
    assert ("Summary profile from stream execution:\nSamples: 18\n"
            "(ERRORS DETECTED: Removing timing samples from aborted invocations.)\nNew sample size: 17\n") in done.stderr
    assert re.search(r"Clock time:\n\tMin: \d+ms, Max: \d+ms, Median: \d+ms, Median Billing Bucket: 100ms, "
                     r"Rounded Standard Deviation: \d+ms\n", done.stderr)
    assert re.search(r"Peak resident set size \(memory\):\n\tMin: \d+M, Max: \d+M\n", done.stderr)


def test_few_samples(function):
    """C-8: one sample, and none that counts, are no reason to crash."""
    one = function.run("--compat", "-sv", "h.handler", "-", events=jsonl({"do": "echo", "value": 1}))
    assert one.returncode == 0 and "Rounded Standard Deviation: 0ms" in one.stdout
    none = function.run("--compat", "-sv", "h.handler", "-", events=jsonl({"do": "raise"}))
    assert none.returncode == 0 and "No valid timing samples!" in none.stdout
    assert none.stdout.count("EMULAMBDA: LAMBDA ERROR\n") == 1


class Sts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        answer = (b"<R><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
                  b"<SessionToken>role-token</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></R>")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_role(function):
    """C-10: STS is asked, the handler finds the role's credentials."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sts) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        done = function.run("--compat", "-s", "-r", "arn:aws:iam::123456789012:role/r", "h.handler", "-",
                            events=jsonl(*({"do": "env", "name": name} for name in names)),
                            env={"AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "own-secret",
                                 "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:%d" % server.server_address[1]})
        server.shutdown()
    assert done.stdout.splitlines()[-3:] == ["ASIAROLE", "role-secret", "role-token"], done.stderr
    assert b"RoleSessionName=emulambda" in server.asked[0]


def test_libraries(function):
    """C-11: what is only in ./lib is found, what is in both is that of the directory."""
    name, text = LIBRARY[function.runtime.name]
    function.file("lib/" + name % "only", text % "lib")
    function.file("lib/" + name % "both", text % "lib")
    function.file(name % "both", text % "here")
    done = function.run("-", events='{"do": "lib"}')
    assert json.loads(done.stdout) == ["lib", "here"], done.stderr


def test_context_file(function):
    """C-12: the handler sees it, in a stream, too."""
    context = function.file("context.json", {"function_name": "shop", "function_version": "7", "memory_limit_in_mb": "256",
                                             "log_group_name": "/my/group", "client_context": {"custom": {"a": "b"}}})
    done = function.run("--compat", "-s", "h.handler", "-", context, events='{"do": "context"}\n' * 2)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [["shop", "7", "256", "/my/group", {"a": "b"}]] * 2


def test_exit_codes(function):
    """C-13, C-14."""
    error = function.run("-", events='{"do": "raise"}')
    assert error.returncode == 1 and "this went wrong" in error.stderr
    assert json.loads(error.stdout)["errorMessage"] == "this went wrong"
    assert function.run("--compat", "h.handler", "-", events='{"do": "raise"}').returncode == 0
    assert function.run("--compat", "h.handler", "-", events="{bad").returncode == 1
    assert function.run("--compat", "h.handler", "/nowhere/at/all").returncode == 1
    assert function.run("--compat", "h.handler").returncode == 2
    path = function.run("--compat", "./h.py", "-", events="{}")
    assert path.returncode == 1 and "looks like the path of a Python file" in path.stderr
    for missing in ("nope.handler", "h.nope"):
        gone = function.run("--compat", missing, "-", events="{}", command=[*function.command[:-1], missing])
        assert gone.returncode == 1, gone.stdout
        assert "There was a problem finding your function." in gone.stdout


def test_debugger(function):
    """C-15: breakpoint() in a handler works as in any program."""
    event = function.file("event.json", {"do": "debug"})
    pid, tty = pty.fork()
    if pid == 0:
        os.chdir(function.path)
        os.execve(function.program, [str(function.program), "--terminal", event, "--", *function.command], function.env)

    def until(text):
        seen = b""
        while text not in seen:
            assert select.select([tty], [], [], REPLY_LIMIT_S)[0], seen
            seen += os.read(tty, 65536)

    until(b"(Pdb) ")
    if function.runtime.name == "python":
        os.write(tty, b"word = 'typed'\n")
        until(b"(Pdb) ")
        os.write(tty, b"continue\n")
        until(b"\ntyped")
    else:
        os.write(tty, b"typed\n")
        until(b"typed\r\ntyped")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(tty)
