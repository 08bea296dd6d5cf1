# SPDX-License-Identifier: Apache-2.0
"""The read-only calls: what SDKs' waiters ask before and after."""
import json
import re

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:mine"
ENV = {"AWS_LAMBDA_FUNCTION_NAME": "mine", "AWS_REGION": "eu-central-1", "AWS_ACCOUNT_ID": "123456789012",
       "AWS_LAMBDA_FUNCTION_TIMEOUT": "2.5", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "_HANDLER": "app.handler",
       "MAX_CONCURRENCY": "2", "SECRET": "do not tell"}


@pytest.fixture
def client(start):
    daemon = start(env=ENV)
    return boto3.client("lambda", endpoint_url="http://%s:%d" % daemon.invoke_address, region_name="eu-central-1",
                        aws_access_key_id="x", aws_secret_access_key="x", config=Config(retries={"max_attempts": 0}))


@pytest.mark.parametrize("name", ["function_exists", "function_active", "function_active_v2", "function_updated",
                                  "function_updated_v2", "published_version_active"])
def test_waiters(client, name):
    client.get_waiter(name).wait(FunctionName="mine", WaiterConfig={"Delay": 0, "MaxAttempts": 1})


def test_waiter_for_another_function(client):
    with pytest.raises(WaiterError):
        client.get_waiter("function_exists").wait(FunctionName="other", WaiterConfig={"Delay": 0, "MaxAttempts": 1})


def test_configuration(client):
    c = client.get_function_configuration(FunctionName="mine")
    assert (c["FunctionName"], c["FunctionArn"], c["Version"]) == ("mine", ARN, "$LATEST")
    assert (c["State"], c["LastUpdateStatus"]) == ("Active", "Successful")
    assert (c["Timeout"], c["MemorySize"], c["Handler"]) == (3, 512, "app.handler")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", c["LastModified"])
    assert c["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/mine"}
    assert c["Architectures"][0] in ("x86_64", "arm64")
    assert "do not tell" not in json.dumps(c, default=str)
    assert client.get_function_configuration(FunctionName="mine")["RevisionId"] == c["RevisionId"]


def test_function(client):
    f = client.get_function(FunctionName=ARN, Qualifier="PROD")
    assert f["Configuration"]["FunctionArn"] == ARN + ":PROD"
    assert f["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    assert f["Tags"] == {}
    with pytest.raises(ClientError) as error:
        client.get_function(FunctionName="other")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_list(client):
    assert [f["FunctionName"] for f in client.list_functions()["Functions"]] == ["mine"]
    pages = client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
    assert sum(len(page["Functions"]) for page in pages) == 1


def test_paths(start):
    daemon = start()
    for path in ("/2015-03-31/functions", "/2015-03-31/functions/?MaxItems=1"):
        assert len(json.loads(daemon.request("GET", path).body)["Functions"]) == 1
    assert daemon.request("GET", "/2015-03-31/functions/anything").status == 200
    reply = daemon.request("GET", "/2015-03-31/functions/a%20b/configuration")
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "InvalidParameterValueException")
    reply = daemon.request("DELETE", "/2015-03-31/functions/function")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")
