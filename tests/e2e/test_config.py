# SPDX-License-Identifier: Apache-2.0
"""Command line, environment, and what of it reaches the runtime."""
import json
import os
import re
import shutil
import socket

import pytest

from harness import DAEMON, ECHO, LIMIT, ROOT, RUNTIME, run


@pytest.mark.parametrize("name,value,allowed", [
    ("AWS_LAMBDA_FUNCTION_TIMEOUT", "0", "5400"), ("AWS_LAMBDA_FUNCTION_TIMEOUT", "5401", "5400"),
    ("AWS_LAMBDA_FUNCTION_TIMEOUT", "abc", "seconds"), ("AWS_LAMBDA_FUNCTION_TIMEOUT", "-1", "seconds"),
    ("AWS_LAMBDA_FUNCTION_TIMEOUT", "1e3", "seconds"), ("AWS_LAMBDA_INIT_TIMEOUT", "0", "seconds"),
    ("AWS_LAMBDA_FUNCTION_IDLETIMEOUT", "-5", "seconds"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "big", "whole number"),
    ("AWS_LAMBDA_FUNCTION_NAME", "a b", "letters"), ("AWS_LAMBDA_FUNCTION_NAME", "x" * 65, "64"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "a b", "LATEST"),
    ("MAX_CONCURRENCY", "0", "1 to 1000"), ("MAX_CONCURRENCY", "1001", "1 to 1000"), ("MAX_CONCURRENCY", "1.5", "1 to 1000"),
    ("AWS_LAMBDA_MAX_CONCURRENCY", "x", "whole number"), ("MAX_PENDING", "0", "1 to"), ("LAMBDA_FREEZE", "yes", "process or none"),
    ("ASYNC_MAX_RETRY_ATTEMPTS", "3", "0 to 2"), ("ASYNC_RETRY_DELAY", "-1", "seconds from 0"),
    ("ASYNC_MAX_EVENT_AGE", "0", "more than 0"), ("ASYNC_MAX_QUEUED", "0", "1 to"), ("ASYNC_MAX_QUEUED_BYTES", "1", "1048576 to"),
    ("ASYNC_ON_SUCCESS", "nowhere", "Invoke URL"), ("ASYNC_ON_FAILURE", "arn:aws:sns:us-east-1:012345678912:t", "amqp:QUEUE"),
    ("ASYNC_DLQ", "amqp:", "file:PATH"), ("ASYNC_DRAIN_TIMEOUT", "x", "seconds from 0"),
    ("LAMBDA_EXTENSION_READY_TIMEOUT", "-1", "seconds"), ("PORT", "65536", "65535"),
    ("PORT", "http", "65535"), ("RUNTIME_API_PORT", "-1", "65535"), ("AWS_ACCOUNT_ID", "123", "12 digits"),
    ("PRINT_REPORTS", "maybe", "TRUE or FALSE"), ("ENABLE_OPENFAAS", "2", "TRUE or FALSE"), ("LOG_LEVEL", "LOUD", "TRACE"),
    ("AWS_LAMBDA_LOG_FORMAT", "xml", "JSON"), ("USE_STRUCTURED_LOGGING", "x", "TRUE or FALSE"), ("READY_FD", "0", "whole number"),
    ("READY_FD", "999", "open descriptor"), ("AWS_REGION", "us east", "eu-central-1"), ("AWS_DEFAULT_REGION", "a/b", "eu-central-1"),
    ("AWS_LAMBDA_FUNCTION_TIMEOUT", "5400.0000001", "5400"), ("INVOKE_API_HOST", "foo bar", "host name"),
    ("INVOKE_API_HOST", "[::1]", "without brackets"), ("RUNTIME_API_HOST", "[::1]", "without brackets"),
    ("RUNTIME_API_HOST", "a/b", "host name"), ("FUNCTION_URL_HOST", "[::1]", "without brackets"),
])
def test_bad_values(name, value, allowed):
    result = run([ECHO], env={name: value})
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert name in lines[0] and value[:50] in lines[0] and allowed in lines[0]
    assert result.stdout == ""


def test_a_bad_value_of_two_lines():
    result = run([ECHO], env={"AWS_REGION": "eu-west-1\r\nX-Evil: 1"})
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and "AWS_REGION=eu-west-1" in result.stderr


@pytest.mark.parametrize("flags", [["--log-level"], ["--log-level", "loud"], ["--runtime-api-address", "nowhere"],
                                   ["--runtime-interface-emulator-address", "1.2.3.4:99999"], ["--runtime-api-address", "foo bar:1"],
                                   ["--runtime-interface-emulator-address", "::1:0"], ["--bogus"], ["-x"],
                                   ["--enable-init-caching=false"], ["--enable-init-caching="]])
def test_bad_flags(flags):
    result = run([], flags=flags)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and flags[0].split("=")[0] in result.stderr


@pytest.mark.parametrize("word", ["TRUE", "1", "Yes", "on", "false", "0", "NO", "off"])
def test_switches(start, word):
    d = start(env=dict.fromkeys(["PRINT_REPORTS", "AMQP_QUEUE_DURABLE", "FUNCTION_URL_CORS_ALLOW_CREDENTIALS",
                                 "SQS_EVENT_SOURCE_REPORT_FAILURES"], word))
    assert d.invoke({}).status == 200


def test_help_and_version():
    for flag in ("--help", "-h"):
        result = run([], flags=[flag])
        assert result.returncode == 0 and "usage:" in result.stdout and "MAX_CONCURRENCY" in result.stdout
    result = run([], flags=["--version"])
    assert result.returncode == 0
    assert re.match(r"^lambda-runtime-api-daemon \d+\.\d+\.\d+$", result.stdout.strip())


@pytest.mark.skipif(any(os.path.exists(p) for p in ("/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap")),
                    reason="this machine has a bootstrap")
def test_no_bootstrap():
    result = run([])
    assert result.returncode == 2
    assert all(p in result.stderr for p in ("/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap"))


def test_ports_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name, api in (("PORT", "Invoke API"), ("RUNTIME_API_PORT", "Runtime API")):
            result = run([ECHO], env={name: port})
            assert result.returncode == 1
            assert f"{api}: listen on 127.0.0.1:{port}: Address already in use" in result.stderr


def test_flags_in_any_position(start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    d = start([*RUNTIME[:2], "--runtime-interface-emulator-address", f"127.0.0.1:{port}", *RUNTIME[2:],
               "--log-level=debug", "gate-free", "--unknown-flag", "last.word", "--runtime-api-address=127.0.0.1:0",
               "--enable-init-caching"])
    assert d.invoke_address == ("127.0.0.1", port)
    facts = json.loads(d.invoke({"do": "facts"}).body)
    assert facts["argv"][1:] == ["gate-free", "--unknown-flag", "last.word"]
    assert facts["env"]["_HANDLER"] == "last.word"


@pytest.mark.parametrize("env,words,handler,name", [
    ({}, ["app.handler"], "app.handler", "app"),
    ({}, ["src/app.handler"], "src/app.handler", "function"),
    ({"_HANDLER": "env.h"}, ["app.handler"], "env.h", "env"),
    ({"_HANDLER": "env.h", "AWS_LAMBDA_FUNCTION_HANDLER": "aws.h"}, ["app.handler"], "aws.h", "aws"),
    ({"AWS_LAMBDA_FUNCTION_NAME": "mine"}, ["app.handler"], "app.handler", "mine"),
])
def test_handler_and_name(start, env, words, handler, name):
    d = start([*RUNTIME, *words], env=env)
    facts = json.loads(d.invoke({"do": "facts"}).body)
    assert facts["env"]["_HANDLER"] == handler
    assert facts["env"]["AWS_LAMBDA_FUNCTION_NAME"] == name


def test_child_environment(start):
    own = {"AMQP_USERNAME": "guest", "AMQP_PASSWORD": "secret", "AMQP_URI": "", "PROXY_LAMBDA_REQ_QUEUE_URL": "",
           "LAMBDA_PROXY_RESP_QUEUE_URL": "https://host/q", "MAX_CONCURRENCY": "2", "MAX_PENDING": "7", "LOG_LEVEL": "debug",
           "PRINT_REPORTS": "true", "AWS_LAMBDA_FUNCTION_TIMEOUT": "5", "AWS_LAMBDA_INIT_TIMEOUT": "5",
           "AWS_LAMBDA_FUNCTION_IDLETIMEOUT": "5", "DEBUGGER_FUNCTION_ID": "x", "CORS_ALLOW_ORIGIN": "*",
           "ENABLE_OPENFAAS": "false", "USE_STRUCTURED_LOGGING": "false", "AWS_LAMBDA_MAX_CONCURRENCY": ""}
    d = start(env={**own, "MY_OWN": "4=4", "AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                   "AWS_LAMBDA_FUNCTION_NAME": "fn", "TZ": "Europe/Berlin", "AWS_LAMBDA_RUNTIME_API": "1.2.3.4:5",
                   "AWS_SESSION_TOKEN": "token"})
    env = json.loads(d.invoke({"do": "facts"}).body)["env"]
    assert not set(own) & set(env)
    for name in ("READY_FD", "PORT", "INVOKE_API_HOST", "RUNTIME_API_PORT"):
        assert name not in env
    host, port = d.runtime_address
    expected = {
        "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}", "AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn", "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": "Europe/Berlin", "MY_OWN": "4=4", "_HANDLER": RUNTIME[-1],
        "AWS_SESSION_TOKEN": "token",
    }
    assert {k: env.get(k) for k in expected} == expected
    assert re.match(r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$", env["AWS_LAMBDA_LOG_STREAM_NAME"])
    assert "AWS_ACCESS_KEY_ID" not in env and "AWS_SECRET_ACCESS_KEY" not in env


def test_child_environment_defaults(start):
    env = json.loads(start(env={"TZ": None, "LANG": None}).invoke({"do": "facts"}).body)["env"]
    assert (env["TZ"], env["LANG"]) == (":UTC", "en_US.UTF-8")
    assert (env["AWS_REGION"], env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == ("us-east-1", "3008")


def test_managed_concurrency_is_exported_when_set(start):
    env = json.loads(start(env={"AWS_LAMBDA_MAX_CONCURRENCY": "4"}).invoke({"do": "facts"}).body)["env"]
    assert env["AWS_LAMBDA_MAX_CONCURRENCY"] == "4"


def test_default_region_variable(start):
    d = start(env={"AWS_DEFAULT_REGION": "sa-east-1"})
    assert json.loads(d.invoke({"do": "facts"}).body)["env"]["AWS_REGION"] == "sa-east-1"


def test_standalone_with_the_bash_example(start):
    d = start(["./bootstrap", "function.handler"], env={"LAMBDA_TASK_ROOT": ".", "AWS_LAMBDA_FUNCTION_TIMEOUT": "30"},
              cwd=ROOT / "echo-runtime")
    assert d.invoke(b'{"key": "value"}', name="function").body == b'{"key": "value"}'
    assert d.invoke(b"hello").body == b"hello"


def test_kubernetes_init_container(tmp_path):
    binary = tmp_path / f"copy-of-me-{os.getpid()}"
    shutil.copy(DAEMON, binary)
    target = f"/tmp/{binary.name}"
    try:
        result = run([], env={"KUBERNETES_INIT_CONTAINER": ""}, binary=str(binary))
        assert (result.returncode, result.stderr) == (0, "")
        assert open(target, "rb").read() == binary.read_bytes()
        assert os.stat(target).st_mode == os.stat(binary).st_mode
    finally:
        os.unlink(target)


def test_under_the_emulators_name(start, tmp_path):
    link = tmp_path / "aws-lambda-rie"
    link.symlink_to(DAEMON)
    d = start([ECHO], binary=str(link))
    assert d.invoke(b"1").body == b"1"


def test_ipv6(start):
    d = start([ECHO], env={"INVOKE_API_HOST": "::1", "RUNTIME_API_HOST": "::1"})
    assert d.invoke_address[0] == "::1"
    assert d.invoke(b"1").body == b"1"


def test_runtime_api_on_every_address(start):
    d = start(env={"RUNTIME_API_HOST": "0.0.0.0", "MAX_CONCURRENCY": "2"})
    futures = [d.later({"n": n}) for n in range(20)]
    for f in futures:
        assert f.result(LIMIT).status == 200
    assert d.runtime_address[0] == "127.0.0.1"


def test_runtime_api_host_of_any_length(start):
    # 127.0.0.1 in octal, which needs no private hosts file.
    host = ".".join(part.rjust(60, "0") for part in ("177", "0", "0", "1"))
    d = start(env={"RUNTIME_API_HOST": host})
    assert d.runtime_address[0] == host
    assert d.invoke(b"1").body == b"1"


@pytest.mark.parametrize("level,shown", [("error", 0), ("ERROR", 0), ("warning", 0), ("WARN", 0), ("info", 1), ("Debug", 1),
                                         ("trace", 1)])
def test_log_level(start, level, shown):
    d = start([ECHO], env={"LOG_LEVEL": level})
    d.invoke(b"1")
    d.stop()
    assert sum("runtime started" in line for line in d.err.all()) == shown
    assert shown or d.err.all() == []


def test_the_flag_beats_the_variable(start):
    d = start([ECHO], flags=["--log-level", "error"], env={"LOG_LEVEL": "debug"})
    d.invoke(b"1")
    d.stop()
    assert d.err.all() == []


def test_empty_values_count_as_unset(start):
    names = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_TIMEOUT", "MAX_CONCURRENCY", "AWS_REGION", "LOG_LEVEL",
             "PRINT_REPORTS", "AWS_LAMBDA_FUNCTION_VERSION", "_HANDLER", "AMQP_URI", "PROXY_LAMBDA_REQ_QUEUE_URL"]
    d = start(env={**dict.fromkeys(names, ""), "AWS_DEFAULT_REGION": "us-west-2"})
    env = json.loads(d.invoke({"do": "facts"}, name="anything").body)["env"]
    assert env["AWS_REGION"] == "us-west-2"
    assert env["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"


def test_a_command_with_a_path_and_one_without(start, tmp_path):
    program = tmp_path / "my-bootstrap"
    program.write_text(f'#!/bin/sh\nexec {" ".join(RUNTIME)} "$@"\n')
    program.chmod(0o755)
    for command, env, cwd in ((["./my-bootstrap"], {}, tmp_path), ([str(program), "a.b"], {}, None),
                              (["my-bootstrap"], {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, None)):
        facts = json.loads(start(command, env=env, cwd=cwd).invoke({"do": "facts"}).body)
        assert facts["argv"][1:] == command[1:]
        assert facts["cwd"] == str(cwd or os.getcwd())


def test_credentials_are_passed_on_as_they_are(start):
    given = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret=with=equals", "AWS_SESSION_TOKEN": ""}
    env = json.loads(start(env=given).invoke({"do": "facts"}).body)["env"]
    assert env["AWS_ACCESS_KEY_ID"] == "AKIDEXAMPLE" and env["AWS_SECRET_ACCESS_KEY"] == "secret=with=equals"


def test_ready_descriptor_is_closed_and_not_inherited(start):
    # The harness reads it up to the end of the line; the runtime shows what it has.
    facts = json.loads(start().invoke({"do": "facts"}).body)
    assert "READY_FD" not in facts["env"] and len(facts["fds"]) <= 6
