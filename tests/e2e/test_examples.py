# SPDX-License-Identifier: Apache-2.0
"""The AMQP clients of examples/ with a real RabbitMQ and the daemon, and whether the files that are only deployed agree with
the README and with each other. The functions of examples/ are tested in tests/conformance."""
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from harness import ECHO, LIMIT, ROOT, SERVER
from rabbitmq import Broker

EXAMPLES = ROOT / "examples"
AMQP = EXAMPLES / "amqp"
EVENT = '{"key": "välue"}'


# --- the clients ---

@pytest.fixture(scope="session")
def node_client():
    """invoke.mjs beside the amqplib of its lock file."""
    built = ROOT / "build" / "examples" / "amqp"
    built.mkdir(parents=True, exist_ok=True)
    lock = (AMQP / "package-lock.json").read_text()
    stamp = built / ".stamp"
    with open(built / ".lock", "w", encoding="ascii") as alone:
        # The other processes of a parallel run want the same.
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(AMQP / name, built)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=built, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            stamp.write_text(lock)
        shutil.copy(AMQP / "invoke.mjs", built)
    return ["node", str(built / "invoke.mjs")]


@pytest.fixture(params=["python", "node"])
def invoke(request, broker, queue):
    """invoke(option, ...) runs the client for the function of the test."""
    if request.param == "python":
        command = [sys.executable, str(AMQP / "invoke.py")]
    else:
        command = request.getfixturevalue("node_client")

    def call(*options, uri=None):
        return subprocess.run([*command, "--uri", uri or broker.uri(), "--function", queue, "--payload", EVENT, *options],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)

    return call


def check(done, code, *summary):
    assert done.returncode == code, done.stderr
    for text in summary:
        assert text in done.stderr


def test_calls_are_answered(serve, invoke):
    serve([ECHO], env={"MAX_CONCURRENCY": "2"})
    done = invoke("--count", "200", "--in-flight", "16")
    check(done, 0, "200 answered, 0 of them errors, 0 lost")
    assert done.stdout.splitlines() == [EVENT] * 200
    assert re.search(r", \d+/s\n$", done.stderr)


def test_quiet_answers_and_an_event_from_a_file(serve, invoke, tmp_path):
    serve([ECHO])
    (tmp_path / "event").write_bytes(b'"from a file"')
    assert invoke("--payload", f"@{tmp_path}/event").stdout == '"from a file"\n'
    done = invoke("--quiet")
    check(done, 0, "1 answered")
    assert done.stdout == ""
    check(invoke("--payload", f"@{tmp_path}/nothing"), 2, "nothing")


@pytest.mark.parametrize("uri", ["foo", "http://localhost"])
def test_a_uri_that_is_none(invoke, uri):
    done = invoke(uri=uri)
    check(done, 2, "AMQP_URI", "amqp://HOST")
    assert "Traceback" not in done.stderr


def test_fire_and_forget(serve, invoke):
    d = serve([ECHO])
    done = invoke("--no-reply", "--count", "30", "--in-flight", "8")
    check(done, 0, "30 sent, 0 of them errors, 0 lost")
    d.out.wait("END RequestId", 30)


@pytest.mark.parametrize("options", [[], ["--no-reply"], ["--count", "300", "--in-flight", "64"]], ids=" ".join)
def test_unknown_function(invoke, queue, options):
    done = invoke(*options)
    check(done, 1, f'unknown function: there is no queue "{queue}"')
    assert done.stdout == ""


def test_function_errors(serve, invoke):
    serve()
    failing = json.dumps({"do": "error", "document": {"errorType": "E", "errorMessage": "no luck"}})
    done = invoke("--payload", failing, "--count", "2")
    check(done, 1, "Unhandled: ", "no luck", "2 answered, 2 of them errors, 0 lost")
    assert done.stdout == ""
    check(invoke("--payload", failing, "--ignore-errors"), 0, "1 answered, 1 of them errors")


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_durable_queue_keeps_requests_until_a_daemon_comes(serve, invoke, broker, client, queue, kind):
    try:
        check(invoke("--durable", "--queue-type", kind, "--no-reply", "--count", "3"), 0, "3 sent")
        method, properties, body = client.channel.basic_get(queue)
        assert (properties.delivery_mode, properties.reply_to, body) == (2, None, EVENT.encode())
        client.channel.basic_nack(method.delivery_tag)
        d = serve([ECHO], env={"AMQP_QUEUE_DURABLE": "true", "AMQP_QUEUE_AUTO_DELETE": "false", "AMQP_QUEUE_TYPE": kind})
        d.out.wait("END RequestId", 3)
        check(invoke("--durable", "--queue-type", kind), 0, "1 answered")
        d.stop()
        # Nobody answers now: the request is given up here, and there.
        check(invoke("--timeout", "0.5"), 1, "0 answered, 0 of them errors, 1 lost")
    finally:
        broker.ctl("delete_queue", queue)


def test_a_queue_of_another_kind(serve, invoke):
    serve([ECHO])
    check(invoke("--durable"), 1, "inequivalent arg 'durable'")


def test_no_broker_and_no_entry(invoke, broker):
    done = invoke(uri="amqp://guest:sesame@127.0.0.1:1")
    check(done, 1)
    assert "REFUSED" in done.stderr.upper()
    done = invoke(uri=broker.uri(password="sesame"))
    check(done, 1, "403")
    assert "sesame" not in done.stderr


@pytest.mark.parametrize("options", [["--count", "0"], ["--timeout", "soon"], ["--queue-type", "round"], ["--frobnicate"]],
                         ids=" ".join)
def test_usage_errors(invoke, options):
    check(invoke(*options), 2, options[0])


# --- what is only deployed: its settings, without containers ---

def local(environment, broker):
    """The environment of a container, for a process beside the broker of the tests."""
    settings = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for name, value in environment.items()}
    assert settings["AMQP_URI"].startswith("amqp://rabbitmq?")
    settings["AMQP_URI"] = settings["AMQP_URI"].replace("//rabbitmq", f"//127.0.0.1:{broker.port}")
    return {"AMQP_USERNAME": "guest", "AMQP_PASSWORD": "guest", **settings}


def wait_ready(server):
    """Each look is a round trip."""
    end = time.monotonic() + LIMIT
    while server.request("GET", "/_/ready").status != 200:
        assert time.monotonic() < end


@pytest.fixture(scope="module")
def other_broker():
    """The functions of the examples have fixed names, and so their queues."""
    with Broker() as running:
        yield running


def test_compose_settings(start, other_broker, node_client):
    (compose,) = documents("amqp/docker-compose.yml")
    services = compose["services"]
    function = local(services["echo-lambda"]["environment"], other_broker)
    other_broker.add_user(function["AMQP_USERNAME"], function["AMQP_PASSWORD"])
    daemons = [start([ECHO], env=function) for _ in range(services["echo-lambda"]["scale"])]
    for d in daemons:
        d.err.wait("AMQP consuming queue=echo-lambda")
    server = start([], binary=SERVER, env=local(services["lambda-server"]["environment"], other_broker))
    wait_ready(server)
    assert server.invoke({"key": "value"}, name="echo-lambda").body == b'{"key": "value"}'
    assert server.invoke(name="nobody").status == 404
    uri = other_broker.uri(user=function["AMQP_USERNAME"], password=function["AMQP_PASSWORD"])
    done = subprocess.run([*node_client, "--uri", uri, "--count", "300", "--in-flight", "24", "--quiet"],
                          capture_output=True, text=True, timeout=LIMIT)
    check(done, 0, "300 answered, 0 of them errors, 0 lost")
    assert all(d.metrics()["lambda_runtime_starts_total"] >= 1 for d in daemons)


def test_kubernetes_settings_scale_to_zero(start, other_broker):
    """No replica, an asynchronous call, a restart of the broker, a replica: the call is worked on."""
    found = manifests()

    def environment(name):
        given = settings(containers(found["Deployment", name])[-1])
        return local({k: v for k, v in given.items() if v is not None}, other_broker)

    server = start([], binary=SERVER, env=environment("lambda-server"))
    first = start([ECHO], env=environment("echo-lambda"))
    first.err.wait("AMQP consuming queue=echo-lambda")
    wait_ready(server)
    assert server.invoke(b"1", name="echo-lambda").body == b"1"
    first.stop()
    assert server.invoke(b"2", name="echo-lambda", headers={"X-Amz-Invocation-Type": "Event"}).status == 202
    other_broker.restart()
    second = start([ECHO], env=environment("echo-lambda"))
    second.out.wait("END RequestId")
    wait_ready(server)
    assert server.invoke(b"3", name="echo-lambda").body == b"3"


# --- run.sh, with a docker that only tells how it was called ---

@pytest.fixture
def run_image(tmp_path):
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
    docker.chmod(0o755)

    def call(*arguments, **env):
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DAEMON": str(docker), **env}
        done = subprocess.run([EXAMPLES / "run.sh", *arguments], env=env, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines(), done.stderr

    return call


@pytest.mark.parametrize("dockerfile", sorted(EXAMPLES.glob("*/Dockerfile*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_run_builds_and_mounts(run_image, tmp_path, dockerfile):
    name, aws_base = dockerfile.parent.name, dockerfile.suffix == ".aws-base"
    code, calls, _ = run_image(name, *["--aws-base"] * aws_base, "--env", "MORE=1", AMQP_URI="amqp://u:sesame@b", PORT="9000")
    assert code == 0
    if name == "bash":
        assert calls.pop(0).startswith("build --tag echo-lambda ")
    build, run = calls
    assert build == f"build --tag example-{name} --file {dockerfile} {dockerfile.parent}"
    assert f"source={tmp_path}/docker,target=/usr/local/bin/aws-lambda-rie,readonly" in run
    assert "127.0.0.1:9000:8080" in run and "--env AMQP_URI " in run and "sesame" not in run
    assert run.endswith(f" --env MORE=1 example-{name}")
    # With a shell in the image its entry point finds out where it is.
    scratch = "FROM scratch" in dockerfile.read_text()
    assert ("--entrypoint /usr/local/bin/aws-lambda-rie" in run) == scratch


def test_run_says_what_is_missing(run_image, tmp_path):
    assert run_image()[0] == 2 and "usage: " in run_image()[2]
    assert run_image("cobol")[0] == 2
    assert run_image("bash", "--aws-base")[0] == 2
    code, calls, said = run_image("node", DAEMON=str(tmp_path / "nothing"))
    assert code == 1 and calls == [] and "make static" in said


# --- what is only deployed: the files ---

def known_variables():
    return set(re.findall(r"^\| ([A-Z_]+) \|", (ROOT / "README.md").read_text(), re.M))


def documents(*names):
    for name in names:
        yield from yaml.safe_load_all((EXAMPLES / name).read_text())


def manifests():
    paths = sorted(path for path in (EXAMPLES / "kubernetes").glob("*.yaml"))
    found = list(documents(*(path.relative_to(EXAMPLES) for path in paths)))
    return {(d["kind"], d.get("metadata", {}).get("name")): d for d in found}


def containers(deployment):
    pod = deployment["spec"]["template"]["spec"]
    return pod.get("initContainers", []) + pod["containers"]


def settings(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def test_compose():
    (compose,) = documents("amqp/docker-compose.yml")
    services = compose["services"]
    assert services["echo-lambda"]["scale"] == 3
    for name in ("echo-lambda", "lambda-server"):
        assert set(services[name]["environment"]) <= known_variables()
        (mount,) = services[name]["volumes"]
        assert mount["type"] == "bind", "a short mount makes a directory of a file that is not there"
    assert (AMQP / services["echo-lambda"]["build"] / "Dockerfile").exists()
    broker = services["rabbitmq"]["environment"]
    assert services["lambda-server"]["environment"]["AMQP_PASSWORD"] == broker["RABBITMQ_DEFAULT_PASS"]
    assert services["lambda-server"]["environment"]["AMQP_USERNAME"] == broker["RABBITMQ_DEFAULT_USER"]


def test_kubernetes_manifests_agree():
    found = manifests()
    (scaled,) = (d["spec"] for (kind, _), d in found.items() if kind == "ScaledObject")
    function = found["Deployment", scaled["scaleTargetRef"]["name"]]
    environment = settings(containers(function)[-1])
    trigger = scaled["triggers"][0]["metadata"]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == trigger["queueName"]
    assert "replicas" not in function["spec"]
    if scaled["minReplicaCount"] == 0:
        assert environment["AMQP_QUEUE_DURABLE"] == "true" and environment["AMQP_QUEUE_AUTO_DELETE"] == "false"
    grace = function["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > int(environment["AWS_LAMBDA_FUNCTION_TIMEOUT"])
    assert all(isinstance(value, str) for value in trigger.values()), "KEDA takes strings only"
    authentication = found["TriggerAuthentication", scaled["triggers"][0]["authenticationRef"]["name"]]
    secret = authentication["spec"]["secretTargetRef"][0]
    assert f"secret generic {secret['name']} " in (EXAMPLES / "kubernetes" / "README.md").read_text()


def test_kubernetes_variables_and_labels():
    found = manifests()
    workloads = [d for (kind, _), d in found.items() if kind in ("Deployment", "StatefulSet")]
    assert len(workloads) == 3
    for workload in workloads:
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"] == labels
        for container in containers(workload):
            if container["name"] != "rabbitmq":
                assert set(settings(container)) <= known_variables()
    for (kind, name), service in found.items():
        if kind == "Service":
            assert any(w["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"] for w in workloads), name


def test_kustomization_names_everything():
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    files = {path.name for path in (EXAMPLES / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    images = {c["image"] for (kind, _), d in manifests().items() if kind == "Deployment" for c in containers(d)}
    assert {entry["name"] for entry in kustomization["images"]} == images


def test_variables_and_links_in_the_texts():
    pattern = re.compile(r"\b(?:AMQP|MAX|AWS_LAMBDA|KUBERNETES)_[A-Z_]+\b")
    runtime_sets = {"AWS_LAMBDA_RUNTIME_API"}
    texts = [*EXAMPLES.rglob("*.md"), *EXAMPLES.glob("*.sh")]
    assert len(texts) > 6
    for text in texts:
        said = text.read_text()
        assert set(pattern.findall(said)) - runtime_sets <= known_variables(), text
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", said):
            assert (text.parent / target).exists(), f"{text}: {target}"
