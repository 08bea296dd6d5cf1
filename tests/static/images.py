# SPDX-License-Identifier: Apache-2.0
"""Root file systems to run the static executables in, made from Debian's packages under build/images. Each holds another
libc, or none."""
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = ROOT / "build" / "images"
HOSTS = "127.0.0.1 localhost\n10.9.8.7 filed.test\n"
# What a desktop's or a cloud's image may say: services whose libraries are the image's, or not even there.
NSSWITCH = "passwd: files systemd\nhosts: files myhostname mymachines resolve dns\n"


def empty(root):
    for directory in ("etc/ssl/certs", "proc", "dev", "tmp", "usr/local/bin", "var/task"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    if not (root / "dev" / "null").exists():
        os.mknod(root / "dev" / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.chmod(root / "dev" / "null", 0o666)


def busybox(root):
    empty(root)
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"], check=True)


def musl(root):
    """As Alpine has it: musl's loader, and programs that are linked against it."""
    busybox(root)
    (root / "lib").mkdir()
    machine = os.uname().machine
    shutil.copy(f"/usr/lib/{machine}-linux-musl/libc.so", root / "lib" / f"ld-musl-{machine}.so.1")
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "true.c"
        source.write_text("int main(void) { return 0; }\n", encoding="ascii")
        subprocess.run(["musl-gcc", "-o", root / "bin" / "dynamic", source], check=True)
    subprocess.run(["chroot", root, "/bin/dynamic"], check=True)


def debian(release, *packages):
    def make(root):
        # Unpacked is enough for what is run in it, and takes a tenth of the time of installed.
        wanted = ["libc6", "libc-bin", "base-files", "bash", "dash", "coreutils", "procps", "libnss-myhostname", *packages]
        run = subprocess.run(["mmdebstrap", "-q", "--variant=extract", f"--include={','.join(wanted)}", release, root],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert run.returncode == 0, run.stdout
        empty(root)

    return make


def debian_with(release, root, *packages):
    """An installed system: packages by name or as files."""
    run = subprocess.run(["mmdebstrap", "-q", "--variant=essential", "--dpkgopt=force-unsafe-io",
                          "--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount",
                          f"--include={','.join(map(str, packages))}", release, root],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout


def node(root):
    """Room for this machine's node and the native part of the official client, which is built against libcurl."""
    program = os.path.realpath(shutil.which("node"))
    linked = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    debian("bookworm", "libcurl4", "libstdc++6", *(["nodejs"] if "libnode" in linked else []))(root)


def curl(root):
    debian_with("bookworm", root, "ca-certificates", "curl")


def rabbitmq(root):
    debian_with("bookworm", root, "rabbitmq-server")


MAKERS = {"empty": empty, "busybox": busybox, "musl": musl, "bookworm": debian("bookworm"), "trixie": debian("trixie"),
          "node": node, "curl": curl, "rabbitmq": rabbitmq}


def image(name):
    """The directory of that image; made when it is not there yet."""
    root = IMAGES / name
    if not root.exists():
        assert os.geteuid() == 0, "images can be made by root only"
        IMAGES.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=IMAGES))
        try:
            work.chmod(0o755)
            MAKERS[name](work)
            (work / "etc" / "hosts").write_text(HOSTS, encoding="ascii")
            (work / "etc" / "resolv.conf").unlink(missing_ok=True)
            (work / "etc" / "resolv.conf").write_text("nameserver 127.0.0.53\nsearch corp.test\n", encoding="ascii")
            (work / "etc" / "nsswitch.conf").write_text(NSSWITCH, encoding="ascii")
            work.rename(root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return root
