# SPDX-License-Identifier: Apache-2.0
"""make dist: tarballs that hold what they say, twice the same."""
import re
import subprocess

import pytest

from harness import ROOT
from test_static import read_elf

DIST = ROOT / "build" / "dist"


def make_dist():
    subprocess.run(["make", "--no-print-directory", "dist"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return (DIST / "SHA256SUMS").read_text(encoding="ascii")


@pytest.fixture(scope="module")
def sums():
    return make_dist()


def test_sums_are_right_and_come_out_again(sums):
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=DIST, check=True)
    assert len(sums.splitlines()) == 2
    assert make_dist() == sums


def test_holds_programs_pages_and_licences(programs, sums, tmp_path):
    tarball, = DIST.glob(f"*-linux-{programs.arch}.tar.gz")
    subprocess.run(["tar", "-C", tmp_path, "-xf", tarball], check=True)
    tree, = tmp_path.iterdir()
    assert tarball.name == tree.name + ".tar.gz"
    assert {p.name for p in (tree / "bin").iterdir()} == {p.name for p in programs.all()} | {"aws-lambda-rie"}
    for program in (tree / "bin").iterdir():
        assert read_elf(program).machine == programs.arch
    said = subprocess.run([*programs.runner, tree / "bin" / "aws-lambda-rie", "--version"], stdout=subprocess.PIPE, text=True).stdout
    assert said.startswith("lambda-runtime-api-daemon ") and said.split()[1] in tree.name
    pages = {p.stem for p in (tree / "share" / "man" / "man1").iterdir()}
    assert pages == {p.stem for p in (ROOT / "daemon" / "programs").glob("*.c")} | {"lambda-runtime-api-daemon"}
    for library in ("curl", "gcc", "glibc", "jansson", "libmicrohttpd", "librabbitmq", "openssl", "wslay", "zlib"):
        assert (tree / "licences" / library).stat().st_size > 500
    # glibc's licence wants its text beside it, and its source named.
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (tree / "licences" / "LGPL-2.1").read_text(encoding="utf-8")
    assert re.search(r"^  glibc \d.*\n  gcc-\d+ \d", (tree / "licences" / "README").read_text(encoding="utf-8"), re.M)
    assert not [p for p in tree.rglob("*") if p.is_file() and str(ROOT).encode() in p.read_bytes()]
