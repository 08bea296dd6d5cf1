# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ of the test's own: free ports, a directory of its own, no service manager, no other user.

Waits are for events: the broker says on a socket when it is up, and ends when its process does."""
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

LIMIT = 120  # seconds until a wait counts as a hang
BIN = Path("/usr/lib/rabbitmq/bin")  # what is in PATH changes to the user rabbitmq and his directories
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# Erlang's schedulers wait for work by spinning, which a machine full of brokers and daemons cannot spare.
CALM = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"

CONFIG = """
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
num_acceptors.tcp = 2
log.console = true
log.console.level = info
log.file = false
vm_memory_high_watermark.relative = 0.6
disk_free_limit.absolute = 10MB
"""
TLS_CONFIG = """
listeners.ssl.1 = 127.0.0.1:{tls_port}
num_acceptors.ssl = 2
ssl_options.cacertfile = {tls}/ca.pem
ssl_options.certfile = {tls}/server.pem
ssl_options.keyfile = {tls}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count):
    """Below the range of outgoing connections, so that nobody takes one while its broker is down for a moment."""
    found = []
    while len(found) < count:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_certificates(directory):
    """ca.pem; server.pem for localhost and 127.0.0.1; client.pem (CN=lambda-client); foreign-ca.pem and foreign.pem,
    which no one here trusts. Keys in .key."""
    directory = Path(directory)
    directory.mkdir(exist_ok=True)
    for ca, name in (("ca", "test CA"), ("foreign-ca", "another CA")):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{ca}.key", "-out", f"{ca}.pem", cwd=directory)
    server = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
    client = "extendedKeyUsage=clientAuth\n"
    for leaf, name, ca, extensions in (("server", "localhost", "ca", server), ("client", "lambda-client", "ca", client),
                                       ("foreign", "stranger", "foreign-ca", client)):
        (directory / f"{leaf}.ext").write_text(extensions)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr", cwd=directory)
        openssl("x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "30",
                "-extfile", f"{leaf}.ext", "-out", f"{leaf}.pem", cwd=directory)


def make_lean_home(home):
    """A broker without the plugins it does not use. Erlang looks for each module in the directories of all of them, one after
    the other, which is most of a start."""
    real = (BIN / "rabbitmq-server").resolve().parent.parent
    found = {d.name.rsplit("-", 1)[0]: d for d in (real / "plugins").iterdir() if d.is_dir()}
    (home / "plugins").mkdir(parents=True)
    for name in ("sbin", "escript"):
        (home / name).symlink_to(real / name)
    wanted = ["rabbit"]
    for name in wanted:
        (home / "plugins" / found[name].name).symlink_to(found[name])
        described = (found[name] / "ebin" / f"{name}.app").read_text()
        needed = re.search(r"{applications,\s*\[(.*?)\]", described, re.S)[1]
        wanted += [n for n in re.findall(r"\w+", needed) if n in found and n not in wanted]


class Broker:
    """start() and stop() as often as you like: the ports, the directory and what is durable stay."""

    def __init__(self, tls=False, config=""):
        if not (BIN / "rabbitmq-server").exists():
            raise RuntimeError("rabbitmq-server is not installed: tests/install-deps.sh test")
        self.directory = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self.process = None
        self.epmd = None
        self.notify = None
        self.config = config
        self.tls = self.directory / "tls" if tls else None
        for name in ("mnesia", "log", "home"):
            (self.directory / name).mkdir()
        if tls:
            make_certificates(self.tls)
        make_lean_home(self.directory / "lean")
        self._choose_ports()

    def _choose_ports(self):
        self.port, self.tls_port, self.epmd_port, self.dist_port, self.ctl_port = free_ports(5)
        self.node = f"t{self.port}@localhost"
        text = (CONFIG + (TLS_CONFIG if self.tls else "") + self.config).format(
            port=self.port, tls_port=self.tls_port, tls=self.tls)
        (self.directory / "rabbitmq.conf").write_text(text)
        (self.directory / "enabled_plugins").write_text("[].")
        # A bare root may have no /etc/hosts.
        (self.directory / "inetrc").write_text('{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n')

    def environment(self):
        d = self.directory
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_", "NOTIFY_"))}
        env.update(HOME=str(d / "home"), RABBITMQ_NODENAME=self.node, RABBITMQ_MNESIA_BASE=str(d / "mnesia"),
                   RABBITMQ_LOG_BASE=str(d / "log"), RABBITMQ_CONFIG_FILE=str(d / "rabbitmq"),
                   RABBITMQ_ENABLED_PLUGINS_FILE=str(d / "enabled_plugins"), RABBITMQ_PID_FILE=str(d / "pid"),
                   RABBITMQ_SCRIPTS_DIR=str(d / "lean" / "sbin"), RABBITMQ_CONF_ENV_FILE="/dev/null", RABBITMQ_DIST_PORT=str(self.dist_port),
                   ERL_EPMD_ADDRESS="127.0.0.1", ERL_EPMD_PORT=str(self.epmd_port), ERL_INETRC=str(d / "inetrc"),
                   ERL_CRASH_DUMP_BYTES="0",
                   RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=f"{CALM} {loopback}", RABBITMQ_CTL_ERL_ARGS=f"{CALM} {loopback}",
                   RABBITMQ_CTL_DIST_PORT_MIN=str(self.ctl_port), RABBITMQ_CTL_DIST_PORT_MAX=str(self.ctl_port))
        return env

    # --- life ---

    def start(self):
        fresh = not any((self.directory / "mnesia").iterdir())
        for _ in range(5):
            self._start_epmd()
            if self._start_once():
                return self
            # Somebody else may have taken a port since it was looked for. Later the ports may not change any more.
            if not fresh or "eaddrinuse" not in self.log(1 << 20):
                break
            self._stop_epmd()
            shutil.rmtree(self.directory / "mnesia")
            (self.directory / "mnesia").mkdir()
            self._choose_ports()
        raise AssertionError("the broker did not start:\n" + self.log())

    def _start_epmd(self):
        """Else the first Erlang program would start one that outlives everybody."""
        if self.epmd is None or self.epmd.poll() is not None:
            self.epmd = subprocess.Popen(["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"], env=self.environment(),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                         preexec_fn=die_with_parent)

    def _start_once(self):
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        if self.notify is not None:
            self.notify.close()
        self.notify = ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(str(path))
        ready.settimeout(0.5)
        with open(self.directory / "log" / "console", "ab") as log:
            # With NOTIFY_SOCKET the start script becomes the broker, so this process id is the broker's.
            self.process = subprocess.Popen([str(BIN / "rabbitmq-server")], env={**self.environment(), "NOTIFY_SOCKET": str(path)},
                                            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        for _ in range(2 * LIMIT):
            try:
                if b"READY=1" in ready.recv(4096):
                    return True
            except TimeoutError:
                if self.process.poll() is not None:
                    return False
        raise AssertionError("the broker is not up after two minutes:\n" + self.log())

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(LIMIT)

    def kill(self):
        """kill -9. Its port is closed when this returns."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(LIMIT)

    def restart(self):
        self.stop()
        return self.start()

    def _stop_epmd(self):
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
            self.epmd = None

    def close(self):
        if self.running():
            self.kill()
        self._stop_epmd()
        if self.notify is not None:
            self.notify.close()
            self.notify = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self, most=4000):
        path = self.directory / "log" / "console"
        return path.read_text(errors="replace")[-most:] if path.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # --- rabbitmqctl ---

    def ctl(self, *arguments):
        done = subprocess.run([str(BIN / "rabbitmqctl"), "-q", "-n", self.node, *arguments], env=self.environment(),
                              cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=LIMIT)
        assert done.returncode == 0, f"rabbitmqctl {' '.join(arguments)}: {done.stdout}"
        return done.stdout

    def table(self, *arguments):
        """A list_... command as rows of fields."""
        return [line.split("\t") for line in self.ctl(*arguments, "--no-table-headers").splitlines()]

    def add_user(self, name, password, vhost="/"):
        self.ctl("add_user", name, password)
        self.ctl("set_permissions", "-p", vhost, name, ".*", ".*", ".*")

    def add_vhost(self, name, user="guest"):
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, user, ".*", ".*", ".*")

    def close_all_connections(self, reason="closed by the test"):
        self.ctl("close_all_connections", reason)

    def connections(self):
        """{name of the peer's socket: pid in the broker}, of all open connections."""
        return {row[0]: row[1] for row in self.table("list_connections", "name", "pid") if len(row) == 2}

    def close_connection(self, pid, reason="closed by the test"):
        self.ctl("close_connection", pid, reason)

    def memory_alarm(self, on):
        """While it is on the broker takes nothing from connections that have published."""
        self.ctl("set_vm_memory_high_watermark", "0.000001" if on else "0.6")

    def sync(self):
        """What a quorum queue is made of is on disk only some seconds after it was declared; killed before that, the broker
        hangs in every basic.consume of it."""
        self.ctl("eval", "[ok = dets:sync(T) || T <- dets:all()].")

    # --- addresses ---

    def uri(self, user="guest", password="guest", vhost=None, port=None, host="127.0.0.1", scheme="amqp", **query):
        login = "" if user is None else f"{urllib.parse.quote(user, '')}:{urllib.parse.quote(password, '')}@"
        path = "" if vhost is None else "/" + urllib.parse.quote(vhost, "")
        text = urllib.parse.urlencode(query, safe="/")
        return f"{scheme}://{login}{host}:{port or self.port}{path}" + (f"?{text}" if text else "")

    def tls_uri(self, host="localhost", **query):
        return self.uri(host=host, port=self.tls_port, scheme="amqps", **query)


class CutProxy:
    """The network between the daemon and the broker (cut_proxy.py)."""

    def __init__(self, port):
        self.port = free_ports(1)[0]
        program = Path(__file__).with_name("cut_proxy.py")
        self.process = subprocess.Popen([sys.executable, str(program), str(self.port), str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self.process.stdout.readline() == "ready\n"

    def _say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def cut(self):
        """Resets what is open, refuses what comes."""
        self._say("cut")

    def mend(self):
        self._say("mend")

    def swallow(self):
        """From now on nothing comes through, and nothing says so."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.communicate()
