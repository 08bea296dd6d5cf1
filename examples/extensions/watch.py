#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An external extension in Python: tells each event, and at the end how many there were. Standard library only."""
import http.client
import json
import os
import sys

NAME = os.path.basename(sys.argv[0])
API = "/2020-01-01/extension"


def call(connection, method, path, body=None, headers=None):
    connection.request(method, f"{API}/{path}", body, headers or {})
    reply = connection.getresponse()
    text = reply.read().decode()
    if reply.status >= 300:
        sys.exit(f"{NAME}: {path}: {reply.status} {text}")
    return reply, json.loads(text)


def main():
    # No timeout: an event may take a day to come.
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    # The name must be that of this file in /opt/extensions.
    reply, function = call(connection, "POST", "register", json.dumps({"events": ["INVOKE", "SHUTDOWN"]}),
                           {"Lambda-Extension-Name": NAME})
    identity = {"Lambda-Extension-Identifier": reply.headers["Lambda-Extension-Identifier"]}
    count = 0
    while True:
        _, event = call(connection, "GET", "event/next", headers=identity)
        if event["eventType"] == "SHUTDOWN":
            print(f"{NAME}: {function['functionName']} had {count} events, end: {event['shutdownReason']}", flush=True)
            return
        count += 1
        print(f"{NAME}: {event['requestId']}", flush=True)


main()
