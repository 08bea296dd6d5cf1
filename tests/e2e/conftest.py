# SPDX-License-Identifier: Apache-2.0
import signal
import subprocess
import uuid

import pytest

from harness import Daemon, Gate, Runtime
from queues import Fauxqs, Gateway, Moto, Queues


def pytest_configure(config):
    config.addinivalue_line("markers", "long: begins before the others, which can run beside it")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def check_end(daemon):
    """Stops it the orderly way and looks at what it left."""
    was_running = daemon.process.poll() is None
    code = daemon.stop()
    err = daemon.err.all()
    assert not any("Sanitizer" in line or "runtime error:" in line for line in err), "\n".join(err)
    if was_running:
        assert code == 0, "\n".join(err)


@pytest.fixture
def start(request):
    """start(command, flags=, env=) -> Daemon. At the end each must stop orderly, with status 0."""
    started = []

    def factory(*args, **kwargs):
        daemon = Daemon(*args, **kwargs)
        started.append(daemon)
        assert daemon.ready, "the daemon did not start:\n" + "\n".join(daemon.err.all())
        return daemon

    yield factory
    problems = []
    for daemon in started:
        try:
            check_end(daemon)
        except AssertionError as problem:
            problems.append(problem)
        finally:
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGKILL)
            print("--- stderr of the daemon ---", *daemon.err.lines[-40:], sep="\n")
    if problems:
        raise problems[0]


@pytest.fixture
def daemon(start):
    """One with the scripted runtime and the defaults."""
    return start()


@pytest.fixture
def played(start):
    """A daemon whose runtime the test plays, with an event handed over: (daemon, runtime, future, event)."""
    from harness import IDLE

    d = start(IDLE)
    future = d.later(b'{"an":"event"}')
    runtime = Runtime(d)
    event = runtime.next()
    yield d, runtime, future, event
    runtime.close()


@pytest.fixture(scope="session")
def moto():
    server = Moto()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def fauxqs():
    server = Fauxqs()
    yield server
    server.stop()


@pytest.fixture
def queues(moto):
    """A request and a response queue on moto, which verifies signatures."""
    pair = Queues(moto)
    yield pair
    pair.delete()


@pytest.fixture
def gateway(moto):
    """Between the daemon and moto: sees every call, and cuts the line."""
    g = Gateway(moto)
    yield g
    g.stop()


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, its key, and one that nobody knows."""
    home = tmp_path_factory.mktemp("pki")
    for name in ("server", "stranger"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", home / f"{name}.key", "-out", home / f"{name}.pem", "-days", "2", "-subj", "/CN=broker",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return home


# --- AMQP ---

@pytest.fixture(scope="session")
def broker():
    """RabbitMQ for all tests that leave it running and in order."""
    from rabbitmq import Broker

    with Broker(tls=True) as running:
        yield running


@pytest.fixture
def queue():
    """A name that no other test uses: of the function, and so of its queue."""
    return f"f-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(broker):
    from amqp_client import Client

    caller = Client(broker.uri())
    yield caller
    caller.close()


@pytest.fixture
def serve(start, broker, queue):
    """serve(command, env=) -> a Daemon that consumes the test's queue."""

    def factory(command=None, env=None, at=None, ready=True, **kwargs):
        settings = {"AMQP_URI": (at or broker).uri(), "AWS_LAMBDA_FUNCTION_NAME": queue}
        settings.update(env or {})
        d = start(command, env=settings, **kwargs)
        if ready:
            d.err.wait(f"AMQP consuming queue={settings['AWS_LAMBDA_FUNCTION_NAME']}")
        return d

    return factory
