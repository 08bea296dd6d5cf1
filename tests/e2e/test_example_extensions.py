# SPDX-License-Identifier: Apache-2.0
"""The extensions in examples/ do what their README says."""
import shutil

import pytest

from harness import ROOT

EXAMPLES = ROOT / "examples" / "extensions"


def install(directory, *names):
    for name in names:
        shutil.copy(EXAMPLES / name, directory / name)


@pytest.mark.parametrize("name,end", [
    ("watch.sh", 'watch.sh: 2 events, end: {"eventType":"SHUTDOWN",'),
    ("watch.py", "watch.py: function had 2 events, end: spindown"),
    ("watch.mjs", "watch.mjs: function had 2 events, end: spindown"),
])
@pytest.mark.parametrize("freeze", ["none", "process"])
def test_example(start, tmp_path, name, end, freeze):
    install(tmp_path, name)
    d = start(env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path), "LAMBDA_FREEZE": freeze})
    for n in range(2):
        reply = d.invoke(f"[{n}]".encode())
        assert reply.body == f"[{n}]".encode()
        line = d.out.wait(lambda text, rid=reply.headers["x-amzn-RequestId"]: text.startswith(name) and rid in text)
        assert line.startswith(f"{name}: ")
    assert d.stop() == 0
    assert any(line.startswith(end) for line in d.out.all())


def test_all_of_them(start, tmp_path):
    install(tmp_path, "watch.sh", "watch.py", "watch.mjs")
    d = start(env={"LAMBDA_EXTENSIONS_DIR": str(tmp_path), "AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
    assert d.invoke({"do": "hang"}).headers["X-Amz-Function-Error"] == "Unhandled"
    d.out.wait('"shutdownReason":"timeout"')
    for name in ("watch.py", "watch.mjs"):
        d.out.wait(f"{name}: function had 1 events, end: timeout")
    assert d.invoke(b"[1]").body == b"[1]"
