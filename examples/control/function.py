# SPDX-License-Identifier: Apache-2.0
"""A function without a framework, for test_watch.py: answers with its event, or never when that has "hang"."""
import http.client
import json
import os
import signal

API = "/2018-06-01/runtime/invocation"


def main():
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", f"{API}/next")
        reply = connection.getresponse()
        event = json.loads(reply.read())
        if isinstance(event, dict) and event.get("hang"):
            signal.pause()
        request_id = reply.headers["Lambda-Runtime-Aws-Request-Id"]
        connection.request("POST", f"{API}/{request_id}/response", json.dumps(event))
        connection.getresponse().read()


main()
