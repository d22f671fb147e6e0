# SPDX-License-Identifier: Apache-2.0
"""How a winnow is started whose system calls fail (preload.c)."""

import os


def faulty_env(lab, **more):
    old = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": os.environ["WINNOW_FAULT_PRELOAD"],
            "ASAN_OPTIONS": f"{old}:verify_asan_link_order=0",
            "WINNOW_FAULT_UNDER": lab.home, **more}
