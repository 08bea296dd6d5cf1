#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Invokes a function over AMQP, with pika.

The queue of a function has the function's name. A request names a queue for the reply and a correlation id; the reply
carries the same id. Without a queue for the reply the request is fire-and-forget.
"""
import argparse
import os
import sys
import time
import uuid

import pika

LOCAL = "amqp://guest:guest@localhost:5672"


class Client:
    """Sends requests, at most so many at once, until each is answered (or, without replies, confirmed) or given up."""

    def __init__(self, options):
        self.options = options
        self.pending = {}  # correlation id -> when it was sent; the oldest first
        self.unconfirmed = {}  # number of the publish -> correlation id
        self.sent = self.done = self.errors = self.lost = 0
        self.problem = None  # what ended the run early
        self.started = None
        self.reply_to = None
        self.connection = pika.SelectConnection(
            options.broker,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.on_channel),
            on_open_error_callback=lambda _, why: self.fail(f"cannot connect to the broker: {why!r}"),
            on_close_callback=lambda _, why: self.fail(f"connection lost: {why}"),
        )

    def run(self):
        try:
            self.connection.ioloop.start()
        except KeyboardInterrupt:
            self.problem = "interrupted"
        return self.report()

    # --- setting up, each step when the one before is done ---

    def on_channel(self, channel):
        self.channel = channel
        channel.add_on_close_callback(lambda _, why: self.fail(f"channel closed by the broker: {why}"))
        channel.add_on_return_callback(self.on_return)
        channel.confirm_delivery(self.on_confirm, callback=lambda _: self.declare_function())

    def declare_function(self):
        """With --durable the queue is there, and keeps the requests, even if no daemon has run yet."""
        if not self.options.durable:
            self.declare_reply_queue()
            return
        quorum = self.options.queue_type == "quorum"
        self.channel.queue_declare(self.options.function, durable=True,
                                   arguments={"x-queue-type": "quorum"} if quorum else None,
                                   callback=lambda _: self.declare_reply_queue())

    def declare_reply_queue(self):
        if self.options.no_reply:
            self.begin()
            return
        # The broker gives it a name; it is ours alone and goes when we go.
        self.channel.queue_declare("", exclusive=True, auto_delete=True, callback=self.on_reply_queue)

    def on_reply_queue(self, frame):
        self.reply_to = frame.method.queue
        self.channel.basic_consume(self.reply_to, self.on_reply, auto_ack=True, callback=lambda _: self.begin())

    def begin(self):
        self.started = time.monotonic()
        self.tick()
        self.send_more()

    # --- requests and what becomes of them ---

    def send_more(self):
        options = self.options
        while self.problem is None and self.sent < options.count and len(self.pending) < options.in_flight:
            correlation_id = str(uuid.uuid4())
            self.sent += 1
            self.pending[correlation_id] = time.monotonic()
            self.unconfirmed[self.sent] = correlation_id
            self.channel.basic_publish("", options.function, options.payload, pika.BasicProperties(
                content_type="application/json",
                correlation_id=correlation_id,
                reply_to=self.reply_to,
                delivery_mode=2 if options.persistent else 1,
                # Nobody waits for the answer any more: then the request need not be worked on either.
                expiration=None if options.no_reply else str(int(options.timeout * 1000)),
            ), mandatory=True)
        if self.done + self.lost == options.count:
            self.finish()

    def on_confirm(self, frame):
        """The broker has taken (Ack) or refused (Nack) a publish, or with `multiple` all up to it."""
        method = frame.method
        numbers = [n for n in self.unconfirmed if n <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for number in numbers:
            correlation_id = self.unconfirmed.pop(number)
            refused = isinstance(method, pika.spec.Basic.Nack)
            if (refused or self.options.no_reply) and self.pending.pop(correlation_id, None):
                self.done += not refused
                self.lost += refused
        self.send_more()

    def on_return(self, _channel, _method, properties, _body):
        """A mandatory message that no queue takes comes back; then it is confirmed all the same."""
        if self.pending.pop(properties.correlation_id, None):
            self.lost += 1
        self.fail(f"unknown function: there is no queue \"{self.options.function}\". Is a daemon running with "
                  f"AWS_LAMBDA_FUNCTION_NAME={self.options.function} and the AMQP_URI of this broker?")

    def on_reply(self, _channel, _method, properties, body):
        if self.pending.pop(properties.correlation_id, None) is None:
            return  # given up before
        self.done += 1
        headers = properties.headers or {}
        error = headers.get("X-Amz-Function-Error") or headers.get("x-amzn-ErrorType")
        if error:
            self.errors += 1
            say(f"{error}: {body.decode(errors='replace')}")
        elif not self.options.quiet:
            print(body.decode(errors="replace"))
        self.send_more()

    def tick(self):
        """Four times a second: gives up what is too old. Once a second: says how far we are."""
        now = time.monotonic()
        while self.pending and now - next(iter(self.pending.values())) > self.options.timeout:
            del self.pending[next(iter(self.pending))]
            self.lost += 1
        if int(now - self.started) > int(now - 0.25 - self.started):
            say(f"{self.done} of {self.options.count}, {len(self.pending)} in flight")
        self.send_more()
        if self.problem is None:
            self.connection.ioloop.call_later(0.25, self.tick)

    # --- the end ---

    def finish(self):
        self.problem = self.problem or ""
        if self.connection.is_open:
            self.connection.close()
        elif self.connection.is_closed:
            self.connection.ioloop.stop()

    def fail(self, why):
        """Also called when the connection is closed after finish(): then it only ends the loop."""
        if self.problem is None:
            self.problem = why
        self.finish()

    def report(self):
        if self.problem:
            say(self.problem)
        if self.started is not None:
            seconds = max(time.monotonic() - self.started, 1e-6)
            what = "sent" if self.options.no_reply else "answered"
            say(f"{self.done} {what}, {self.errors} of them errors, {self.options.count - self.done} lost, "
                f"{seconds:.2f} s, {self.done / seconds:.0f}/s")
        good = self.done == self.options.count and (self.errors == 0 or self.options.ignore_errors)
        return 0 if good else 1


def say(text):
    print(text, file=sys.stderr)


def at_least(kind, least):
    def parse(text):
        value = kind(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text}: want at least {least}")
        return value
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--uri", default=os.environ.get("AMQP_URI") or LOCAL, help=f"broker (AMQP_URI, else {LOCAL})")
    parser.add_argument("--function", default="echo-lambda", help="name of the function (%(default)s)")
    parser.add_argument("--payload", default='{"key": "value"}', help="the event, or @FILE (%(default)s)")
    parser.add_argument("--count", type=at_least(int, 1), default=1, help="how many requests (%(default)s)")
    parser.add_argument("--in-flight", type=at_least(int, 1), default=1, help="how many at once (%(default)s)")
    parser.add_argument("--timeout", type=at_least(float, 0.001), default=30, help="seconds for each (%(default)s)")
    parser.add_argument("--no-reply", action="store_true", help="fire and forget: done when the broker has it")
    parser.add_argument("--persistent", action="store_true", help="requests survive a restart of the broker")
    parser.add_argument("--durable", action="store_true", help="declare the function's queue, durable; --persistent too")
    parser.add_argument("--queue-type", choices=["classic", "quorum"], default="classic", help="with --durable")
    parser.add_argument("--ignore-errors", action="store_true", help="function errors do not change the exit status")
    parser.add_argument("--quiet", action="store_true", help="do not print the answers")
    options = parser.parse_args()
    options.persistent |= options.durable
    try:
        if not options.uri.startswith(("amqp://", "amqps://")):
            raise ValueError("want amqp://HOST or amqps://HOST")
        options.broker = pika.URLParameters(options.uri)
    except ValueError as problem:
        # Not the URI itself: it may hold a password.
        parser.error(f"--uri (or AMQP_URI): {problem}")
    try:
        if options.payload.startswith("@"):
            with open(options.payload[1:], "rb") as file:
                options.payload = file.read()
        else:
            options.payload = options.payload.encode()
    except OSError as problem:
        parser.error(f"--payload: {problem}")
    return options


if __name__ == "__main__":
    sys.exit(Client(parse_arguments()).run())
