# SPDX-License-Identifier: Apache-2.0
"""What make says to those who begin: its list of targets, and what is wrong."""
import os
import re
import subprocess

from harness import ROOT


def make(*words):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "MODE"))}
    return subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, env=env, capture_output=True, text=True)


def test_help_lists_every_target_that_has_a_text():
    documented = re.findall(r"^(\S+):.* ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert "check-e2e" in documented
    assert [line.split()[0] for line in make("help").stdout.splitlines()] == documented


def test_an_architecture_that_is_none():
    done = make("static", "ARCH=riscv")
    assert done.returncode == 2
    assert "ARCH=riscv: expected amd64 or arm64" in done.stderr


def test_without_the_libraries():
    done = make("PKG_CONFIG=false", "all")
    assert done.returncode == 2
    assert "make deps installs them" in done.stderr and len(done.stderr.splitlines()) == 1
