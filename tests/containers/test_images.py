# SPDX-License-Identifier: Apache-2.0
"""The bind-mounted daemon as PID 1 of real containers, non-root, on a read-only file system, without capabilities, in 64 MB."""
import concurrent.futures
import os
import shutil
import subprocess

import runtimes
from harness import LIMIT
from images import image

PORT = ["-p", "127.0.0.1:0:8080"]


def invoke(container, event):
    url = f"http://127.0.0.1:{container.port()}/2015-03-31/functions/function/invocations"
    run = subprocess.run(["curl", "-sS", "--max-time", str(LIMIT), "--data-binary", event, url], stdout=subprocess.PIPE,
                         text=True, check=True)
    return run.stdout


def stop(engine, container):
    """docker stop: its exit status. The engine kills what has not ended within a second, which is status 137."""
    engine("stop", "-t", "1", container.id)
    state = container.inspect()["State"]
    assert not state["OOMKilled"]
    return state["ExitCode"]


def wait_processes(container, names):
    """Until these are all there are. Each look is a round trip to the engine."""
    for _ in range(200):
        found = container.processes()
        if sorted(name for _, name in found) == names and not any(state.startswith("Z") for state, _ in found):
            return
    raise AssertionError(f"there are {found}")


def test_answers_reaps_and_stops(engine, image_name, run):
    container = run(image_name, flags=PORT)
    assert invoke(container, "versions").endswith("tls ok")
    assert container.inspect()["HostConfig"]["ReadonlyRootfs"]
    assert invoke(container, "orphans") == "left"
    # The one that stays and the probe itself are called bootstrap; the two that ended must not stay as zombies.
    wait_processes(container, ["aws-lambda-rie", "bootstrap", "bootstrap"])
    assert stop(engine, container) == 0
    report = [line for line in container.said.all() if line.startswith("REPORT")]
    assert len(report) == 2


def test_work_in_flight_is_done_before_it_stops(engine, image_name, run, tmp_path):
    for name in ("in", "out"):
        os.mkfifo(tmp_path / name)
        (tmp_path / name).chmod(0o666)
    container = run(image_name, flags=[*PORT, "-e", "AWS_LAMBDA_FUNCTION_TIMEOUT=60"])
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reply = pool.submit(invoke, container, "gate /shared")
        with open(tmp_path / "in", encoding="ascii") as gate:
            assert gate.readline() == "in\n"
        stopped = pool.submit(stop, engine, container)
        container.said.wait("draining")
        with open(tmp_path / "out", "w", encoding="ascii") as gate:
            gate.write("go\n")
        assert reply.result(LIMIT) == "passed"
        assert stopped.result(LIMIT) == 0


def test_names_of_the_network(engine, image_name, run):
    """Docker's own name server knows the containers of a network."""
    network = engine("network", "create", f"net-{image_name}")
    try:
        peer = run(image_name, flags=["--network", network, "--network-alias", "peer.test"])
        address = peer.inspect()["NetworkSettings"]["Networks"][f"net-{image_name}"]["IPAddress"]
        container = run(image_name, flags=["--network", network, *PORT])
        assert invoke(container, "resolve peer.test") == address
        assert invoke(container, "resolve nobody.invalid").startswith("error: ")
        assert invoke(container, "fetch http://peer.test:8080/_/health -") == "OK"
    finally:
        run.clear()
        engine("network", "rm", network)


def test_tls_with_a_private_ca(image_name, run, tls, tmp_path):
    shutil.copy(tls.ca, tmp_path / "ca.pem")
    container = run(image_name, flags=["--network", "host", "--add-host", "broker.test:127.0.0.1", "-e", "PORT=0",
                                       "-e", "RUNTIME_API_PORT=0", "-e", "INVOKE_API_HOST=127.0.0.1"])
    address = container.said.wait("listening").split("invoke=")[1].split()[0]
    run_curl = subprocess.run(["curl", "-sS", "-d", f"fetch https://broker.test:{tls.port}/ /shared/ca.pem",
                               f"http://{address}/2015-03-31/functions/function/invocations"], stdout=subprocess.PIPE, text=True)
    assert run_curl.stdout == "hello over TLS"


def test_node_with_the_official_client(engine, run):
    runtime = runtimes.named("node")
    runtimes.build_runtime(runtime)
    engine.import_root("node", image("node"))
    node = os.path.realpath(shutil.which("node"))
    container = run("node", *runtime.words(), bootstrap=None,
                    flags=[*PORT, "-v", f"{node}:/usr/bin/node:ro", "-v", f"{runtime.out}:{runtime.out}:ro", "--workdir",
                           runtime.out, "-e", f"LAMBDA_TASK_ROOT={runtime.out}", "-e", "MAX_CONCURRENCY=2", "--memory", "256m"])
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(invoke, container, '{"do": "sleep", "seconds": 0.5}')
        assert invoke(container, '{"do": "echo", "value": "hello"}') == '"hello"'
        assert slow.result(LIMIT) == '"slept"'
    assert stop(engine, container) == 0
