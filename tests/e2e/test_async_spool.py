# SPDX-License-Identifier: Apache-2.0
"""ASYNC_SPOOL_DIR: what was accepted survives every end of the daemon."""
import concurrent.futures
import http.client
import json
import resource
import signal
import threading

from harness import IDLE, LIMIT, Daemon, Runtime, run
from test_async import EVENT, accepted, records, rid
from test_invoke import assert_error

URL = "/2015-03-31/functions/function/invocations"


def spool(tmp_path, **more):
    return {"ASYNC_SPOOL_DIR": str(tmp_path / "spool"), **more}


def kill(daemon):
    daemon.signal(signal.SIGKILL)
    daemon.wait()


def test_sigterm_keeps_what_waits(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    ids = [accepted(d, {"n": n}) for n in range(5)]
    runtime = Runtime(d)
    runtime.respond(runtime.next(), b"1")
    held = runtime.next()
    d.signal(signal.SIGTERM)
    d.err.wait("draining")
    # What runs is finished, and is not run again.
    runtime.respond(held, b"2")
    assert d.wait() == 0
    d.err.wait("asynchronous events are kept for the next start count=3")

    d = start(IDLE, env=spool(tmp_path))
    d.err.wait("asynchronous events from before count=3")
    runtime = Runtime(d)
    for n in range(2, 5):
        event = runtime.next()
        assert (rid(event), json.loads(event.body)) == (ids[n], {"n": n})
        runtime.respond(event, b"1")
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 3)
    d.stop()
    assert [f.name for f in (tmp_path / "spool").iterdir()] == ["lock"]


def test_attempts_survive(start, tmp_path):
    env = spool(tmp_path, ASYNC_RETRY_DELAY="0", ASYNC_ON_FAILURE=f"file:{tmp_path}/failed")
    d = start(IDLE, env=env)
    sent = accepted(d, {"n": 1})
    runtime = Runtime(d)
    for _ in range(2):
        runtime.respond(runtime.next(), b"{}", kind="error")
    # Handed over the third time when the daemon is killed: that was no attempt.
    assert rid(runtime.next()) == sent
    # What is on disk is there in order: the two before are, too.
    accepted(d, {"n": 2})
    kill(d)
    d = start(IDLE, env=env)
    runtime = Runtime(d)
    for _ in range(2):
        event = runtime.next()
        runtime.respond(event, b'{"last":1}', kind="error" if rid(event) == sent else "response")
    record = records(d, tmp_path / "failed", 1)[0]
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"] == {"last": 1}


def test_fewer_retries_after_the_restart(start, tmp_path):
    env = spool(tmp_path, ASYNC_ON_FAILURE=f"file:{tmp_path}/failed")
    d = start(env={**env, "ASYNC_RETRY_DELAY": "3600"})
    sent = accepted(d, {"do": "error", "document": {}})
    d.wait_metric('lambda_async_events{state="waiting"}', 1)
    assert d.stop() == 0
    d = start(IDLE, env={**env, "ASYNC_MAX_RETRY_ATTEMPTS": "0"})
    record = records(d, tmp_path / "failed", 1)[0]
    assert record["responseContext"]["functionError"] == "Unhandled"
    context = record["requestContext"]
    assert (context["requestId"], context["condition"]) == (sent, "RetriesExhausted")
    assert context["approximateInvokeCount"] == 1
    d.wait_metric('lambda_async_ended_total{condition="RetriesExhausted"}', 1)
    d.wait_metric('lambda_async_events{state="ended"}', 0)


def test_undelivered_results_survive(start, tmp_path):
    nowhere = "http://127.0.0.1:1/2015-03-31/functions/f/invocations"
    d = start(env=spool(tmp_path, ASYNC_ON_SUCCESS=nowhere))
    sent = accepted(d, {"n": 1})
    d.err.wait("could not be delivered, trying again")
    # The end does not wait for a destination that is away.
    assert d.stop() == 0
    d = start(IDLE, env=spool(tmp_path, ASYNC_ON_SUCCESS=f"file:{tmp_path}/ok"))
    record = records(d, tmp_path / "ok", 1)[0]
    assert record["requestContext"]["requestId"] == sent and record["responsePayload"] == {"n": 1}
    metrics = d.metrics()
    assert metrics["lambda_async_restored_total"] == 1 and metrics["lambda_runtime_starts_total"] == 0


def test_too_old_after_the_restart(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    accepted(d, {"n": 1})
    kill(d)
    d = start(IDLE, env=spool(tmp_path, ASYNC_MAX_EVENT_AGE="0.001", ASYNC_ON_FAILURE=f"file:{tmp_path}/failed"))
    assert records(d, tmp_path / "failed", 1)[0]["requestContext"]["condition"] == "EventAgeExceeded"


def test_one_daemon_at_a_time(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    result = run(IDLE, env=spool(tmp_path))
    assert result.returncode == 1
    assert f"ASYNC_SPOOL_DIR={tmp_path}/spool: another daemon is using it" in result.stderr
    kill(d)
    start(IDLE, env=spool(tmp_path))


def test_unusable_directory(tmp_path):
    (tmp_path / "file").write_text("")
    result = run(IDLE, env={"ASYNC_SPOOL_DIR": str(tmp_path / "file")})
    assert result.returncode == 1 and "ASYNC_SPOOL_DIR" in result.stderr and "Not a directory" in result.stderr


def test_a_disk_that_fails(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    (tmp_path / "spool").rename(tmp_path / "away")
    assert_error(d.invoke({}, headers=EVENT), 503, "ServiceException", "Message")
    d.err.wait("cannot write, events are refused")
    assert d.metrics()["lambda_async_spool_failures_total"] == 1
    (tmp_path / "away").rename(tmp_path / "spool")
    accepted(d, {"n": 1})
    d.err.wait("can be written again")
    kill(d)
    d = start(IDLE, env=spool(tmp_path))
    runtime = Runtime(d)
    event = runtime.next()
    assert event.body == b'{"n": 1}'
    runtime.respond(event, b"1")


def test_a_limit_of_the_file_size(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    accepted(d, {"n": 1})
    resource.prlimit(d.pid, resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))
    assert_error(d.invoke(b'"%s"' % (b"x" * 100000), headers=EVENT), 503, "ServiceException", "Message")
    d.err.wait("cannot write, events are refused")
    resource.prlimit(d.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    accepted(d, {"n": 2})
    kill(d)
    d = start(IDLE, env=spool(tmp_path))
    runtime = Runtime(d)
    for n in (1, 2):
        event = runtime.next()
        assert json.loads(event.body) == {"n": n}
        runtime.respond(event, b"1")
    runtime.close()


def test_damage_costs_one_event(start, tmp_path):
    d = start(IDLE, env=spool(tmp_path))
    for n in range(3):
        accepted(d, f'"event {n}"'.encode())
    kill(d)
    [journal] = (tmp_path / "spool").glob("*.journal")
    data = journal.read_bytes()
    journal.write_bytes(data.replace(b"event 1", b"event X") + b"AsYr torn")
    d = start(IDLE, env=spool(tmp_path))
    d.err.wait("damaged or unfinished records were skipped")
    runtime = Runtime(d)
    for body in (b'"event 0"', b'"event 2"'):
        event = runtime.next()
        assert event.body == body
        runtime.respond(event, b"1")
    d.wait_metric('lambda_async_ended_total{condition="Success"}', 2)


class Sender:
    """Sends events on some connections until as many are accepted; the daemon may change meanwhile."""

    def __init__(self, daemon, body, total, threads=8):
        self.daemon = daemon
        self.body = body
        self.ids = set()
        self.changed = threading.Condition()
        self.up = True
        self.total = total
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.futures = [self.pool.submit(self.work) for _ in range(threads)]

    def work(self):
        while True:
            with self.changed:
                assert self.changed.wait_for(lambda: self.up, LIMIT)
                if len(self.ids) >= self.total:
                    return
                connection = http.client.HTTPConnection(*self.daemon.invoke_address, timeout=LIMIT)
            try:
                self.send_on(connection)
            except (OSError, http.client.HTTPException):
                with self.changed:
                    self.up = self.up and self.daemon.process.poll() is None
            finally:
                connection.close()

    def send_on(self, connection):
        while True:
            connection.request("POST", URL, self.body, EVENT)
            reply = connection.getresponse()
            reply.read()
            assert reply.status == 202, reply.status
            with self.changed:
                self.ids.add(reply.headers["x-amzn-RequestId"])
                self.changed.notify_all()
                if len(self.ids) >= self.total:
                    return

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ids) >= count, LIMIT)

    def pause(self):
        with self.changed:
            self.up = False

    def go_on(self, daemon):
        with self.changed:
            self.daemon = daemon
            self.up = True
            self.changed.notify_all()

    def finish(self):
        for future in self.futures:
            future.result(LIMIT)
        self.pool.shutdown()


def test_ten_thousand_and_kill_9(start, tmp_path):
    """Killed twice in the middle, while events come in and are run: each that was accepted is run, at least once."""
    env = spool(tmp_path, PRINT_REPORTS="FALSE", MAX_CONCURRENCY="2")
    ran = tmp_path / "ran"
    body = json.dumps({"do": "note", "file": str(ran)})
    d = Daemon(env=env)
    sender = Sender(d, body, 10000)
    for count in (3000, 7000):
        sender.wait(count)
        sender.pause()
        kill(d)
        d = start(env=env) if count == 7000 else Daemon(env=env)
        sender.go_on(d)
    sender.finish()
    d.wait_metric('lambda_async_events{state="ready"}', 0)
    d.wait_metric('lambda_async_events{state="running"}', 0)
    seen = ran.read_text().split()
    assert len(sender.ids) >= 10000
    assert sender.ids <= set(seen)
    # At least once, but not without reason: of those that ran when it was killed, and what was not yet written of others.
    assert len(seen) - len(set(seen)) < 2000
