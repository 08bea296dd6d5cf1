# SPDX-License-Identifier: Apache-2.0
"""amqps: whom the daemon trusts, and how it says who it is."""
import pytest

from harness import ECHO, run


def works(serve, client, queue, uri):
    d = serve([ECHO], env={"AMQP_URI": uri})
    assert client.call(queue, b"[1]").body == b"[1]"
    body = bytes(range(256)) * 20000
    assert client.call(queue, body).body == body
    return d


def refused(uri):
    done = run([ECHO], env={"AMQP_URI": uri})
    assert done.returncode == 1
    return next(line for line in done.stderr.splitlines() if "AMQP" in line and "ERROR" in line)


def encrypted(broker):
    rows = broker.table("list_connections", "ssl", "ssl_protocol", "peer_cert_subject")
    return [row for row in rows if row[0] == "true"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_ca(serve, broker, client, queue, host):
    works(serve, client, queue, broker.tls_uri(host, cacertfile=broker.tls / "ca.pem", verify="verify_peer"))
    rows = encrypted(broker)
    assert len(rows) == 2
    assert all(row[1] in ("tlsv1.2", "tlsv1.3") and row[2] == "" for row in rows)


def test_client_certificate(serve, broker, client, queue):
    works(serve, client, queue, broker.tls_uri(cacertfile=broker.tls / "ca.pem", certfile=broker.tls / "client.pem",
                                               keyfile=broker.tls / "client.key"))
    assert [row[2] for row in encrypted(broker)] == ["CN=lambda-client"] * 2


def test_client_certificate_of_a_stranger(broker):
    """The broker refuses it: an error, not a hang."""
    refused(broker.tls_uri(cacertfile=broker.tls / "ca.pem", certfile=broker.tls / "foreign.pem", keyfile=broker.tls / "foreign.key"))


def test_wrong_ca(broker):
    assert "certificate" in refused(broker.tls_uri(cacertfile=broker.tls / "foreign-ca.pem")).lower()


def test_peer_is_verified_unless_told_otherwise(serve, broker, client, queue):
    """Without a CA of the test's own the system's count, and they do not know this one."""
    assert "certificate" in refused(broker.tls_uri()).lower()
    works(serve, client, queue, broker.tls_uri(verify="verify_none"))


def test_verified_is_the_name_too(broker):
    """127.0.0.2 is the same broker, but its certificate is not for that name."""
    uri = broker.tls_uri("localhost.localdomain", cacertfile=broker.tls / "ca.pem")
    done = run([ECHO], env={"AMQP_URI": uri})
    assert done.returncode == 1


@pytest.mark.parametrize("name,content", [("cacertfile", None), ("certfile", None), ("cacertfile", "no pem"), ("certfile", "no pem"),
                                          ("keyfile", "no pem")])
def test_files_that_cannot_be_used(broker, tmp_path, name, content):
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_text(content)
    files = {"cacertfile": broker.tls / "ca.pem", "certfile": broker.tls / "client.pem", "keyfile": broker.tls / "client.key"}
    files[name] = path
    done = run([ECHO], env={"AMQP_URI": broker.tls_uri(**files)})
    assert done.returncode in (1, 2)
    assert any("AMQP" in line and str(path) in line for line in done.stderr.splitlines()), done.stderr


def test_plain_connection_to_a_tls_port(broker):
    refused(broker.uri(port=broker.tls_port))


def test_tls_connection_to_a_plain_port(broker):
    refused(broker.uri(host="localhost", scheme="amqps", verify="verify_none"))


def test_restart_of_the_connections(serve, broker, client, queue):
    d = works(serve, client, queue, broker.tls_uri(cacertfile=broker.tls / "ca.pem"))
    plain = [name for name, kind in broker.table("list_connections", "pid", "ssl") if kind == "true"]
    for pid in plain:
        broker.close_connection(pid)
    d.err.wait("AMQP consuming", 2)
    client.wait_depth(queue, lambda depth: depth is not None and depth[1] == 1)
    assert client.call(queue, b"[2]").body == b"[2]"
