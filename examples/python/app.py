# SPDX-License-Identifier: Apache-2.0
"""An ordinary Lambda function: nothing here knows where it runs."""


def handler(event, context):
    if not isinstance(event.get("name"), str):
        raise ValueError("the event has no name")
    print(f"greeting {event['name']}")
    return {
        "message": f"Hello {event['name']}",
        "requestId": context.aws_request_id,
        "function": context.function_name,
    }
