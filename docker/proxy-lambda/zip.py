#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: zip.py EXECUTABLE ZIP

The deployment package of a custom runtime: the executable as `bootstrap`, mode 755. The same executable gives the same zip."""
import sys
import zipfile


def main():
    executable, out = sys.argv[1:]
    entry = zipfile.ZipInfo("bootstrap")
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with open(executable, "rb") as f, zipfile.ZipFile(out, "w") as z:
        z.writestr(entry, f.read(), compresslevel=9)


main()
