#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of the source tree that no compiler makes: who may include whom, headers of
files, sizes, banned functions, white space, registration of tests.

usage: tree.py ROOT            check the tree, one line a finding, exit 1 if any
       tree.py --self-test DIR check that each rule finds what DIR/<rule>/ breaks
"""
import os
import re
import sys

FOLDERS = ("base", "core", "samplers", "pruners", "store", "proto", "agent",
           "coordinator", "cli", "tests", "bench")
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70

# Folder -> folders whose headers it may include (docs/architecture.md shows the layers).
ADAPTERS = {"base", "base/sys"}
MAY_INCLUDE = {
    "base": {"base"},
    "base/sys": {"base", "base/sys"},
    "core": {"base", "core"},
    "samplers": {"base", "core", "samplers"},
    "pruners": {"base", "core", "pruners"},
    "store": ADAPTERS | {"core", "store"},
    "proto": ADAPTERS | {"proto"},
    "agent": ADAPTERS | {"core", "proto", "agent"},
    "coordinator": ADAPTERS | {"core", "samplers", "pruners", "store", "proto",
                               "coordinator"},
    "cli": ADAPTERS | {"core", "samplers", "pruners", "store", "proto", "agent",
                       "coordinator", "cli"},
    "agent/helper": {"agent/helper"},
}
HEADER_ONLY = {"base/compiler.h", "base/limits.h"}
# The pure half of the agent: in its folder, without the shell's freedoms.
AGENT_PURE = re.compile(r"^agent/(agent_core|core_)\w*\.[ch]$")
AGENT_PURE_MAY = {"base", "core", "agent"}

# System header -> files that may include it.
ONLY_IN = {
    "sqlite3.h": r"^store/[^/]+\.c$",
    "zmq.h": r"^proto/(zmq_|transport_zmq|curve|keys)\w*\.c$",
    "uv.h": r"^(proto|agent|coordinator|cli)/",
    "microhttpd.h": r"^coordinator/http/",
    "jansson.h": r"^base/json\.h$",
    "yaml.h": r"^base/yaml\.c$",
    "pcre2.h": r"^base/pattern\.c$",
}
# What the pure folders never include: clocks, files, processes, threads.
IMPURE = {"time.h", "sys/time.h", "unistd.h", "fcntl.h", "pthread.h", "signal.h",
          "sys/stat.h", "sys/socket.h", "sys/wait.h", "dirent.h", "threads.h"}
PURE = re.compile(r"^(core|samplers|pruners)/")

BANNED = ("strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atof "
          "rand srand localtime gmtime setlocale system popen tmpnam mktemp "
          "alloca").split()
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
MACHINE_PATH = re.compile(r"(?<![A-Za-z0-9_.])/(?:work|home|farm|root)/|/tmp/b-")
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Files that name what they ban.
BAN_EXEMPT = {"base/banned.h", "tests/tidy/tree.py"}


def strip_code(text):
    """Blanks comments, strings and characters, keeping lines and columns."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  blank, text, flags=re.S)


def folder_of(path):
    for folder in ("base/sys", "agent/helper"):
        if path.startswith(folder + "/"):
            return folder
    return path.split("/", 1)[0]


class Checker:
    def __init__(self, root):
        self.root = root
        self.findings = []

    def find(self, path, line, rule, text):
        self.findings.append((path, line, rule, text))

    def files(self):
        for folder in FOLDERS:
            for here, dirs, names in os.walk(os.path.join(self.root, folder)):
                rel = os.path.relpath(here, self.root)
                dirs[:] = sorted(d for d in dirs if d not in ("gen", "__pycache__", "bad"))
                if rel.startswith("tests/fixtures") or rel.startswith("tests/fuzz/corpora"):
                    continue
                for name in sorted(names):
                    if re.search(r"\.([ch]|py|sh|cmake|def|proto)$|CMakeLists\.txt$", name):
                        yield os.path.normpath(os.path.join(rel, name))

    def run(self):
        registered = {}
        tests = []
        for path in self.files():
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                text = file.read()
            self.check_text(path, text)
            if path.endswith((".c", ".h")):
                self.check_c(path, text)
            if path.endswith("CMakeLists.txt"):
                for name in re.findall(r"[\w/.]+\.c\b", text):
                    full = os.path.normpath(os.path.join(os.path.dirname(path), name))
                    registered[full] = True
            elif re.search(r"(^|/)test_\w+\.c$", path):
                tests.append(path)
        for path in tests:
            if path not in registered:
                self.find(path, 1, "registered", "not named in any CMakeLists.txt")
        return self.findings

    def check_text(self, path, text):
        lines = text.split("\n")
        if SPDX not in "\n".join(lines[:3]):
            self.find(path, 1, "spdx", "no SPDX line at the top")
        if len(lines) - 1 > FILE_LINES_MAX and path.endswith((".c", ".h", ".py")):
            self.find(path, len(lines) - 1, "file-size",
                      "%d lines, at most %d" % (len(lines) - 1, FILE_LINES_MAX))
        if text and not text.endswith("\n"):
            self.find(path, len(lines), "newline", "no newline at the end")
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                self.find(path, number, "space", "trailing space")
            if "\t" in line:
                self.find(path, number, "tab", "tab")
            if MACHINE_PATH.search(line) and path not in BAN_EXEMPT:
                self.find(path, number, "machine-path", "path of one machine")

    def check_c(self, path, text):
        code = strip_code(text)
        self.check_header_comment(path, text)
        self.check_includes(path, text)
        self.check_bans(path, code)
        self.check_functions(path, code)
        if path.endswith(".h") and not re.search(r"#ifndef \w+_H\b|#pragma once", code):
            self.find(path, 1, "guard", "no include guard")

    def check_header_comment(self, path, text):
        comment = re.match(r"/\* SPDX[^\n]*\*/\s*/\*(.*?)\*/", text, flags=re.S)
        name = os.path.basename(path)
        if comment is None:
            self.find(path, 2, "header", "no header comment behind the SPDX line")
        elif len(comment.group(1).strip()) < len(name) + 10:
            self.find(path, 2, "header", "header comment says nothing about '%s'" % name)

    def check_includes(self, path, text):
        folder = folder_of(path)
        allowed = MAY_INCLUDE.get(folder)
        if AGENT_PURE.match(path):
            allowed = AGENT_PURE_MAY
        for number, line in enumerate(text.split("\n"), 1):
            ours = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if ours:
                self.check_ours(path, number, allowed, ours.group(1))
            elif system:
                self.check_system(path, number, system.group(1))

    def check_ours(self, path, number, allowed, target):
        if target.endswith(".pb-c.h"):
            if folder_of(path) != "proto" and not re.match(
                    r"^(coordinator|agent)/wire|^tests/|^bench/", path):
                self.find(path, number, "layer", "generated messages outside wire.c")
            return
        if "/" not in target and not target.endswith((".def", ".inc")):
            self.find(path, number, "rooted", "'%s' is not repo-rooted" % target)
            return
        if allowed is None or target.endswith((".def", ".inc")):
            return
        # The agent's shell and the program know the protocol of the helper; the helper,
        # which links only libc, takes attributes and maxima from base.
        if folder_of(path) in ("agent", "cli") and target.startswith("agent/helper/"):
            return
        if folder_of(path) == "agent/helper" and target in HEADER_ONLY:
            return
        if folder_of(target) not in allowed:
            self.find(path, number, "layer",
                      "%s may not include '%s'" % (folder_of(path), target))

    def check_system(self, path, number, header):
        if path.startswith(("tests/", "bench/")):
            return
        if header in ONLY_IN and not re.search(ONLY_IN[header], path):
            self.find(path, number, "only-in", "<%s> does not belong here" % header)
        if (PURE.match(path) or AGENT_PURE.match(path)) and header in IMPURE:
            self.find(path, number, "pure", "<%s> in a pure folder" % header)

    def check_bans(self, path, code):
        if path in BAN_EXEMPT:
            return
        for number, line in enumerate(code.split("\n"), 1):
            match = BANNED_CALL.search(line)
            if match:
                self.find(path, number, "banned", "%s is banned" % match.group(1))

    def check_functions(self, path, code):
        """clang-format puts the braces of a function, and no others, in column 1."""
        start = None
        for number, line in enumerate(code.split("\n"), 1):
            if line == "{":
                start = number
            elif line.rstrip() == "}" and start is not None:
                if number - start - 1 > FUNCTION_LINES_MAX:
                    self.find(path, start, "function-size",
                              "%d lines, at most %d"
                              % (number - start - 1, FUNCTION_LINES_MAX))
                start = None


def self_test(folder):
    """Each DIR/<rule>/ is a small tree that must give findings of that rule, and only
    of that rule; DIR/good must give none."""
    failed = 0
    rules = sorted(os.listdir(folder))
    for rule in rules:
        found = Checker(os.path.join(folder, rule)).run()
        kinds = {finding[2] for finding in found}
        expected = set() if rule == "good" else {rule}
        if kinds != expected:
            failed += 1
            print("%s: expected %s, found %s" % (rule, sorted(expected), found))
    print("%d rules, %d wrong" % (len(rules), failed))
    return 1 if failed or len(rules) < 10 else 0


def main(args):
    if len(args) == 3 and args[1] == "--self-test":
        return self_test(args[2])
    if len(args) != 2:
        print(__doc__.strip())
        return 2
    findings = Checker(args[1]).run()
    for path, line, rule, text in findings:
        print("%s:%d: %s (%s)" % (path, line, text, rule))
    print("%d findings" % len(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
