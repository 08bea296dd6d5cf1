# SPDX-License-Identifier: Apache-2.0
"""A caller over AMQP: requests with any properties, replies on a queue of its own."""
import struct
import time
import uuid
from collections import namedtuple

import pika

LIMIT = 60  # seconds until a wait counts as a hang

Message = namedtuple("Message", "properties body")

#: In wire order, with the bit of each in the flags word.
PROPERTIES = ("content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to",
              "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id")


def present(properties):
    """The properties that are there, as a dictionary."""
    return {name: getattr(properties, name) for name in PROPERTIES if getattr(properties, name) is not None}


def short(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">B", len(data)) + data


class RawHeaders(pika.BasicProperties):
    """Headers as bytes of the caller's choice: pika knows only some of the field types."""

    def __init__(self, table, correlation_id, reply_to):
        super().__init__(correlation_id=correlation_id, reply_to=reply_to)
        self.table = table

    def encode(self):
        flags = 1 << 13
        pieces = [struct.pack(">I", len(self.table)), self.table]
        for bit, value in ((10, self.correlation_id), (9, self.reply_to)):
            if value is not None:
                flags |= 1 << bit
                pieces.append(short(value))
        return [struct.pack(">H", flags), *pieces]


class Client:
    """Not for threads: the connection is served while one of the methods waits."""

    def __init__(self, uri):
        parameters = pika.URLParameters(uri)
        parameters.heartbeat = 0
        self.connection = pika.BlockingConnection(parameters)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        # Without confirms, for many messages at a time.
        self.bulk = self.connection.channel()
        self.bulk.basic_qos(prefetch_count=1000)
        self.queue = self.bulk.queue_declare("", exclusive=True).method.queue
        self.arrived = []
        self.bulk.basic_consume(self.queue, self._take, auto_ack=True)

    def _take(self, _channel, _method, properties, body):
        self.arrived.append(Message(properties, body))

    def close(self):
        if self.connection.is_open:
            self.connection.close()

    # --- requests ---

    def publish(self, queue, body, properties, mandatory=True):
        """Until the broker has it; pika.exceptions.UnroutableError if there is no such queue."""
        self.channel.basic_publish("", queue, body, properties, mandatory=mandatory)

    def send(self, queue, body=b"{}", **properties):
        """A request; returns its correlation id. Properties override the usual ones, None removes them."""
        values = {"correlation_id": str(uuid.uuid4()), "reply_to": self.queue, "content_type": "application/json"}
        values.update(properties)
        self.publish(queue, body, pika.BasicProperties(**{k: v for k, v in values.items() if v is not None}))
        return values["correlation_id"]

    def send_many(self, queue, bodies, **properties):
        """Without waiting for the broker; the correlation id is the place in the list."""
        for n, body in enumerate(bodies):
            self.bulk.basic_publish("", queue, body, pika.BasicProperties(correlation_id=str(n), reply_to=self.queue, **properties))

    # --- replies ---

    def wait(self, condition, limit=LIMIT):
        end = time.monotonic() + limit
        while not condition():
            left = end - time.monotonic()
            assert left > 0, f"not after {limit} s; arrived: {len(self.arrived)} messages"
            self.connection.process_data_events(time_limit=left if left < 1 else 1)

    def take(self, count=1, limit=LIMIT):
        """The next `count` replies in the order of their arrival."""
        self.wait(lambda: len(self.arrived) >= count, limit)
        taken, self.arrived = self.arrived[:count], self.arrived[count:]
        return taken

    def reply(self, correlation_id, limit=LIMIT):
        def hits():
            return [m for m in self.arrived if m.properties.correlation_id == correlation_id]

        self.wait(hits, limit)
        found = hits()[0]
        self.arrived.remove(found)
        return found

    def call(self, queue, body=b"{}", **properties):
        return self.reply(self.send(queue, body, **properties))

    def nothing_more(self):
        """Everything that the broker had for us by now has been seen, and it was nothing."""
        self.depth(self.queue)
        self.connection.process_data_events(time_limit=0)
        assert self.arrived == []

    # --- queues ---

    def declare(self, queue, **options):
        self.channel.queue_declare(queue, **options)

    def delete(self, queue):
        self.channel.queue_delete(queue)

    def depth(self, queue):
        """(messages ready, consumers), or None if there is no such queue."""
        probe = self.connection.channel()
        try:
            answer = probe.queue_declare(queue, passive=True).method
        except pika.exceptions.ChannelClosedByBroker as problem:
            assert problem.reply_code == 404, problem
            return None
        probe.close()
        return answer.message_count, answer.consumer_count

    def wait_depth(self, queue, predicate):
        """Each look is a round trip to the broker."""
        end = time.monotonic() + LIMIT
        while not predicate(self.depth(queue)):
            assert time.monotonic() < end, f"{queue}: {self.depth(queue)}"

    def get(self, queue):
        method, properties, body = self.channel.basic_get(queue, auto_ack=True)
        return Message(properties, body) if method else None
