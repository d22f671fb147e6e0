# SPDX-License-Identifier: Apache-2.0
"""keygen, version and doctor."""

import os
import stat

from lab import equal, grid, main


def keygen(lab):
    path = lab.winnow("keygen", "node7").out.strip()
    equal(path, os.path.join(lab.home, "keys", "node7.key"))
    for name in ("node7.key", "coordinator.key"):
        mode = stat.S_IMODE(os.stat(os.path.join(lab.home, "keys", name)).st_mode)
        equal(mode, 0o600, name)
    assert os.path.exists(os.path.join(lab.home, "keys", "agents", "node7.pub"))
    lab.fails("keygen", "node7", says="node7")  # never overwritten
    lab.fails("keygen", "../x", says="../x")
    lab.fails("keygen", "coordinator", says="coordinator")


def version(lab):
    text = lab.winnow("version").out
    assert text.startswith("winnow "), text
    found = lab.json("version")
    for name in ("winnow", "protocol", "store", "libuv", "libzmq", "sqlite", "jansson"):
        assert found[name], name
    equal(lab.winnow("--version").out, text)


def doctor(lab):
    checks = {c["check"]: c["status"] for c in lab.json("doctor")}
    equal(checks["helper"], "ok")
    equal(checks["home"], "warn")
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 2)))
    checks = {c["check"]: c for c in lab.json("doctor")}
    equal(checks["home"]["status"], "ok")
    equal(checks["store"]["status"], "ok", checks["store"]["detail"])
    equal(checks["holder"]["detail"], "none")
    lab.spoiled = True
    with open(os.path.join(lab.home, "store.db"), "r+b") as f:
        f.write(b"garbage garbage garbage")
    lab.winnow("doctor", status=1)


main(keygen, version, doctor)
