# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine of the tests' own: its own data, socket and processes, from Debian's docker.io package."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import LIMIT, Lines

# What a careful operator runs a function with.
LOCKED_DOWN = ["--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges", "--user", "1234:1234", "--memory", "64m",
               "--pids-limit", "50"]


class Engine:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="engine-"))
        self.socket = self.directory / "socket"
        self.had_bridge = Path("/sys/class/net/docker0").exists()
        self.log = open(self.directory / "log", "wb")
        notify = self.directory / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(notify))
            manager.settimeout(LIMIT)
            self.process = subprocess.Popen(
                ["dockerd", f"--host=unix://{self.socket}", f"--data-root={self.directory}/data",
                 f"--exec-root={self.directory}/run", f"--pidfile={self.directory}/pid"],
                env={**os.environ, "NOTIFY_SOCKET": str(notify)}, stdout=self.log, stderr=self.log)
            try:
                # It says when it is there, as any service that systemd starts.
                while b"READY=1" not in manager.recv(4096):
                    pass
            except TimeoutError:
                self.stop()
                raise

    def __call__(self, *words, check=True, **more):
        run = subprocess.run(["docker", f"--host=unix://{self.socket}", *map(str, words)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=10 * LIMIT, **more)
        assert not check or run.returncode == 0, f"docker {words[0]}: {run.stderr[-4000:]}"
        return run.stdout.strip()

    def import_root(self, name, root):
        """An image of a directory. What Docker itself puts into a container is left out."""
        tar = subprocess.Popen(["tar", "-C", root, "--exclude=./dev/*", "--exclude=./proc/*", "-c", "."],
                               stdout=subprocess.PIPE)
        self("import", "-", name, stdin=tar.stdout)
        assert tar.wait() == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT)
        self.log.close()
        # The network of the host, which it leaves mounted.
        subprocess.run(["umount", self.directory / "run" / "netns" / "default"], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)
        if not self.had_bridge:
            subprocess.run(["ip", "link", "del", "docker0"], stderr=subprocess.DEVNULL)


class Container:
    """A started container. Its output is followed from the beginning."""

    def __init__(self, engine, *words):
        self.engine = engine
        self.id = engine("run", "--detach", *words)
        follow = subprocess.Popen(["docker", f"--host=unix://{engine.socket}", "logs", "--follow", self.id],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.follow = follow
        self.said = Lines(follow.stdout)

    def inspect(self):
        return json.loads(self.engine("inspect", self.id))[0]

    def port(self, inside=8080):
        return int(self.engine("port", self.id, inside).split("\n")[0].rsplit(":", 1)[1])

    def processes(self):
        """(state, name) of each process in it."""
        rows = self.engine("top", self.id, "-eo", "pid,stat,comm").splitlines()[1:]
        return [tuple(row.split()[1:3]) for row in rows]

    def remove(self):
        self.engine("rm", "--force", "--volumes", self.id)
        self.follow.wait(LIMIT)
