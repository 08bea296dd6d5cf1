# SPDX-License-Identifier: Apache-2.0
"""The conformance protocol for the Python runtime interface client."""

import logging
import os
import sys
import time
import urllib.request


def describe(context):
    client = context.client_context
    return {
        "request_id": context.aws_request_id,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit": int(context.memory_limit_in_mb),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "client_context": client and {"custom": client.custom, "env": client.env},
        "trace_id": os.environ.get("_X_AMZN_TRACE_ID"),
    }


def write_log(event):
    print(event["text"])
    print(event["text"], file=sys.stderr)
    logging.getLogger().warning("logger %s", event["text"])


def handler(event, context):
    match event["do"]:
        case "echo":
            return event["value"]
        case "raise":
            raise ValueError(event["message"])
        case "sleep":
            time.sleep(event["seconds"])
            return "slept"
        case "fetch":
            with urllib.request.urlopen(event["url"]) as reply:
                return reply.read().decode()
        case "context":
            return describe(context)
        case "exit":
            os._exit(event["code"])
        case "log":
            return write_log(event)
        case "env":
            return {name: os.environ.get(name) for name in event["names"]}
    raise ValueError(f"cannot do {event['do']}")
