# SPDX-License-Identifier: Apache-2.0
"""lambda-invoke: one event, streams, reports, and as emulambda. The rows with AWS's own clients: tests/conformance."""
import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness import ECHO, LIMIT, RUNTIME, SANITIZED, Gate
from invoke import INVOKE, Running, environment, error, invoke, jsonl


@pytest.fixture
def event(tmp_path):
    """event(value) -> the path of a file with it."""

    def write(value, name="event.json"):
        path = tmp_path / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return path

    return write


# --- one event ---


def test_file_and_stdin(event):
    from_file = invoke(event({"a": [1, 2]}))
    from_stdin = invoke("-", events=b'{"a": [1, 2]}')
    assert from_file.code == from_stdin.code == 0
    assert from_file.out == from_stdin.out == '{"a": [1, 2]}\n'
    assert from_file.err == from_stdin.err == ""


@pytest.mark.parametrize("body, quiet, as_json", [
    (b'"value1"', "value1\n", '"value1"\n'),
    (b'"a\\n\\u00e4"', "a\nä\n", '"a\\n\\u00e4"\n'),
    (b"null", "null\n", "null\n"),
    (b'{"k":  "v"}\n', '{"k":  "v"}\n', '{"k":  "v"}\n'),
])
def test_result(body, quiet, as_json):
    assert invoke("-", events=body).out == quiet
    assert invoke("--json", "-", events=body).out == as_json


def test_output_of_the_function_is_not_the_result():
    done = invoke("-", events=json.dumps({"do": "say", "writes": [[1, "to stdout\n"], [2, "to stderr\n"]]}).encode())
    assert json.loads(done.out)["do"] == "say"
    assert "to stdout\n" in done.err and "to stderr\n" in done.err


VERBOSE = (r"Executed {what}\nEstimated\.\.\.\n"
           r"\.\.\.execution clock time:\t\t \d+ms \((\d+)ms billing bucket\)\n"
           r"{more}"
           r"\.\.\.execution peak RSS memory:\t\t \d+M \((\d+) bytes\)\n"
           r"-{{22}}RESULT-{{22}}\n")
MORE = (r"\.\.\.billed in steps of 1 ms:\t\t \d+ms \(clock \d+\.\d{3} ms\)\n"
        r"\.\.\.cold start before it:\t\t \d+\.\d{3} ms\n")


def test_verbose():
    done = invoke("-v", "-", events=b'"x"')
    assert done.out == "x\n"
    found = re.fullmatch(VERBOSE.format(what=".*", more=MORE), done.err)
    assert found, done.err
    assert int(found[1]) % 100 == 0
    assert 1 << 20 < int(found[2]) < 1 << 30


def test_memory_is_that_of_each_event():
    """What an event has needed and given back is its own peak, and not that of the next."""
    work = {"do": "work", "seconds": 0.003}
    done = invoke("-sv", "-", events=jsonl(work, {"do": "memory_for_now", "mb": 120}, work))
    first, second, third = (int(n) for n in re.findall(r"\((\d+) bytes\)", done.err))
    assert second > 120 << 20
    assert first < 60 << 20 and third < 60 << 20


def test_function_error():
    done = invoke("-", events=json.dumps(error()).encode())
    assert done.code == 1
    assert json.loads(done.out) == {"errorType": "Boom", "errorMessage": "it broke"}
    assert done.err == "lambda-invoke: function error Boom: it broke\n"


def test_large_function_error():
    """The document is complete, also where the message about it goes the same way."""
    document = error(text="x" + "ä" * 600 + "x" * 5_000_000)
    done = subprocess.run([INVOKE, "--json", "-", "--", *RUNTIME], input=json.dumps(document).encode(),
                          env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    said, result = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert said == "lambda-invoke: function error Boom: x" + "ä" * 511 + "..."
    assert json.loads(result) == document["document"]


def test_runtime_ends():
    done = invoke("-", events=b'{"do": "exit", "code": 3}')
    assert done.code == 1
    assert json.loads(done.out)["errorType"] == "Runtime.ExitError"


def test_no_such_command(event):
    done = invoke(event({}), command=["/nowhere/at/all"])
    assert done.code == 1
    assert "/nowhere/at/all" in done.err and "Runtime.InvalidEntrypoint" in done.err


def test_timeout():
    begun = time.monotonic()
    done = invoke("-v", "-t", "0.5", "-", events=b'{"do": "hang", "ignore_term": true}')
    assert done.code == 1
    assert time.monotonic() - begun < (20 if SANITIZED else 5)
    assert "Your lambda timed out! (Timeout was 0.5s)\n" in done.err
    assert json.loads(done.out)["errorType"] == "Sandbox.Timedout"


def test_timeouts_by_default_and_none():
    assert "(default 300; 0 = none)" in invoke("--help", command=None).out
    for words, low, high in (([], 290, 301), (["-t", "7"], 6, 8), (["-t", "100000"], 99990, 100001), (["-t", "0"], 10**6, 10**9)):
        code = ("import os,sys,time,urllib.request as u;a='http://'+os.environ['AWS_LAMBDA_RUNTIME_API']+"
                "'/2018-06-01/runtime/invocation/';r=u.urlopen(a+'next');"
                "left=int(r.headers['Lambda-Runtime-Deadline-Ms'])/1000-time.time();"
                "u.urlopen(a+r.headers['Lambda-Runtime-Aws-Request-Id']+'/response',str(left).encode());"
                "u.urlopen(a+'next')")
        done = invoke(*words, "-", events=b"{}", command=[sys.executable, "-c", code])
        assert low < float(done.out) < high, done.err


@pytest.mark.parametrize("events, words, says", [
    (b"{bad", ["-"], "-: not JSON"),
    (b"", ["-"], "-: not JSON"),
    (b"", ["/nowhere/event.json"], "/nowhere/event.json: cannot be read: No such file"),
    (b"", ["/tmp"], "/tmp: is a directory"),
    (b"{}", ["-c", "/nowhere/c.json", "-"], "/nowhere/c.json: cannot be read"),
    (None, ["-"], "longer than 6291456 bytes"),
])
def test_unreadable_input(events, words, says):
    events = b'"' + b"x" * 6291456 + b'"' if events is None else events
    done = invoke(*words, events=events)
    assert done.code == 2
    assert done.out == ""
    assert says in done.err


def test_usage():
    done = invoke("--nope", "-", command=None)
    assert (done.code, done.out) == (2, "")
    assert done.err == "lambda-invoke: unknown option --nope; --help shows what there is\n"
    assert invoke("-h", command=None).code == 0
    assert re.fullmatch(r"lambda-invoke \S+\n", invoke("--version", command=None).out)


# --- context, environment ---


def test_context(event):
    context = {
        "function_name": "shop", "function_version": "7", "memory_limit_in_mb": 256, "log_group_name": "/my/group",
        "log_stream_name": "my-stream", "aws_request_id": "11111111-2222-4333-8444-555555555555",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:shop", "nobody_sees": 1,
        "client_context": {"custom": {"ä": 1}}, "identity": {"cognitoIdentityId": "me"}, "remaining_time_in_millis": 5000,
        "tenant_id": "blue", "xray_trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }
    code = ("import json,os,urllib.request as u;a='http://'+os.environ['AWS_LAMBDA_RUNTIME_API']+"
            "'/2018-06-01/runtime/invocation/';r=u.urlopen(a+'next');h=dict(r.headers);"
            "u.urlopen(a+h['Lambda-Runtime-Aws-Request-Id']+'/response',"
            "json.dumps({'headers':h,'env':dict(os.environ)}).encode());u.urlopen(a+'next')")
    done = invoke("-c", event(context), "-", events=b"{}", command=[sys.executable, "-c", code])
    seen = json.loads(done.out)
    assert "no runtime can see \"nobody_sees\"" in done.err
    assert {k: seen["env"]["AWS_LAMBDA_" + k] for k in (
        "FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE", "LOG_GROUP_NAME", "LOG_STREAM_NAME")} == {
        "FUNCTION_NAME": "shop", "FUNCTION_VERSION": "7", "FUNCTION_MEMORY_SIZE": "256",
        "LOG_GROUP_NAME": "/my/group", "LOG_STREAM_NAME": "my-stream"}
    headers = seen["headers"]
    assert headers["Lambda-Runtime-Aws-Request-Id"] == context["aws_request_id"]
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == context["invoked_function_arn"]
    assert json.loads(headers["Lambda-Runtime-Client-Context"]) == context["client_context"]
    assert json.loads(headers["Lambda-Runtime-Cognito-Identity"]) == context["identity"]
    assert headers["Lambda-Runtime-Aws-Tenant-Id"] == "blue"
    assert headers["Lambda-Runtime-Trace-Id"] == context["xray_trace_id"]
    assert 0 < int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time() < 5


def test_bad_context(event):
    for content, says in ((b"[1]", "not a JSON object"), ({"function_name": 3}, "function_name: not allowed; expected a text"),
                          ({"aws_request_id": "x"}, "expected a UUID"), ({"function_name": "a b"}, "AWS_LAMBDA_FUNCTION_NAME")):
        done = invoke("-c", event(content), "-", events=b"{}")
        assert done.code == 2
        assert says in done.err


def test_environment_of_the_function(tmp_path):
    (tmp_path / "lib").mkdir()
    done = invoke("--handler", "a.b", "-", events=b'{"do": "facts"}', cwd=tmp_path, env={"PYTHONPATH": "/before", "PORT": "1"})
    facts = json.loads(done.out)
    assert facts["env"]["PYTHONPATH"] == f"/before:{tmp_path}:{tmp_path}/lib"
    assert facts["env"]["NODE_PATH"] == f"{tmp_path}:{tmp_path}/lib"
    assert facts["env"]["LAMBDA_TASK_ROOT"] == str(tmp_path)
    assert facts["env"]["_HANDLER"] == "a.b"
    assert facts["env"]["AWS_LAMBDA_FUNCTION_NAME"] == "a"
    assert "PORT" not in facts["env"]
    assert facts["cwd"] == str(tmp_path)
    assert facts["stdin"] == "/dev/null"


# --- streams ---


def test_stream_in_order():
    """Several at once, the first ones the slowest."""
    events = [{"do": "work", "seconds": 0.2 if i < 2 else 0, "i": i} for i in range(60)]
    done = invoke("-s", "--concurrency", "3", "-", events=jsonl(*events))
    assert done.code == 0
    assert [json.loads(line)["i"] for line in done.lines] == list(range(60))


def test_stream_runs_at_once():
    gates = [Gate() for _ in range(3)]
    with Running("-s", "--concurrency", "3", "-") as running:
        # Each waits for the test, the last one is let go first: all three have to run.
        running.send(jsonl(*({"do": "gate", "fifo": g.path, "i": i} for i, g in enumerate(gates))))
        for gate in reversed(gates):
            gate.open()
        lines = running.out.wait("{", 3)
        assert [json.loads(line)["i"] for line in lines] == [0, 1, 2]
        running.process.stdin.close()
        assert running.wait() == 0


def test_pipe_that_never_ends():
    with Running("-s", "-") as running:
        for i in range(3):
            running.send(jsonl({"i": i}))
            assert running.out.wait(f'{{"i": {i}}}')
        running.send(b'{"half"')
        running.interrupt()
        assert running.wait() == 0
        assert running.out.all() == [f'{{"i": {i}}}' for i in range(3)]


def test_fifo(tmp_path):
    """Opened before anybody writes to it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with Running("-s", path) as running:
        with open(path, "wb", buffering=0) as fifo:
            fifo.write(b'"first"\n')
            running.out.wait("first")
            fifo.write(b'"second"\n')
        assert running.wait() == 0
        assert running.out.all() == ["first", "second"]


def test_stream_recovers():
    events = (b'{"i": 1}\n\n  \r\n' + jsonl(error()) + b'{"bad\n' + jsonl({"do": "exit", "code": 1}) +
              jsonl({"do": "hang"}) + b'{"i": 2}\r\n' + b'{"i": 3}')
    done = invoke("-s", "-t", "0.5", "-", events=events)
    assert done.code == 1
    assert [json.loads(line).get("i", json.loads(line).get("errorType")) for line in done.lines] == [
        1, "Boom", "Runtime.ExitError", "Sandbox.Timedout", 2, 3]
    assert "object 2 (line 4): function error Boom: it broke\n" in done.err
    assert "line 5: not JSON; skipped\n" in done.err
    assert "object 4 (line 7): Your lambda timed out! (Timeout was 0.5s)\n" in done.err


def test_zeros_are_no_blank_lines():
    done = invoke("-s", "-", events=b"\0" * 100 + b"\n \0\n")
    assert (done.code, done.out) == (1, "")
    assert "line 1: not JSON; skipped\n" in done.err and "line 2: not JSON; skipped\n" in done.err


def test_results_of_a_stream_are_lines():
    done = invoke("-s", "-", events=b'{"do": "x", "bytes": 5}\n', command=["sh", "-c", """
        while id=$(curl -sD- -o/dev/null http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next |
                tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p') && [ -n "$id" ]; do
            printf '{\\n "a":\\n 1}\\n' | curl -s --data-binary @- \\
                http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response >/dev/null
        done"""])
    assert len(done.lines) == 1
    assert json.loads(done.out) == {"a": 1}


def test_sample_stream(tmp_path):
    """18 lines, the second one fails: the example of the README."""
    events = [{"do": "work", "seconds": 0.001, "i": i} for i in range(1, 19)]
    events[1] = error()
    page = tmp_path / "report.html"
    done = invoke("-sv", "--report", page, "-", events=jsonl(*events))
    assert done.code == 1
    assert len(done.lines) == 18
    assert done.err.startswith("Entering stream mode.\n\nObject 1 {")
    assert done.err.count("RESULT") == 18
    summary = done.err[done.err.index("\nSummary profile from stream execution:\n"):]
    assert "Samples: 18\n(ERRORS DETECTED: Removing timing samples from aborted invocations.)\nNew sample size: 17\n" in summary
    assert re.search(r"Clock time:\n\tMin: \d+ms, Max: \d+ms, Median: \d+ms, Median Billing Bucket: \d+ms, "
                     r"Rounded Standard Deviation: \d+ms\n\tIn detail: min [\d.]+, median [\d.]+, p90 [\d.]+, p99 [\d.]+", summary)
    assert re.search(r"\n\t  +[\d.]+ ms +\d+ #+\n", summary)
    assert re.search(r"Peak resident set size \(memory\):\n\tMin: \d+M, Max: \d+M\n", summary)
    html = page.read_text()
    assert html.count("<svg") == 3 and "<script" not in html and "src=" not in html and "http" not in html


def test_report_that_cannot_be_written():
    done = invoke("--report", "/nowhere/at/all.html", "-", events=b"{}")
    assert (done.code, done.out) == (1, "{}\n")
    assert "--report /nowhere/at/all.html: cannot be written: No such file" in done.err


def test_one_sample_and_none():
    assert "Rounded Standard Deviation: 0ms" in invoke("-sv", "-", events=b"{}\n").err
    assert "No valid timing samples!" in invoke("-sv", "-", events=jsonl(error())).err
    assert "Samples: 0\nNo valid timing samples!" in invoke("-sv", "-", events=b"").err


def test_object_line():
    long = json.dumps({"text": "x" * 100})
    done = invoke("-sv", "-", events=(long + "\n" + "1" * 64 + "\n" + "1" * 65 + "\n").encode(), command=[ECHO])
    assert f"\nObject 1 {long[:65]}...\n" in done.err
    assert f"\nObject 2 {'1' * 64}\n" in done.err
    assert f"\nObject 3 {'1' * 65}...\n" in done.err


def test_broken_function_ends_the_stream():
    done = invoke("-s", "-", events=b"{}\n" * 100, command=[*RUNTIME, "error"])
    assert done.code == 1
    assert len(done.lines) == 1
    assert "cannot load" in done.err


def test_interrupt_ends_with_the_summary():
    gate = Gate()
    with Running("-sv", "-") as running:
        running.send(jsonl({"i": 1}, {"do": "hang", "fifo": gate.path}, {"i": 3}))
        gate.wait()
        running.interrupt()
        assert running.wait() == 1
        err = "\n".join(running.err.all())
        assert "interrupted: 2 events were given up" in err
        assert "Summary profile from stream execution:\nSamples: 1\n" in err
        assert running.out.all() == ['{"i": 1}']


@pytest.mark.parametrize("words", [["-"], ["--compat", "f", "-"]])
def test_interrupt_before_the_event_is_read(words):
    with Running(*words) as running:
        # More than the pipe holds: when this is through it has been read from.
        running.send(b'"' + b"x" * 200000)
        running.interrupt()
        assert running.wait() == 1
        assert running.out.all() == []
        assert running.err.all() == ["lambda-invoke: interrupted: the event was not read to its end"]


def test_nobody_reads_the_results():
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen([INVOKE, "-s", "-", "--", ECHO], env=environment(), stdin=subprocess.PIPE, stdout=write,
                               stderr=subprocess.DEVNULL)
    os.close(write)
    process.stdin.write(b"{}\n")
    process.stdin.flush()
    # Standard input is still open: it must not be waited for.
    assert process.wait(LIMIT) == 1
    process.stdin.close()


@pytest.mark.parametrize("words, command", [
    (["-"], [ECHO]), (["-s", "-"], [ECHO]), (["--compat", "f", "-"], [ECHO]),
    (["--event-template", "sqs"], []), (["--event-template", "list"], []), (["--help"], []), (["--version"], [])])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_results_that_cannot_be_written(words, command, where):
    words = [INVOKE, *words, *(["--", *command] if command else [])]
    done = subprocess.run(["sh", "-c", f'exec "$@" {where}', "sh", *words], env=environment(), input=b"{}\n",
                          stderr=subprocess.PIPE, timeout=LIMIT)
    assert done.returncode == 1
    assert b"stdout cannot be written" in done.stderr


def test_slow_reader_loses_nothing():
    """More than any pipe or queue holds, with somebody who reads when all could have been written."""
    count, size = 30, 500000
    process = subprocess.Popen([INVOKE, "-s", "--json", "-", "--", ECHO], env=environment(), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    writer = threading.Thread(target=lambda: (process.stdin.write((b'"' + b"x" * size + b'"\n') * count), process.stdin.close()))
    writer.start()
    total = 0
    while piece := process.stdout.read(65536):
        total += len(piece)
    writer.join()
    process.stdout.close()
    assert process.wait(LIMIT) == 0
    assert total == count * (size + 3)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def test_flat_memory():
    """Past the number of samples that are kept one by one memory does not grow any more."""
    with Running("-sv", "-", command=[ECHO]) as running:
        figures = []
        for part in range(3):
            sender = threading.Thread(target=running.send, args=(b'{"some": "event"}\n' * 10000,))
            sender.start()
            running.out.wait("{", (part + 1) * 10000)
            sender.join()
            figures.append(resident(running.process.pid))
        running.process.stdin.close()
        assert running.wait() == 0
    # A sanitizer keeps what was freed.
    assert figures[2] - figures[1] < 1500 or SANITIZED, figures
    assert "more than 16384 samples" in "\n".join(running.err.all())


def read_until(fd, text):
    data = b""
    while text not in data:
        assert select.select([fd], [], [], LIMIT)[0], data
        data += os.read(fd, 65536)
    return data


def test_progress_on_a_terminal(event):
    gate = Gate()
    path = event(jsonl({"i": 1}, {"do": "gate", "fifo": gate.path}), "stream")
    ours, theirs = pty.openpty()
    process = subprocess.Popen([INVOKE, "-s", path, "--", *RUNTIME], env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=theirs)
    seen = read_until(ours, b"1 events")
    assert b"[####" in seen and b"100%" in seen
    gate.open()
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(LIMIT) == 0
    os.close(theirs)
    rest = read_until(ours, b"\r\x1b[K")
    assert b"events" not in rest.rsplit(b"\r\x1b[K", 1)[1]
    os.close(ours)
    assert out.count(b"\n") == 2


@pytest.mark.parametrize("wait, typed, result", [
    ("word=input('(debug) ')", b"continue\n", b"\ncontinue"),
    ("import signal as s;s.pthread_sigmask(s.SIG_BLOCK,[2]);print('(debug) ',flush=True);s.sigwait([2]);word='interrupted'",
     b"\x03", b"interrupted"),
], ids=["input", "interrupt"])
def test_debugger_has_the_terminal(event, wait, typed, result):
    """The function is in the foreground: it reads what is typed, and a ^C is its own."""
    code = ("import os,urllib.request as u;a='http://'+os.environ['AWS_LAMBDA_RUNTIME_API']+"
            f"'/2018-06-01/runtime/invocation/';r=u.urlopen(a+'next');{wait};"
            "u.urlopen(a+r.headers['Lambda-Runtime-Aws-Request-Id']+'/response',('\"%s\"'%word).encode());u.urlopen(a+'next')")
    pid, tty = pty.fork()
    if pid == 0:
        os.execve(INVOKE, [INVOKE, "--terminal", str(event({})), "--", sys.executable, "-c", code], environment())
    read_until(tty, b"(debug) ")
    os.write(tty, typed)
    read_until(tty, result)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(tty)


# --- templates ---


def test_templates():
    names = [line.split()[0] for line in invoke("--event-template", "list", command=None).lines]
    for name in ("sqs", "s3", "apigateway", "sns", "scheduled", "dynamodb", "kinesis", "alb", "function-url"):
        assert name in names
        event = json.loads(invoke("--event-template", name, command=None).out)
        assert isinstance(event, dict)
    done = invoke("--event-template", "nope", command=None)
    assert done.code == 2 and "list shows" in done.err


# --- as emulambda ---


def test_compat_block(event):
    done = invoke("--compat", "-v", "function", event(b'"value1"'))
    found = re.fullmatch(VERBOSE.format(what="function", more="") + "value1\n", done.out)
    assert found, done.out
    assert done.code == 0


def test_compat_by_name(tmp_path, event):
    (tmp_path / "emulambda").symlink_to(INVOKE)
    done = invoke("function", event(b'"value1"'), event({"function_name": "ctx"}, "context.json"), program=str(tmp_path / "emulambda"))
    assert (done.code, done.out) == (0, "value1\n")


def test_compat_exit_codes(event):
    failing = invoke("--compat", "-v", "f", event(error()))
    assert failing.code == 0
    assert "\nThere was an error running your function." in failing.out
    assert failing.out.endswith("EMULAMBDA: LAMBDA ERROR\n")
    assert "-1ms (0ms billing bucket)" in failing.out
    late = invoke("--compat", "-t", "1", "f", event({"do": "hang"}))
    assert late.code == 0
    assert late.out == "Your lambda timed out! (Timeout was 1s)\n\nEMULAMBDA: TIMEOUT ERROR\n"
    assert invoke("--compat", "f", event(b"{bad")).code == 1
    assert invoke("--compat", "f", "/nowhere").code == 1
    assert invoke("--compat", "f").code == 2
    path = invoke("--compat", "./h.py", event({}))
    assert path.code == 1 and "Perhaps it is something like" in path.err
    gone = invoke("--compat", "f", event({}), command=[*RUNTIME, "error"])
    assert gone.code == 1 and "There was a problem finding your function." in gone.out


def test_compat_stream():
    done = invoke("--compat", "-sv", "f", "-", events=jsonl({"i": 1}, error(), {"i": 3}))
    assert done.code == 0
    assert done.out.startswith("Entering stream mode.\n\nObject 1 {")
    assert re.search(r"New sample size: 2\n\[[\d.]+, [\d.]+\]\nClock time:\n", done.out)
