#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips through the SQS bridge beside the bare calls that one cannot do without: send, receive, delete. Both ends use
plain HTTP calls of fauxqs, which does not look at signatures, so that the client costs little."""
import argparse
import concurrent.futures
import http.client
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))


class Calls:
    """Calls of SQS over one connection for each thread."""

    def __init__(self, port):
        self.port = port
        self.local = threading.local()

    def __call__(self, action, **arguments):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", json.dumps(arguments), {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=x"})
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200, body
        return json.loads(body) if body else {}


def there_and_back(calls, to, back, body):
    started = time.perf_counter()
    calls("SendMessage", QueueUrl=to, MessageBody=body)
    while True:
        got = calls("ReceiveMessage", QueueUrl=back, MaxNumberOfMessages=1, WaitTimeSeconds=5).get("Messages")
        if got:
            break
    calls("DeleteMessage", QueueUrl=back, ReceiptHandle=got[0]["ReceiptHandle"])
    return (time.perf_counter() - started) * 1e6


def measure(calls, to, back, body, count, callers):
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        times = list(pool.map(lambda _: there_and_back(calls, to, back, body), range(count)))
    return {"per_second": round(count / (time.perf_counter() - started), 1), "p50_us": round(statistics.median(times))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--echo", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    os.environ["DAEMON"] = str(Path(args.daemon).resolve())
    from harness import Daemon
    from queues import Fauxqs, Queues, envelope

    server = Fauxqs()
    count = 200 if args.quick else 2000
    rows = []
    try:
        queues = Queues(server)
        calls = Calls(server.port)
        body = envelope({"key": "value"})
        for callers in (1, 8):
            daemon = Daemon([str(Path(args.echo).resolve())], env=queues.env(MAX_CONCURRENCY=str(callers), PRINT_REPORTS="FALSE"))
            measure(calls, queues.requests, queues.responses, body, count // 10, callers)
            row = {"callers": callers, "bridge": measure(calls, queues.requests, queues.responses, body, count, callers)}
            daemon.stop()
            row["bare"] = measure(calls, queues.responses, queues.responses, body, count, callers)
            row["ratio"] = round(row["bare"]["per_second"] / row["bridge"]["per_second"], 2)
            rows.append(row)
    finally:
        server.stop()
    Path(args.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="ascii")
    print(f"{'callers':>8} {'bridge/s':>9} {'p50 us':>8} {'bare/s':>9} {'p50 us':>8} {'ratio':>6}")
    for row in rows:
        print(f"{row['callers']:>8} {row['bridge']['per_second']:>9} {row['bridge']['p50_us']:>8} "
              f"{row['bare']['per_second']:>9} {row['bare']['p50_us']:>8} {row['ratio']:>6}")


main()
