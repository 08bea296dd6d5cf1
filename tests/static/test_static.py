# SPDX-License-Identifier: Apache-2.0
"""The static executables: nothing of the image is used, they are small, and they start at once."""
import os
import shutil
import signal
import statistics
import struct
import subprocess
import time
from collections import namedtuple

import pytest

from harness import LIMIT

MB = 1 << 20
TOOLS = {"amd64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}
MACHINES = {62: "amd64", 183: "arm64"}
PT_DYNAMIC, PT_INTERP = 2, 3

Elf = namedtuple("Elf", "machine segments")


def read_elf(path):
    with open(path, "rb") as f:
        head = f.read(64)
        assert head[:6] == b"\x7fELF\x02\x01", f"{path} is not a 64-bit little-endian ELF file"
        machine, = struct.unpack_from("<H", head, 18)
        offset, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        f.seek(offset)
        table = f.read(size * count)
    return Elf(MACHINES.get(machine, machine), [struct.unpack_from("<I", table, i * size)[0] for i in range(count)])


def test_the_reader_knows_a_dynamic_program():
    assert {PT_DYNAMIC, PT_INTERP} <= set(read_elf("/bin/ls").segments)


def test_no_interpreter_and_no_library(programs):
    assert "lambda-runtime-api-daemon" in [p.name for p in programs.all()]
    for program in [*programs.all(), programs.probe]:
        elf = read_elf(program)
        assert elf.machine == programs.arch
        assert PT_INTERP not in elf.segments and PT_DYNAMIC not in elf.segments, program


def test_a_moved_checkout_links_its_own_libraries(programs, tmp_path):
    described = tmp_path / "moved" / "lib" / "pkgconfig"
    shutil.copytree(programs.build / "sysroot" / "lib" / "pkgconfig", described)
    names = [p.stem for p in described.glob("*.pc")]
    assert len(names) == 8
    said = subprocess.run(["pkg-config", "--static", "--cflags", "--libs", *names], env={**os.environ, "PKG_CONFIG_LIBDIR": described},
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    places = [os.path.normpath(w.removeprefix("-L").removeprefix("-I")) for w in said.split() if "/" in w]
    assert len(places) > 2
    assert not [p for p in places if not p.startswith(f"{tmp_path}/moved/")]


def test_size(programs, tmp_path):
    for program in programs.all():
        print(f"{programs.arch} {program.name}: {program.stat().st_size / MB:.2f} MB")
        assert program.stat().st_size <= 6 * MB
    stripped = tmp_path / "probe"
    subprocess.run([TOOLS[programs.arch] + "strip", "-o", stripped, programs.probe], check=True)
    print(f"{programs.arch} with all libraries: {stripped.stat().st_size / MB:.2f} MB")
    assert 2 * MB < stripped.stat().st_size <= 6 * MB


def test_answers(programs, start):
    echo = [*programs.runner, programs.path("echo-runtime")]
    words = [*programs.runner, programs.path("lambda-runtime-api-daemon")]
    d = start(binary=words[0], flags=words[1:], command=echo, env={"MAX_CONCURRENCY": "3"})
    replies = [d.later({"n": n}) for n in range(50)]
    assert [r.result(LIMIT).body for r in replies] == [b'{"n": %d}' % n for n in range(50)]
    assert d.invoke(b"x" * 6000000).body == b"x" * 6000000


def test_tls(programs, tls):
    assert programs.ask_probe("versions").endswith("tls ok")
    assert programs.ask_probe("fetch", f"https://localhost:{tls.port}/", str(tls.ca)) == "hello over TLS"
    assert programs.ask_probe("amqps", "localhost", str(tls.port), str(tls.ca)) == "connected"
    other = "/etc/ssl/certs/ca-certificates.crt"
    assert "certificate" in programs.ask_probe("fetch", f"https://localhost:{tls.port}/", other)
    assert programs.ask_probe("amqps", "localhost", str(tls.port), other).startswith("error: ")


def forget(path):
    """Takes a file out of the page cache, so that it comes back as it does from a disk. Linux since 6.18 maps all of a
    file's neighbouring pages that were written at once, used or not: a file that was just built looks 1.5 MB bigger."""
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start_once(program, echo):
    """Milliseconds from the start of the process until it listens; then what it has resident, and of its own, in MB."""
    ready, told = os.pipe()
    os.set_inheritable(told, True)
    env = {"READY_FD": str(told), "PORT": "0", "RUNTIME_API_PORT": "0", "INVOKE_API_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    begin = time.perf_counter()
    pid = os.posix_spawn(program, [program, echo], env)
    os.close(told)
    said = os.read(ready, 4096)
    took = time.perf_counter() - begin
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in f if line.startswith(("VmRSS", "RssAnon"))}
    os.close(ready)
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0)[1] == 0 and said
    return took * 1000, sizes["VmRSS"], sizes["RssAnon"]


def test_start_and_memory(native):
    forget(native.path("lambda-runtime-api-daemon"))
    rows = [start_once(native.path("lambda-runtime-api-daemon"), native.path("echo-runtime")) for _ in range(100)]
    times, sizes, own = zip(*rows)
    print(f"start to listening: {min(times):.2f} ms at best, median {statistics.median(times):.2f} ms;"
          f" resident {max(sizes):.2f} MB, {max(own):.2f} MB of it not of the file")
    # The best of many: the machine may be busy with other things, the program may not.
    assert min(times) <= 2
    assert max(sizes) <= 2.5
    assert max(own) <= 0.5


def test_invokes_in_any_image(root, start):
    d = start(binary="chroot", flags=[str(root), "/lambda-runtime-api-daemon"], command=["/echo-runtime"])
    assert d.invoke(b'{"an":"event"}').body == b'{"an":"event"}'


def test_tls_in_any_image(root, tls):
    def run(*words, **env):
        return subprocess.run(["chroot", root, "/probe", *words], stdout=subprocess.PIPE, text=True, timeout=LIMIT,
                              env={**os.environ, **env}).stdout.strip()

    assert run("fetch", f"https://localhost:{tls.port}/", "/ca.pem") == "hello over TLS"
    assert run("amqps", "localhost", str(tls.port), "/ca.pem") == "connected"
    # Configurations of the image's own OpenSSL are none of ours: one wants a module loaded, one is of a FIPS image.
    conf = root / "openssl.cnf"
    for text in ("openssl_conf = a\n[a]\nproviders = b\n[b]\nx = c\n[c]\nmodule = /nowhere/x.so\nactivate = 1\n",
                 "openssl_conf = a\n[a]\nproviders = b\nalg_section = d\n[b]\nfips = c\nbase = c\n[c]\nactivate = 1\n"
                 "[d]\ndefault_properties = fips=yes\n"):
        conf.write_text(text)
        assert run("versions", OPENSSL_CONF="/openssl.cnf").endswith("tls ok")
        assert run("fetch", f"https://localhost:{tls.port}/", "/ca.pem", OPENSSL_CONF="/openssl.cnf") == "hello over TLS"
        assert run("amqps", "localhost", str(tls.port), "/ca.pem", OPENSSL_CONF="/openssl.cnf") == "connected"


NAMES = {"localhost": "127.0.0.1", "filed.test": "10.9.8.7", "broker.test": "10.1.2.3", "six.test": "fd00::1",
         "host": "10.1.2.4", "10.0.0.1": "10.0.0.1", "unknown.test": "error: Name or service not known"}


def test_names_in_any_image(root):
    """A real name server, in a network of its own where port 53 is free. The images' nsswitch.conf is images.py's."""
    script = """
        ip link set lo up
        dnsmasq --user=root --no-resolv --no-hosts --conf-file=/dev/null --pid-file --listen-address=127.0.0.53 \
            --bind-interfaces --local=/test/ --address=/broker.test/10.1.2.3 --address=/six.test/fd00::1 \
            --address=/host.corp.test/10.1.2.4
        for name; do chroot "$ROOT" /probe resolve "$name" || test $? = 1; done
    """
    run = subprocess.run(["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", script, "sh", *NAMES],
                         env={**os.environ, "ROOT": str(root)}, stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    assert run.returncode == 0
    assert dict(zip(NAMES, run.stdout.splitlines())) == NAMES


@pytest.mark.parametrize("files", ["none", "broken"])
def test_names_without_a_usable_configuration(files, root, tmp_path):
    """No resolv.conf, no hosts, or an nsswitch.conf that is not one: an answer at once, and no crash."""
    other = tmp_path / "root"
    (other / "etc").mkdir(parents=True)
    subprocess.run(["cp", root / "probe", other], check=True)
    if files == "broken":
        (other / "etc" / "nsswitch.conf").write_bytes(b"hosts: [[[ \x00 files\nhosts\n")
        (other / "etc" / "resolv.conf").write_bytes(b"nameserver\nnameserver not-an-address\noptions \xff\n")
    run = subprocess.run(["unshare", "--net", "chroot", other, "/probe", "resolve", "broker.test"], stdout=subprocess.PIPE,
                         text=True, timeout=LIMIT)
    assert run.returncode == 1 and run.stdout.startswith("error: ")
