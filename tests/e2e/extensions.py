# SPDX-License-Identifier: Apache-2.0
"""Helpers of the tests with extensions."""
import json
import shlex
import sys
from pathlib import Path

SCRIPT = str(Path(__file__).with_name("extension.py"))


def write_extension(directory, name, events, rules):
    """An executable file that becomes the scripted extension."""
    path = Path(directory) / name
    words = [sys.executable, "-S", "-E", SCRIPT]
    rest = [events, *rules]
    path.write_text("#!/bin/sh\nexec " + shlex.join(words) + ' "$0" ' + shlex.join(rest) + "\n")
    path.chmod(0o755)
    return path


def said(daemon, name, prefix):
    """The rest of the first line in which the extension said something that begins so."""
    start = f"[{name}] {prefix}"
    line = daemon.out.wait(lambda text: text.startswith(start))
    return line[len(f"[{name}] "):] if prefix.startswith("{") else line[len(start):]


def extension_pid(daemon, name):
    """Of the first process of that name."""
    return int(daemon.err.wait(f"extension started name={name} ").rsplit("pid=", 1)[1])


def events(daemon, name, count):
    """The first events that it was told."""
    start = f"[{name}] event 200 "
    lines = daemon.out.wait(lambda text: text.startswith(start), count)
    return [json.loads(line[len(start):]) for line in ([lines] if count == 1 else lines)]
