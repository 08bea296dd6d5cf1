# SPDX-License-Identifier: Apache-2.0
"""The official clients that take several events at once (Lambda Managed Instances), with 32 of them in flight."""

import base64
import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from runtimes import MANAGED, build_runtime

TASKS = 32

pytestmark = pytest.mark.core


@pytest.fixture(scope="module", params=MANAGED, ids=lambda param: param[0].name)
def client(request):
    build_runtime(request.param[0])
    return request.param


@pytest.fixture
def managed(start, client):
    """A daemon with this client and a timeout; Node.js gets fewer threads than it would start on a large machine."""

    def run(timeout=30):
        env = {"AWS_LAMBDA_MAX_CONCURRENCY": str(TASKS), "AWS_LAMBDA_NODEJS_WORKER_COUNT": "4"}
        return start(client[0], {**env, "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout)})

    return run


@pytest.fixture
def meeting():
    """URL of a place where calls wait until there are 32 of them."""
    barrier = threading.Barrier(TASKS, timeout=60)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            barrier.wait()
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"met")

        def log_message(self, *args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 2 * TASKS

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def ask(daemon, headers=None, **event):
    return daemon.invoke(json.dumps(event).encode(), headers)


def answer(reply):
    assert reply.status == 200 and "X-Amz-Function-Error" not in reply.headers, reply.body
    return json.loads(reply.body)


def runtimes_started(daemon):
    return [line for line in daemon.stderr.lines() if "runtime started" in line]


def test_as_many_at_once_as_said(managed, meeting):
    daemon = managed(60)
    with ThreadPoolExecutor(TASKS) as pool:
        replies = list(pool.map(lambda _: ask(daemon, do="fetch", url=meeting), range(TASKS)))
    assert [answer(reply) for reply in replies] == ["met"] * TASKS
    assert len(runtimes_started(daemon)) == 1


def test_callers_at_once_get_their_own_answers(managed):
    daemon = managed()
    with ThreadPoolExecutor(2 * TASKS) as pool:
        replies = list(pool.map(lambda number: ask(daemon, do="echo", value=number), range(10 * TASKS)))
        assert [answer(reply) for reply in replies] == list(range(10 * TASKS))
        contexts = list(pool.map(lambda _: ask(daemon, do="context"), range(2 * TASKS)))
    assert [answer(reply)["request_id"] for reply in contexts] == [r.headers["x-amzn-RequestId"] for r in contexts]
    assert len(runtimes_started(daemon)) == 1


def test_a_late_answer_is_survived(managed, client):
    daemon = managed(2)
    with ThreadPoolExecutor(TASKS) as pool:
        late = pool.submit(ask, daemon, do="sleep", seconds=3)
        replies = list(pool.map(lambda number: ask(daemon, do="echo", value=number), range(3 * TASKS)))
        assert [answer(reply) for reply in replies] == list(range(3 * TASKS))
        timed_out = late.result()
    assert timed_out.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(timed_out.body)["errorType"] == "Sandbox.Timedout"
    daemon.stdout.wait_for(client[1])
    with ThreadPoolExecutor(TASKS) as pool:
        replies = list(pool.map(lambda number: ask(daemon, do="echo", value=number), range(3 * TASKS)))
    assert [answer(reply) for reply in replies] == list(range(3 * TASKS))
    assert len(runtimes_started(daemon)) == 1


def test_exceptions_and_logs_belong_to_their_events(managed, client):
    daemon = managed()
    tail = {"X-Amz-Log-Type": "Tail"}
    with ThreadPoolExecutor(TASKS) as pool:
        raised = [pool.submit(ask, daemon, do="raise", message=f"wrong {number}") for number in range(TASKS)]
        logged = [pool.submit(ask, daemon, tail, do="log", text=f"text {number}") for number in range(TASKS)]
        errors = [json.loads(future.result().body) for future in raised]
        replies = [future.result() for future in logged]
    assert [(e["errorType"], e["errorMessage"]) for e in errors] == [
        (client[0].raises, f"wrong {number}") for number in range(TASKS)
    ]
    for number, reply in enumerate(replies):
        lines = base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode().splitlines()
        mine = [json.loads(line) for line in lines if '"logger text ' in line]
        assert [line["requestId"] for line in mine] == [reply.headers["x-amzn-RequestId"]]
        assert mine[0]["message"].endswith(f"text {number}")
