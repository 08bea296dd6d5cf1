#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the daemon beside the floor program, which moves the same bytes over the same hops and does nothing else.

Both are measured in the same run, in turns, so that what else the machine does falls on both; a ratio is the median
of the rounds' own ratios. A table goes to stdout, every single value to the file of --json.

The AMQP rows have a floor of their own, an echo on the same broker, which is started here.

What the daemon replaces is measured in the same turns when it is given: --rie, AWS's emulator, in the rows with one
caller, because it serves no more than one; --go-daemon, the daemon of the same name in Go.
"""
import argparse
import itertools
import json
import os
import platform
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
HOLDING_RUNTIME = Path(__file__).with_name("holding_runtime.py")
STATIC = ROOT / "bin" / "static" / "lambda-runtime-api-daemon"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
LIMIT = 60  # seconds: a measurement that takes longer has failed
REQUEST = (b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\n"
           b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
HOLD = REQUEST.replace(b"Length: 2\r\n\r\n{}", b'Length: 6\r\n\r\n"hold"')  # HOLDING_RUNTIME never answers it


class Failed(Exception):
    pass


class Scenario:
    """One kind of load. rate, p50 ... come from the load generator; cpu and peak from /proc of the server."""

    def __init__(self, key, title, runtimes, options, count, env=None):
        self.key, self.title, self.runtimes = key, title, runtimes
        self.options, self.count, self.env = options, count, env or {}
        self.programs = {"daemon", "floor"}
        if "--hold" not in options:
            self.programs.add("go_daemon")
        if options == ["--callers", "1"]:
            self.programs.add("rie")

    def arguments(self, divisor):
        if "--hold" in self.options:
            # The order is the business of the tests.
            return ["--hold", str(max(100, self.count // divisor)), "--tolerance", "100000"]
        return [*self.options, "--count", str(max(50, self.count // divisor))]

    def program(self, args, name):
        return getattr(args, name)

    def warm_up(self, divisor):
        return ["--callers", str(self.runtimes), "--count", str(max(50, 1000 // divisor))]

    def load(self, args, options, server):
        return [args.load, "--timeout", str(LIMIT), *options, server.address]


class AmqpScenario(Scenario):
    """The same over a broker: a queue of its own for each measurement, floor and load generator that speak AMQP."""

    queues = itertools.count()

    def use(self, broker):
        self.uri, self.queue = broker.uri(), f"bench-{next(self.queues)}"
        self.env = {**self.env, "AMQP_URI": self.uri, "AWS_LAMBDA_FUNCTION_NAME": self.queue}

    def program(self, args, name):
        return getattr(args, "amqp_floor" if name == "floor" else name)

    def warm_up(self, divisor):
        return ["--in-flight", str(self.runtimes), "--count", str(max(50, 1000 // divisor))]

    def load(self, args, options, server):
        return [args.amqp_load, "--timeout", str(LIMIT), "--queue", self.queue, *options, self.uri]


def waiting_callers():
    """As many callers as a process may hold open here: 10,000 where the limit allows it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 10000 if hard == resource.RLIM_INFINITY else max(100, min(10000, hard - 1000))


SCENARIOS = [
    Scenario("sequential", "1 caller, 1 runtime, 2 B", 1, ["--callers", "1"], 20000),
    Scenario("reports", "the same, START/END/REPORT printed", 1, ["--callers", "1"], 20000,
             {"PRINT_REPORTS": "TRUE"}),
    Scenario("callers16", "16 callers, 1 runtime, 2 B", 1, ["--callers", "16"], 40000),
    Scenario("runtimes4", "16 callers, 4 runtimes, 2 B", 4, ["--callers", "16"], 60000),
    Scenario("body64k", "4 callers, 1 runtime, 64 KiB", 1, ["--callers", "4", "--body", "65536"], 6000),
    Scenario("body1m", "4 callers, 1 runtime, 1 MiB", 1, ["--callers", "4", "--body", "1048576"], 600),
    Scenario("waiting", "up to 10,000 callers waiting at once", 1, ["--hold"], waiting_callers()),
]
AMQP_SCENARIOS = [
    AmqpScenario(f"amqp{in_flight}x{runtimes}", f"AMQP, {in_flight} in flight, {runtimes} runtime{'s'[:runtimes - 1]}",
                 runtimes, ["--in-flight", str(in_flight)], 4000 if in_flight == 1 else 15000)
    for in_flight in (1, 64) for runtimes in (1, 4)
] + [
    AmqpScenario(f"amqp64x4{key}", title, 4, ["--in-flight", "64"], 15000, env) for key, title, env in (
        ("ahead", "the same, AMQP_PREFETCH=64", {"AMQP_PREFETCH": "64"}),
        ("confirms", "64 in flight, the floor confirms, too", {"AMQP_FLOOR_CONFIRMS": "1"}),
        ("both", "the same, AMQP_PREFETCH=64", {"AMQP_FLOOR_CONFIRMS": "1", "AMQP_PREFETCH": "64"}))
]
METRICS = [("rate", "1/s"), ("p50", "us"), ("p99", "us"), ("cpu", "us/inv"), ("peak", "kB")]
WAITING_METRICS = [("first_request", "kB/caller"), ("later_request", "kB/caller")]
START_METRICS = [("listening", "us"), ("first_answer", "us"), ("resident", "kB"), ("proportional", "kB")]


def status_kb(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise Failed(f"/proc/{pid}/status has no {field}")


def cpu_us(pid):
    """Time on a processor of all threads, user and kernel."""
    return sum(int(p.read_text().split()[0]) for p in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def own_processes(pid):
    """The process and those of its children that run the same program: helpers, but no runtimes."""
    program = os.readlink(f"/proc/{pid}/exe")
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if os.readlink(f"/proc/{child}/exe") == program:
                found.append(int(child))
    return found


def proportional_kb(pid):
    """Pss, in which a page that n processes share counts for 1/n, summed over the processes of the daemon."""
    total = 0
    for each in own_processes(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """A running daemon or floor program."""

    def __init__(self, program, echo, runtimes=1, env=None):
        ready_read, ready_write = os.pipe()
        self.stderr = tempfile.TemporaryFile()
        keep = {k: os.environ[k] for k in ("PATH", "HOME", "LD_LIBRARY_PATH") if k in os.environ}
        settings = {
            "PORT": "0", "INVOKE_API_HOST": "127.0.0.1", "RUNTIME_API_PORT": "0", "READY_FD": str(ready_write),
            "MAX_CONCURRENCY": str(runtimes), "AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT), "PRINT_REPORTS": "FALSE",
        }
        self.arrange(settings)
        self.began = time.monotonic_ns()
        self.process = subprocess.Popen([program, *self.flags, echo], env={**keep, **settings, **(env or {})},
                                        pass_fds=[ready_write], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.stderr)
        os.close(ready_write)
        with os.fdopen(ready_read) as ready:
            self.wait_ready(ready)
        self.listening_us = self.since_start_us()

    flags = ()

    def arrange(self, settings):
        pass

    def wait_ready(self, ready):
        line = ready.readline() if select.select([ready], [], [], LIMIT)[0] else ""
        if not line.startswith("invoke="):
            self.fail("does not say where it listens")
        self.address = line.split()[0].removeprefix("invoke=")

    def since_start_us(self):
        return (time.monotonic_ns() - self.began) / 1000

    def first_answer_us(self):
        caller = self.connect()
        caller.sendall(REQUEST)
        reply = caller.recv(4096)
        answered = self.since_start_us()
        self.read_answer(caller, reply)
        caller.close()
        return answered

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=LIMIT)

    def read_answer(self, caller, reply=b""):
        while b"\r\n\r\n" not in reply or not reply.endswith(b"{}"):
            more = caller.recv(4096)
            if not more:
                self.fail(f"answered {reply!r}")
            reply += more
        if not reply.startswith(b"HTTP/1.1 200 "):
            self.fail(f"answered {reply!r}")

    def wait_depth(self, depth):
        """Until so many invocations wait for the runtime."""
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=LIMIT) as reply:
                if f"\nlambda_queue_depth {depth}\n".encode() in reply.read():
                    return
        self.fail(f"has not read all of the {depth} requests")

    def fail(self, why):
        self.stop()
        raise Failed(f"{self.process.args[0]} {why}\n{self.errors()}")

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")[-4000:]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        """Where a drain would wait for invocations that never end."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.stderr.close()


class OtherServer(Server):
    """One that neither picks its ports nor says when it listens."""

    def arrange(self, settings):
        settings["PORT"], settings["RUNTIME_API_PORT"] = str(free_port()), str(free_port())
        self.address = f"127.0.0.1:{settings['PORT']}"

    def wait_ready(self, ready):
        host, port = self.address.rsplit(":", 1)
        while self.since_start_us() < LIMIT * 1e6:
            if self.process.poll() is not None:
                self.fail("ended before it listened")
            try:
                socket.create_connection((host, int(port)), timeout=LIMIT).close()
                return
            except ConnectionRefusedError:
                pass
        self.fail("does not listen")


class Emulator(OtherServer):
    """aws-lambda-rie: its addresses are options."""

    def arrange(self, settings):
        super().arrange(settings)
        self.flags = ("--log-level", "error", "--runtime-interface-emulator-address", self.address,
                      "--runtime-api-address", f"127.0.0.1:{settings['RUNTIME_API_PORT']}")


SERVERS = {"daemon": Server, "floor": Server, "rie": Emulator, "go_daemon": OtherServer}


class Bench:
    def __init__(self, args):
        self.args = args
        self.names = ["floor"] if args.floor_only else ["daemon", "floor"]
        self.names += [name for name in ("rie", "go_daemon") if getattr(args, name)]
        self.divisor = 20 if args.quick else 1
        self.values = {}  # scenario -> program -> metric -> one value a round

    def keep(self, scenario, program, values):
        kept = self.values.setdefault(scenario, {}).setdefault(program, {})
        for metric, value in values.items():
            kept.setdefault(metric, []).append(round(value, 1))

    def load(self, scenario, server, options):
        command = scenario.load(self.args, options, server)
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT, check=False)
        if done.returncode != 0:
            server.fail(f"under {' '.join(command)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start_once(self, name, program):
        with SERVERS[name](program, self.args.echo) as server:
            pid = server.process.pid
            values = {"listening": server.listening_us, "first_answer": server.first_answer_us()}
            values["resident"] = status_kb(pid, "VmRSS")
            values["proportional"] = proportional_kb(pid)
        return values

    def start(self, key, name, program):
        runs = [self.start_once(name, program) for _ in range(2 if self.args.quick else 10)]
        self.keep(key, name, {metric: statistics.median(r[metric] for r in runs) for metric in runs[0]})

    def measure(self, scenario, name):
        program = scenario.program(self.args, name)
        with SERVERS[name](program, self.args.echo, scenario.runtimes, scenario.env) as server:
            pid = server.process.pid
            self.load(scenario, server, scenario.warm_up(self.divisor))
            before = cpu_us(pid)
            result = self.load(scenario, server, scenario.arguments(self.divisor))
            values = {metric: result[metric] for metric in ("rate", "p50", "p99")}
            values["cpu"] = (cpu_us(pid) - before) / result["count"]
            values["peak"] = status_kb(pid, "VmHWM")
        self.keep(scenario.key, name, values)

    def beside_others(self, name):
        """One caller without and with 1,000 others that wait for their answers; the daemon only, against itself."""
        others = 1000 // (10 if self.args.quick else 1)
        one = Scenario("beside", "", 1, ["--callers", "1"], 4000)
        env = {"AWS_LAMBDA_MAX_CONCURRENCY": str(others + 1)}
        with SERVERS[name](getattr(self.args, name), str(HOLDING_RUNTIME), 1, env) as server:
            self.load(one, server, one.warm_up(self.divisor))
            alone = self.load(one, server, one.arguments(self.divisor))
            waiting = [server.connect() for _ in range(others)]
            for s in waiting:
                s.sendall(HOLD)
            # An answer to one that came later: all of them have been handed over.
            self.load(one, server, one.warm_up(self.divisor))
            beside = self.load(one, server, one.arguments(self.divisor))
            server.kill()
            for s in waiting:
                s.close()
        for column, result in (("daemon", beside), ("floor", alone)):
            self.keep("beside", column, {metric: result[metric] for metric in ("rate", "p50", "p99")})

    def waiting_memory_once(self, name, earlier):
        count = waiting_callers() // self.divisor - 1
        with SERVERS[name](getattr(self.args, name), str(HOLDING_RUNTIME), 1, {"AWS_LAMBDA_MAX_CONCURRENCY": "1"}) as server:
            callers = [server.connect()]
            callers[0].sendall(REQUEST)
            server.read_answer(callers[0])
            before = status_kb(server.process.pid, "VmRSS")
            callers += [server.connect() for _ in range(count)]
            if earlier:
                for s in callers:
                    s.sendall(REQUEST)
                    server.read_answer(s)
            for s in callers:
                s.sendall(HOLD)
            server.wait_depth(count)
            after = status_kb(server.process.pid, "VmRSS")
            server.kill()
            for s in callers:
                s.close()
        return (after - before) / count

    def waiting_memory(self, name):
        """Resident memory for each of many callers while they wait; the daemon only."""
        self.keep("waiting_memory", name, {"first_request": self.waiting_memory_once(name, False),
                                           "later_request": self.waiting_memory_once(name, True)})

    def rounds(self, what):
        """The programs in the order in which they take their turns, once for each round."""
        for number in range(self.args.rounds):
            print(f"{what}, round {number + 1} of {self.args.rounds}", file=sys.stderr)
            yield self.names[::-1] if number % 2 else self.names

    def run(self):
        if self.args.only != "amqp":
            self.run_http()
        if self.args.only != "http" and RABBITMQ.exists():
            self.run_amqp()
        elif self.args.only != "http":
            print("bench: no AMQP rows: rabbitmq-server is not installed (tests/install-deps.sh test)", file=sys.stderr)

    def run_http(self):
        for names in self.rounds("HTTP"):
            for name in names:
                self.start("start", name, getattr(self.args, name))
                if self.args.static and name in ("daemon", "floor"):
                    self.start("start_static", name, self.args.static if name == "daemon" else self.args.floor)
            for scenario in SCENARIOS:
                for name in names:
                    if name in scenario.programs:
                        self.measure(scenario, name)
            if "daemon" in names:
                self.beside_others("daemon")
                self.waiting_memory("daemon")

    def run_amqp(self):
        sys.path.insert(0, str(ROOT / "tests" / "e2e"))
        from rabbitmq import Broker

        with Broker() as broker:
            for names in self.rounds("AMQP"):
                for scenario in AMQP_SCENARIOS:
                    for name in names:
                        if name in scenario.programs:
                            scenario.use(broker)
                            self.measure(scenario, name)

    def ratios(self, scenario, metric):
        of = self.values[scenario]
        if "daemon" not in of or "floor" not in of:
            return []
        return [d / f for d, f in zip(of["daemon"][metric], of["floor"][metric]) if f]

    def rows(self):
        starts = [("start", "start, 1 answer, idle", START_METRICS),
                  ("start_static", "the same, daemon linked statically", START_METRICS)]
        beside = ("beside", "1 caller, 1,000 wait; floor: none wait", METRICS[:3])
        memory = ("waiting_memory", "a caller that waits, of up to 10,000", WAITING_METRICS)
        for key, title, metrics in [*starts, *((s.key, s.title, METRICS) for s in SCENARIOS), memory, beside,
                                    *((s.key, s.title, METRICS) for s in AMQP_SCENARIOS)]:
            if key not in self.values:
                continue
            for metric, unit in metrics:
                medians = {name: statistics.median(m[metric]) for name, m in self.values[key].items()}
                yield key, title, metric, unit, medians, self.ratios(key, metric)

    def print_table(self):
        others = [name for name in self.names if name not in ("daemon", "floor")]
        names = ["daemon", "floor", *others]
        print(f"{'':42}{'':>20}" + "".join(f"{n:>12}" for n in names) + f"{'ratio':>8}   (lowest - highest)")
        last = None
        for key, title, metric, unit, medians, ratios in self.rows():
            cells = "".join(f"{medians[n]:12.1f}" if n in medians else f"{'-':>12}" for n in names)
            ratio = f"{statistics.median(ratios):8.2f}   ({min(ratios):.2f} - {max(ratios):.2f})" if ratios else ""
            print(f"{title if key != last else '':42}{metric + ' ' + unit:>20}{cells}{ratio}")
            last = key

    def write_json(self):
        document = {"rounds": self.args.rounds, "quick": self.args.quick,
                    "machine": {"processors": os.cpu_count(), "kernel": platform.release()}, "scenarios": {}}
        for key, title, metric, unit, medians, ratios in self.rows():
            entry = document["scenarios"].setdefault(key, {"title": title, "metrics": {}})
            entry["metrics"][metric] = {
                "unit": unit, "median": medians,
                "ratio": round(statistics.median(ratios), 3) if ratios else None,
                "rounds": {name: m[metric] for name, m in self.values[key].items()},
            }
        path = Path(self.args.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small counts: shows that it runs, not how fast")
    parser.add_argument("--floor-only", action="store_true", help="no daemon")
    parser.add_argument("--only", choices=["http", "amqp"], help="leave out the others")
    parser.add_argument("--daemon", default=str(BUILD / "lambda-runtime-api-daemon"), metavar="PATH")
    parser.add_argument("--static", default=str(STATIC) if STATIC.exists() else None, metavar="PATH",
                        help="the daemon of make static, for its start and memory (if there is one)")
    parser.add_argument("--floor", default=str(BUILD / "bench" / "floor"), metavar="PATH")
    parser.add_argument("--load", default=str(BUILD / "bench" / "load"), metavar="PATH")
    parser.add_argument("--amqp-floor", default=str(BUILD / "bench" / "amqp_floor"), metavar="PATH")
    parser.add_argument("--amqp-load", default=str(BUILD / "bench" / "amqp_load"), metavar="PATH")
    parser.add_argument("--echo", default=str(BUILD / "echo-runtime"), metavar="PATH")
    parser.add_argument("--rie", metavar="PATH", help="aws-lambda-rie, to be measured as well")
    parser.add_argument("--go-daemon", metavar="PATH", help="the daemon in Go, to be measured as well")
    parser.add_argument("--json", default=str(ROOT / "build" / "bench.json"), metavar="FILE")
    args = parser.parse_args()
    args.rounds = args.rounds if args.rounds is not None else 1 if args.quick else 5
    if not 1 <= args.rounds <= 100:
        parser.error("--rounds: 1 to 100")
    for name in ("daemon", "floor", "load", "amqp_floor", "amqp_load", "echo", "static", "rie", "go_daemon"):
        if getattr(args, name) is None:
            continue
        path = os.path.abspath(getattr(args, name))
        if not os.access(path, os.X_OK) and not (name == "daemon" and args.floor_only):
            parser.error(f"--{name.replace('_', '-')}: there is no program {path}"
                         + (": run make" if path.startswith(str(BUILD)) else ""))
        setattr(args, name, path)
    return args


def main():
    bench = Bench(parse_arguments())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        bench.run()
    except (Failed, OSError, subprocess.TimeoutExpired) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    bench.write_json()
    bench.print_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
