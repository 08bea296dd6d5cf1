# SPDX-License-Identifier: Apache-2.0
"""The Invoke API: what a caller sends and gets."""
import base64
import http.client
import json
import re
import socket

import pytest

from harness import IDLE, LIMIT, Runtime

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
ARN = "arn:aws:lambda:us-east-1:012345678912:function:"


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()


def assert_error(reply, status, kind, member="message"):
    assert reply.status == status
    assert reply.headers["x-amzn-ErrorType"] == kind
    assert reply.headers["Content-Type"] == "application/json"
    document = json.loads(reply.body)
    assert document["Type"] == ("User" if status < 500 else "Service")
    assert document[member]
    return document


def test_success_has_all_headers(daemon):
    reply = daemon.invoke({"a": 1})
    assert reply.status == 200
    assert json.loads(reply.body) == {"a": 1}
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert UUID.match(reply.headers["x-amzn-RequestId"])
    assert reply.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert reply.headers["X-Amz-Function-Error"] is None
    assert reply.headers["X-Amz-Log-Result"] is None
    assert reply.headers["Content-Length"] == str(len(reply.body))


@pytest.mark.parametrize("body", [b"hello", b'"hello"', b"\x00\xff\x80binary", b" ", b"[1,", bytes(range(256)) * 300],
                         ids=range(6))
def test_bytes_pass_unchanged(daemon, body):
    assert daemon.invoke(body).body == body


def test_empty_body_becomes_an_object(daemon):
    assert daemon.invoke(b"").body == b"{}"
    assert daemon.invoke(None).body == b"{}"


@pytest.mark.parametrize("name", ["function", "anything", "a-b_c.d", "echo:PROD", "echo:7", "echo:$LATEST", "echo:%24LATEST",
                                  ARN + "echo", ARN + "echo:PROD", (ARN + "echo").replace(":", "%3A"),
                                  "012345678912:function:echo", "function:echo", "us-east-1:012345678912:function:echo"])
def test_every_form_of_name(daemon, name):
    assert daemon.invoke({}, name=name).status == 200


@pytest.mark.parametrize("name", ["a%20b", "a:b:c", "x" * 65, "arn:aws:s3:us-east-1:012345678912:function:x", "a%00", "a%zz",
                                  "a:%21"])
def test_bad_names(daemon, name):
    assert_error(daemon.invoke({}, name=name), 400, "InvalidParameterValueException")


def test_other_names_are_unknown_when_one_is_set(start):
    d = start(env={"AWS_LAMBDA_FUNCTION_NAME": "mine", "AWS_REGION": "eu-west-1", "AWS_ACCOUNT_ID": "111122223333"})
    assert d.invoke({}, name="mine").status == 200
    assert d.invoke({}, name="function").status == 200
    for name in ("function:no.alias", "function:other:PROD", "012345678912:function:other"):
        assert_error(d.invoke({}, name=name), 404, "ResourceNotFoundException", "Message")
    reply = d.invoke({}, name="other:PROD")
    document = assert_error(reply, 404, "ResourceNotFoundException", "Message")
    assert document["Message"] == "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:other:PROD"


@pytest.mark.parametrize("name,query,arn", [
    ("mine", "", ":function:mine"),
    ("mine:PROD", "", ":function:mine:PROD"),
    ("mine", "?Qualifier=PROD", ":function:mine:PROD"),
    ("mine:PROD", "?Qualifier=PROD", ":function:mine:PROD"),
    ("mine", "?Qualifier=%24LATEST", ":function:mine:$LATEST"),
    ("mine", "?Qualifier=", ":function:mine"),
    ("mine", "?x=1&Qualifier=7", ":function:mine:7"),
    ("function:mine", "", ":function:mine"),
    ("function:PROD", "", ":function:mine:PROD"),
    ("function:PROD", "?Qualifier=PROD", ":function:mine:PROD"),
    ("function%3A%24LATEST", "", ":function:mine:$LATEST"),
])
def test_qualifier_is_part_of_the_arn(start, name, query, arn):
    d = start(IDLE, env={"AWS_LAMBDA_FUNCTION_NAME": "mine", "AWS_REGION": "cn-north-1"})
    future = d.later({}, name=name, query=query)
    runtime = Runtime(d)
    event = runtime.next()
    assert event.headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:aws-cn:lambda:cn-north-1:012345678912" + arn
    runtime.respond(event, b"1")
    assert future.result(LIMIT).body == b"1"


def test_qualifiers_that_differ(daemon):
    document = assert_error(daemon.invoke({}, name="f:A", query="?Qualifier=B"), 400, "InvalidParameterValueException")
    assert document["message"] == "The derived qualifier from the function name does not match the specified qualifier."
    assert_error(daemon.invoke({}, query="?Qualifier=a%20b"), 400, "InvalidParameterValueException")


def test_dry_run(daemon):
    reply = daemon.invoke({}, headers={"X-Amz-Invocation-Type": "DryRun"})
    assert (reply.status, reply.body) == (204, b"")
    assert UUID.match(reply.headers["x-amzn-RequestId"])
    assert daemon.metrics()["lambda_runtime_starts_total"] == 0
    assert daemon.invoke({}, name="a:b:c", headers={"X-Amz-Invocation-Type": "DryRun"}).status == 400


def test_invocation_types(daemon):
    assert daemon.invoke({}, headers={"X-Amz-Invocation-Type": "RequestResponse"}).status == 200
    for kind in ("Nonsense", "event", ""):
        assert_error(daemon.invoke({}, headers={"X-Amz-Invocation-Type": kind}), 400, "InvalidParameterValueException")


def test_log_tail(daemon):
    event = {"do": "say", "writes": [[1, "one\n"], [2, "two\n"], [1, "begun"]]}
    reply = daemon.invoke(event, headers={"X-Amz-Log-Type": "Tail"})
    text = base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode()
    rid = reply.headers["x-amzn-RequestId"]
    lines = text.splitlines()
    assert lines[0] == f"START RequestId: {rid} Version: $LATEST"
    assert set(lines[1:3]) == {"one", "two"}
    assert lines[-2] == f"END RequestId: {rid}"
    assert lines[-1].startswith(f"REPORT RequestId: {rid}\tDuration: ")


def test_log_tail_is_the_last_4_kb(daemon):
    event = {"do": "say", "writes": [[1, "x" * 99 + "\n"]] * 200}
    reply = daemon.invoke(event, headers={"X-Amz-Log-Type": "Tail"})
    tail = base64.b64decode(reply.headers["X-Amz-Log-Result"])
    assert len(tail) == 4096
    assert b"REPORT RequestId" in tail


def test_log_tail_of_a_failed_init(start):
    reply = start(["./nope"]).invoke({}, headers={"X-Amz-Log-Type": "Tail"})
    assert b"Error Type: Runtime.InvalidEntrypoint" in base64.b64decode(reply.headers["X-Amz-Log-Result"])


def test_log_type(daemon):
    assert daemon.invoke({}, headers={"X-Amz-Log-Type": "None"}).headers["X-Amz-Log-Result"] is None
    assert_error(daemon.invoke({}, headers={"X-Amz-Log-Type": "All"}), 400, "InvalidParameterValueException")


@pytest.mark.parametrize("value", ["!!", "e30", b64(b"[1]"), b64(b"no json"), b64({"custom": "x" * 4000})], ids=range(5))
def test_bad_client_context(daemon, value):
    reply = daemon.invoke({}, headers={"X-Amz-Client-Context": value})
    assert_error(reply, 400, "InvalidRequestContentException")


@pytest.mark.parametrize("value", ["", "x" * 257, "a<b"], ids=range(3))
def test_bad_tenant(daemon, value):
    assert_error(daemon.invoke({}, headers={"X-Amz-Tenant-Id": value}), 400, "InvalidParameterValueException")


def test_request_size(daemon):
    limit = 6291456
    assert daemon.invoke(b"x" * limit).body == b"x" * limit
    for size in (limit + 1, 2 * limit):
        document = assert_error(daemon.invoke(b"x" * size), 413, "RequestEntityTooLargeException")
        assert document["message"] == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    assert daemon.invoke(b"again").body == b"again"


def test_chunked_request(daemon):
    connection = http.client.HTTPConnection(*daemon.invoke_address, timeout=LIMIT)
    connection.request("POST", "/2015-03-31/functions/function/invocations", body=iter([b"ab", b"c" * 70000]),
                       encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().read() == b"ab" + b"c" * 70000
    connection.close()


def test_expect_continue(daemon):
    with socket.create_connection(daemon.invoke_address, LIMIT) as s:
        s.sendall(b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  b"Content-Length: 5\r\n\r\n")
        file = s.makefile("rb")
        assert file.readline().startswith(b"HTTP/1.1 100")
        assert file.readline() == b"\r\n"
        s.sendall(b"hello")
        assert file.readline().startswith(b"HTTP/1.1 200")


def test_every_invocation_has_an_id_of_its_own(daemon):
    headers = {"Amz-Sdk-Invocation-Id": "same", "X-Amzn-RequestId": "same"}
    ids = {daemon.invoke({}, headers=headers).headers["x-amzn-RequestId"] for _ in range(20)}
    assert len(ids) == 20 and all(UUID.match(i) for i in ids)


def test_same_client_id_in_flight_gets_each_its_own_answer(start):
    d = start(env={"MAX_CONCURRENCY": "2"})
    headers = {"Amz-Sdk-Invocation-Id": "same"}
    futures = [d.later({"n": n}, headers=headers) for n in range(40)]
    assert [json.loads(f.result(LIMIT).body)["n"] for f in futures] == list(range(40))


def test_function_error(daemon):
    document = {"errorMessage": "x", "errorType": "Oops", "stackTrace": ["a"]}
    reply = daemon.invoke({"do": "error", "document": document, "content_type": "application/json", "type": "Function.Oops"})
    assert reply.status == 200
    assert reply.headers["X-Amz-Function-Error"] == "Unhandled"
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body) == document


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_other_methods(daemon, method):
    reply = daemon.request(method, "/2015-03-31/functions/function/invocations")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert daemon.metrics()["lambda_runtime_starts_total"] == 0


@pytest.mark.parametrize("path", ["/", "/nope", "/2015-03-31/functions//invocations", "/2015-03-31/functions/f/invocations/",
                                  "/2015-03-31/functions/a/b/invocations", "/2015-03-31/functions/f/code"])
def test_unknown_paths(daemon, path):
    assert daemon.request("POST", path, b"{}").status == 404


def test_openfaas(start):
    d = start(env={"ENABLE_OPENFAAS": "true"})
    assert d.request("POST", "/", b"[1]").body == b"[1]"
    assert d.request("GET", "/").status == 405


def test_health_and_readiness(start, gate):
    d = start(env={"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"}, command=None)
    assert (d.request("GET", "/_/health").status, d.request("GET", "/_/health").body) == (200, b"OK")
    assert d.request("GET", "/_/ready").status == 200
    assert d.request("HEAD", "/_/ready").status == 200
    d.invoke({})
    assert d.request("GET", "/_/ready").body == b"OK"


def test_not_ready_while_the_first_runtime_starts(start, gate):
    from harness import RUNTIME

    d = start([*RUNTIME, f"gate:{gate.path}"])
    future = d.later({})
    d.err.wait("runtime started")
    assert d.request("GET", "/_/ready").status == 503
    gate.open()
    assert future.result(LIMIT).status == 200
    assert d.request("GET", "/_/ready").status == 200


def test_not_ready_when_it_cannot_start(start):
    d = start(["./nope"])
    d.invoke({})
    assert d.request("GET", "/_/ready").status == 503


def test_ready_again_without_any_work(start, tmp_path):
    """Whoever asks for readiness first sends nothing before."""
    from harness import RUNTIME

    d = start([*RUNTIME, f"once:{tmp_path}/flag"], env={"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"})
    d.err.wait("runtime started", count=2)
    d.wait_metric('lambda_runtimes{state="idle"}', 1)
    assert d.request("GET", "/_/ready").status == 200


def test_origin_is_refused(daemon):
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        reply = daemon.invoke({}, headers={"Origin": origin})
        assert_error(reply, 403, "AccessDeniedException", "Message")
        assert reply.headers["Access-Control-Allow-Origin"] is None
        assert daemon.request("OPTIONS", "/2015-03-31/functions/f/invocations", headers={"Origin": origin}).status == 403
    assert daemon.metrics()["lambda_runtime_starts_total"] == 0


def test_allowed_origin(start):
    d = start(env={"CORS_ALLOW_ORIGIN": "http://good.example"})
    reply = d.invoke({}, headers={"Origin": "http://good.example"})
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "http://good.example")
    assert d.invoke({}, headers={"Origin": "http://evil.example"}).status == 403
    preflight = d.request("OPTIONS", "/2015-03-31/functions/f/invocations", headers={
        "Origin": "http://good.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-log-type"})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "x-amz-log-type"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert d.invoke({}).headers["Access-Control-Allow-Origin"] is None


def test_metrics(daemon):
    daemon.invoke(b"12345")
    daemon.invoke({"do": "error"})
    daemon.invoke({"do": "exit", "code": 1})
    daemon.invoke(b"1")
    text = daemon.request("GET", "/metrics")
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in text.body.decode().splitlines():
        assert re.match(r'^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+)$', line), line
    daemon.wait_metric('lambda_runtimes{state="idle"}', 1)
    m = daemon.metrics()
    assert m['lambda_invocations_total{outcome="success"}'] == 2
    assert m['lambda_invocations_total{outcome="error"}'] == 1
    assert m['lambda_invocations_total{outcome="exit"}'] == 1
    assert m["lambda_invocation_duration_seconds_count"] == 4
    assert m['lambda_invocation_duration_seconds_bucket{le="+Inf"}'] == 4
    assert m["lambda_runtime_starts_total"] == 2
    assert m["lambda_runtime_restarts_total"] == 1
    assert m["lambda_queue_depth"] == 0
    assert m["lambda_request_bytes_total"] == 5 + 15 + 25 + 1


def test_keep_alive(daemon):
    connection = http.client.HTTPConnection(*daemon.invoke_address, timeout=LIMIT)
    for n in range(20):
        connection.request("POST", "/2015-03-31/functions/function/invocations", body=str(n))
        assert connection.getresponse().read() == str(n).encode()
    connection.close()


def test_limits_of_client_context_tenant_and_qualifier(daemon):
    for size, status in ((2685, 200), (2686, 400)):
        # 2685 bytes are 3580 in base64, the most that 3583 allow.
        context = b64(b'{"a":"' + b"x" * (size - 8) + b'"}')
        assert daemon.invoke({}, headers={"X-Amz-Client-Context": context}).status == status
    assert daemon.invoke({}, headers={"X-Amz-Tenant-Id": "aZ0._:/=+-@ " + "x" * 244}).status == 200
    assert daemon.invoke({}, query="?Qualifier=" + "q" * 128).status == 200
    assert daemon.invoke({}, query="?Qualifier=" + "q" * 129).status == 400
    assert daemon.invoke({}, name="n" * 64).status == 200


def test_any_origin(start):
    d = start(env={"CORS_ALLOW_ORIGIN": "*"})
    for origin in ("http://a.example", "null"):
        reply = d.invoke({}, headers={"Origin": origin})
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "*")
    reply = d.invoke({}, name="a:b:c", headers={"Origin": "null"})
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (400, "*")
    assert "x-amzn-ErrorType" in reply.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("given", [None, "", "nonsense", "Parent=1;Sampled=1", "Root=1-" + "a" * 20000])
def test_a_trace_is_made_unless_one_is_given(daemon, given):
    headers = {} if given is None else {"X-Amzn-Trace-Id": given}
    traces = {daemon.invoke({}, headers=headers).headers["X-Amzn-Trace-Id"] for _ in range(2)}
    assert len(traces) == 2
    assert all(re.match(r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]$", t) for t in traces)


def test_errors_have_an_id(daemon):
    for reply in (daemon.invoke({}, name="a:b:c"), daemon.invoke(b"x" * 6291457)):
        assert UUID.match(reply.headers["x-amzn-RequestId"])


def test_header_names_in_any_case(daemon):
    reply = daemon.invoke({}, headers={"x-aMZ-lOG-tYPE": "Tail"})
    assert reply.headers["X-Amz-Log-Result"]
