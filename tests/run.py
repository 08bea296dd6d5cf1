#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test steps and adds up their figures.

usage: MODE=release tests/run.py STEP...

Steps: layers options unit fuzz-corpus e2e threads conformance-core conformance-rest static containers. The last line is
`N passed, N failed`. In CI (CI=true) a skipped test counts as failed. TOTALS=FILE appends the figures to a file, for
.ci/run.
"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODE = os.environ.get("MODE", "release")
# Most of a test's time is waiting: several at once, more than there are processors.
JOBS = os.environ.get("TEST_JOBS", str(2 * (os.cpu_count() or 2)))
BUILD = ROOT / "build" / MODE
STATIC = {"static": ["amd64", "arm64"], "containers": [{"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)]}
VENV = ROOT / "build" / "venv" / "bin"


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, step, passed, failed):
        print(f"-- {step}: {passed} passed, {failed} failed", flush=True)
        self.passed += passed
        self.failed += failed


def environment():
    env = dict(os.environ)
    env["DAEMON"] = str(BUILD / "lambda-runtime-api-daemon")
    env["DEBUG_BROKER"] = str(BUILD / "debug-broker")
    env["ECHO_RUNTIME"] = str(BUILD / "echo-runtime")
    env["BENCH_LOAD"] = str(ROOT / "build" / "release" / "bench" / "load")
    env["BUILD_DIR"] = str(BUILD)
    env["BUILD_MODE"] = MODE
    env["PATH"] = f"{VENV}:{env['PATH']}"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    # The processes of a parallel run have to find the same tests in the same order.
    env["PYTHONHASHSEED"] = "0"
    return env


def make(target, *variables):
    jobs = str(os.cpu_count() or 2)
    return subprocess.run(["make", "--no-print-directory", f"-j{jobs}", f"MODE={MODE}", target, *variables],
                          cwd=ROOT).returncode == 0


def script(totals, name):
    ok = subprocess.run([str(ROOT / "tests" / f"{name}.sh")], cwd=ROOT).returncode == 0
    totals.add(name, int(ok), int(not ok))


def unit(totals):
    if not make("unit-programs"):
        totals.add("unit (build)", 0, 1)
        return
    for source in sorted((ROOT / "tests" / "unit").glob("*_test.c")):
        program = BUILD / "unit" / source.stem
        # A file and not a pipe: a process that a broken test leaves behind would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            run = subprocess.run([str(program)], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, timeout=600)
            output.seek(0)
            said = output.read()
        passed = len(re.findall(r"^\[       OK \]", said, re.M))
        failed = len(re.findall(r"^\[  FAILED  \] \S+$", said, re.M))
        if run.returncode != 0 and failed == 0:
            failed = 1
        if failed or passed == 0:
            print(said)
            failed = max(failed, 1)
        totals.add(f"unit {source.stem}", passed, failed)


def fuzz_corpus(totals):
    if not make("fuzz-replays"):
        totals.add("fuzz-corpus (build)", 0, 1)
        return
    for source in sorted((ROOT / "tests" / "fuzz").glob("*_fuzz.c")):
        corpus = ROOT / "tests" / "fuzz" / "corpus" / source.stem.removesuffix("_fuzz")
        run = subprocess.run([str(BUILD / "fuzz" / source.stem), str(corpus)], cwd=ROOT, timeout=600)
        ok = run.returncode == 0 and any(corpus.iterdir())
        totals.add(f"fuzz corpus {source.stem}", int(ok), int(not ok))


def pytest(totals, name, arguments, jobs="0"):
    report = BUILD / f"{name}.xml"
    report.unlink(missing_ok=True)
    subprocess.run([str(VENV / "python"), "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-n", jobs,
                    "--dist", "worksteal", f"--junitxml={report}", *arguments], cwd=ROOT, env=environment())
    if not report.exists():
        totals.add(name, 0, 1)
        return
    passed = failed = 0
    for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
        count = {k: int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")}
        bad = count["failures"] + count["errors"]
        if os.environ.get("CI") == "true":
            bad += count["skipped"]
        passed += count["tests"] - count["failures"] - count["errors"] - count["skipped"]
        failed += bad
    if passed + failed == 0:
        failed = 1
    totals.add(name, passed, failed)


def static(totals, name):
    """Needs root, as containers do: roots are made and entered."""
    installed = subprocess.run([str(ROOT / "tests" / "install-deps.sh"), f"{name}-test"], cwd=ROOT).returncode == 0
    built = installed and all(make("static", f"ARCH={arch}") for arch in STATIC[name])
    totals.add(f"{name} (build)", int(built), int(not built))
    if built:
        pytest(totals, name, [f"tests/{name}", "-rP"])


def step(totals, name):
    if name in ("layers", "options"):
        script(totals, name)
    elif name == "unit":
        unit(totals)
    elif name == "fuzz-corpus":
        fuzz_corpus(totals)
    elif name == "e2e":
        if make("test-tools"):
            pytest(totals, name, ["tests/e2e"], JOBS)
        else:
            totals.add("e2e (build)", 0, 1)
    elif name == "threads":
        # Part of e2e; on its own for the thread sanitizer: AMQP, and the spool of asynchronous events.
        pytest(totals, name, sorted(str(p) for p in (ROOT / "tests" / "e2e").glob("test_*.py")
                                    if p.stem.startswith(("test_amqp", "test_lambda_server", "test_async_spool"))), JOBS)
    elif name == "conformance-core":
        pytest(totals, name, ["tests/conformance", "-m", "core"], JOBS)
    elif name == "conformance-rest":
        # One at a time: AWS's client for Java unpacks its native part to one place for all.
        pytest(totals, name, ["tests/conformance", "-m", "not core"])
    elif name in STATIC:
        static(totals, name)
    else:
        sys.exit(f"run.py: unknown step {name}")


def main():
    totals = Totals()
    for name in sys.argv[1:]:
        step(totals, name)
    if "TOTALS" in os.environ:
        with open(os.environ["TOTALS"], "a", encoding="ascii") as out:
            print(totals.passed, totals.failed, file=out)
    print(f"{totals.passed} passed, {totals.failed} failed")
    sys.exit(1 if totals.failed else 0)


if __name__ == "__main__":
    main()
