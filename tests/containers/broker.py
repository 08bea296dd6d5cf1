# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ in a container, on a network where Docker's name server knows it as broker.test."""
import shutil

import pika

from engine import Container
from harness import LIMIT
from images import image

CONFIG = """
listeners.tcp.1 = 0.0.0.0:5672
listeners.ssl.1 = 0.0.0.0:5671
ssl_options.cacertfile = /shared/ca.pem
ssl_options.certfile = /shared/server.pem
ssl_options.keyfile = /shared/server.key
ssl_options.verify = verify_none
loopback_users = none
log.console = true
log.file = false
"""


class Broker:
    def __init__(self, engine, directory, tls):
        self.engine = engine
        engine.import_root("rabbitmq", image("rabbitmq"))
        self.network = engine("network", "create", "amqp")
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(tls.directory / name, directory)
        (directory / "rabbitmq.conf").write_text(CONFIG, encoding="ascii")
        (directory / "server.key").chmod(0o644)
        directory.chmod(0o755)
        self.container = Container(engine, "--network", "amqp", "--network-alias", "broker.test", "--hostname", "broker", "-p",
                                   "127.0.0.1:0:5672", "-v", f"{directory}:/shared:ro", "-e",
                                   "RABBITMQ_CONFIG_FILE=/shared/rabbitmq", "rabbitmq", "rabbitmq-server")
        self.container.said.wait("Server startup complete")

    def call(self, queue, body):
        """An invocation by AMQP-RPC, from this machine."""
        address = pika.ConnectionParameters("127.0.0.1", self.container.port(5672), blocked_connection_timeout=LIMIT)
        with pika.BlockingConnection(address) as connection:
            channel = connection.channel()
            reply_to = channel.queue_declare("", exclusive=True).method.queue
            channel.confirm_delivery()
            channel.basic_publish("", queue, body, pika.BasicProperties(reply_to=reply_to, correlation_id="1"), mandatory=True)
            for _, properties, reply in channel.consume(reply_to, auto_ack=True, inactivity_timeout=LIMIT):
                assert properties and properties.correlation_id == "1"
                return reply

    def stop(self):
        self.container.remove()
        self.engine("network", "rm", "amqp")
