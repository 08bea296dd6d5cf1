#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Invokes a function over AMQP, with amqplib.
//
// The queue of a function has the function's name. A request names a queue for the reply and a correlation id; the
// reply carries the same id. Without a queue for the reply the request is fire-and-forget.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import amqp from 'amqplib';

const LOCAL = 'amqp://guest:guest@localhost:5672';
const USAGE = `usage: invoke.mjs [OPTIONS]
  --uri URI          broker (AMQP_URI, else ${LOCAL})
  --function NAME    name of the function (echo-lambda)
  --payload EVENT    the event, or @FILE ({"key": "value"})
  --count N          how many requests (1)
  --in-flight N      how many at once (1)
  --timeout SECONDS  for each (30)
  --no-reply         fire and forget: done when the broker has it
  --persistent       requests survive a restart of the broker
  --durable          declare the function's queue, durable; --persistent too
  --queue-type TYPE  with --durable: classic or quorum (classic)
  --ignore-errors    function errors do not change the exit status
  --quiet            do not print the answers`;

const say = (text) => process.stderr.write(`${text}\n`);

/** Sends requests, at most so many at once, until each is answered (or, without replies, confirmed) or given up. */
class Client {
  constructor(options) {
    this.options = options;
    this.pending = new Map(); // correlation id -> when it was sent; the oldest first
    this.sent = this.done = this.errors = this.lost = 0;
  }

  async run() {
    const ended = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    ended.catch(() => {}); // it may be rejected before it is awaited
    ended.finally(() => { this.over = true; }).catch(() => {});
    let connection;
    let ticking;
    try {
      connection = await amqp.connect(this.options.uri);
      connection.on('error', (why) => this.reject(why));
      connection.on('close', () => this.reject(new Error('connection lost')));
      await this.prepare(connection);
      this.began = performance.now();
      ticking = setInterval(() => this.tick(), 250);
      this.sendMore();
      await ended;
    } catch (why) {
      say(why.message || why.code || String(why)); // a refused connection is an AggregateError without a message
    }
    const seconds = (performance.now() - (this.began ?? performance.now())) / 1000;
    clearInterval(ticking);
    await connection?.close().catch(() => {}); // it may be gone already
    return this.report(seconds);
  }

  async prepare(connection) {
    const { function: name, durable, queueType, noReply } = this.options;
    this.channel = await connection.createConfirmChannel();
    this.channel.on('error', (why) => this.reject(why));
    this.channel.on('return', (message) => this.onReturn(message));
    if (durable) {
      // Then the queue is there, and keeps the requests, even if no daemon has run yet.
      const args = queueType === 'quorum' ? { 'x-queue-type': 'quorum' } : {};
      await this.channel.assertQueue(name, { durable: true, arguments: args });
    }
    if (!noReply) {
      // The broker gives it a name; it is ours alone and goes when we go.
      const { queue } = await this.channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false });
      await this.channel.consume(queue, (message) => this.onReply(message), { noAck: true });
      this.replyTo = queue;
    }
  }

  sendMore() {
    const { function: name, payload, count, inFlight, timeout, persistent, noReply } = this.options;
    while (!this.over && this.sent < count && this.pending.size < inFlight) {
      const correlationId = randomUUID();
      this.sent++;
      this.pending.set(correlationId, performance.now());
      this.channel.publish('', name, payload, {
        contentType: 'application/json',
        correlationId,
        replyTo: this.replyTo,
        persistent,
        mandatory: true,
        // Nobody waits for the answer any more: then the request need not be worked on either.
        expiration: noReply ? undefined : Math.ceil(timeout * 1000),
      }, (refused) => this.onConfirm(correlationId, refused));
    }
    if (this.done + this.lost === count) {
      this.resolve();
    }
  }

  /** A mandatory message that no queue takes comes back; then it is confirmed all the same. */
  onReturn(message) {
    const name = this.options.function;
    this.lost += this.pending.delete(message.properties.correlationId);
    this.reject(new Error(`unknown function: there is no queue "${name}". Is a daemon running with ` +
      `AWS_LAMBDA_FUNCTION_NAME=${name} and the AMQP_URI of this broker?`));
  }

  /** The broker has taken the message, or refused it. */
  onConfirm(correlationId, refused) {
    if ((refused || this.options.noReply) && this.pending.delete(correlationId)) {
      refused ? this.lost++ : this.done++;
    }
    this.sendMore();
  }

  onReply(message) {
    if (message === null) {
      this.reject(new Error('the broker has deleted the queue for the replies'));
      return;
    }
    const { correlationId, headers } = message.properties;
    if (!this.pending.delete(correlationId)) {
      return; // given up before
    }
    this.done++;
    const error = headers?.['X-Amz-Function-Error'] ?? headers?.['x-amzn-ErrorType'];
    if (error) {
      this.errors++;
      say(`${error}: ${message.content}`);
    } else if (!this.options.quiet) {
      process.stdout.write(`${message.content}\n`);
    }
    this.sendMore();
  }

  /** Four times a second: gives up what is too old. Once a second: says how far we are. */
  tick() {
    const now = performance.now();
    for (const [correlationId, sentAt] of this.pending) {
      if (now - sentAt <= this.options.timeout * 1000) {
        break;
      }
      this.pending.delete(correlationId);
      this.lost++;
    }
    this.ticks = (this.ticks ?? 0) + 1;
    if (this.ticks % 4 === 0) {
      say(`${this.done} of ${this.options.count}, ${this.pending.size} in flight`);
    }
    this.sendMore();
  }

  report(seconds) {
    const { count, noReply, ignoreErrors } = this.options;
    if (this.began !== undefined) {
      say(`${this.done} ${noReply ? 'sent' : 'answered'}, ${this.errors} of them errors, ${count - this.done} lost, ` +
        `${seconds.toFixed(2)} s, ${(this.done / seconds).toFixed(0)}/s`);
    }
    return this.done === count && (this.errors === 0 || ignoreErrors) ? 0 : 1;
  }
}

function number(values, name, least, check) {
  const value = Number(values[name]);
  if (!check(value) || value < least) {
    throw new Error(`--${name} ${values[name]}: want ${least} or more`);
  }
  return value;
}

function parseOptions() {
  const text = (value) => ({ type: 'string', default: value });
  const flag = { type: 'boolean', default: false };
  const { values } = parseArgs({
    options: {
      uri: text(process.env.AMQP_URI || LOCAL), function: text('echo-lambda'), payload: text('{"key": "value"}'),
      count: text('1'), 'in-flight': text('1'), timeout: text('30'), 'queue-type': text('classic'), 'no-reply': flag,
      persistent: flag, durable: flag, 'ignore-errors': flag, quiet: flag, help: flag,
    },
  });
  if (!['classic', 'quorum'].includes(values['queue-type'])) {
    throw new Error(`--queue-type ${values['queue-type']}: want classic or quorum`);
  }
  if (!/^amqps?:\/\/./.test(values.uri)) {
    throw new Error('--uri (or AMQP_URI): want amqp://HOST or amqps://HOST'); // not the URI itself: it may hold a password
  }
  return {
    ...values,
    payload: values.payload.startsWith('@') ? readFileSync(values.payload.slice(1)) : Buffer.from(values.payload),
    count: number(values, 'count', 1, Number.isInteger),
    inFlight: number(values, 'in-flight', 1, Number.isInteger),
    timeout: number(values, 'timeout', 0.001, Number.isFinite),
    persistent: values.persistent || values.durable,
    queueType: values['queue-type'],
    noReply: values['no-reply'],
    ignoreErrors: values['ignore-errors'],
  };
}

let options;
try {
  options = parseOptions();
} catch (why) {
  say(`${why.message}\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  console.log(USAGE);
} else {
  process.exitCode = await new Client(options).run();
}
