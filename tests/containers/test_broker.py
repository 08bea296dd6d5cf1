# SPDX-License-Identifier: Apache-2.0
"""AMQP out of any image: a broker by its DNS name, TLS with a private CA."""
import pytest

from broker import Broker
from images import image
from test_images import stop


@pytest.fixture(scope="session")
def broker(engine, tls, tmp_path_factory):
    broker = Broker(engine, tmp_path_factory.mktemp("broker"), tls)
    yield broker
    broker.stop()


@pytest.mark.parametrize("uri", ["amqp://broker.test", "amqps://broker.test?cacertfile=/shared/ca.pem"], ids=["plain", "tls"])
def test_takes_work_from_a_broker_by_name(engine, image_name, broker, run, tls, tmp_path, uri):
    (tmp_path / "ca.pem").write_bytes(tls.ca.read_bytes())
    container = run(image_name, flags=["--network", broker.network, "-e", f"AMQP_URI={uri}", "-e", "AMQP_USERNAME=guest", "-e",
                                       "AMQP_PASSWORD=guest", "-e", f"AWS_LAMBDA_FUNCTION_NAME=on-{image_name}"])
    container.said.wait("AMQP consuming")
    assert broker.call(f"on-{image_name}", b"versions").endswith(b"tls ok")
    assert stop(engine, container) == 0


def test_a_broker_of_another_ca_is_refused(broker, run, engine, tls, tmp_path):
    (tmp_path / "other.pem").write_bytes((tls.directory / "server.pem").read_bytes())
    engine.import_root("empty", image("empty"))
    container = run("empty", flags=["--network", broker.network, "-e", "AMQP_USERNAME=guest", "-e", "AMQP_PASSWORD=guest", "-e",
                                    "AMQP_URI=amqps://broker.test?connection_attempts=1&cacertfile=/shared/other.pem"])
    said = container.said.all()
    assert container.inspect()["State"]["ExitCode"] == 1
    assert any("AMQP" in line and "the certificate of the broker is not for this name" in line for line in said), said
