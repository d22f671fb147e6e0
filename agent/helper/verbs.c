/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.c - `winnow` inside a trial: log, should-stop, and the way to the real one.
 *
 * Owns the command line of the two verbs and their one request to the agent. Knows the
 * request format of protocol.h. Does not know what the agent makes of it. It stands in
 * the helper because starting the whole program for each metric would cost ten times
 * as much.
 */
#include "agent/helper/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/helper/protocol.h"
#include "agent/helper/wire.h"
#include "base/compiler.h"

enum verbs_exit {
    VERBS_EXIT_OK = 0,
    VERBS_EXIT_STOP = 0,
    VERBS_EXIT_REFUSED = 1,
    VERBS_EXIT_GO_ON = 1,
    VERBS_EXIT_ERROR = 2
};

static const char help_log[] =
    "usage: winnow log metric NAME VALUE [--step N]\n"
    "       winnow log param NAME VALUE\n"
    "       winnow log tag NAME VALUE\n"
    "       winnow log artifact PATH\n"
    "\n"
    "Reports from inside a trial to its run. VALUE of a metric is a number, also nan "
    "or\n"
    "inf; without --step the points of a name are counted from 0. A negative VALUE\n"
    "needs no special care; `--` ends the options.\n"
    "\n"
    "Exit status: 0 recorded, 1 refused, 2 bad usage or not inside a trial.\n";

static const char help_should_stop[] =
    "usage: winnow should-stop\n"
    "\n"
    "Asks from inside a trial whether it should end early.\n"
    "\n"
    "Exit status: 0 stop, 1 go on, 2 bad usage, not inside a trial, or no answer.\n";

static const char help_all[] =
    "usage: winnow log metric|param|tag|artifact ...\n"
    "       winnow should-stop\n"
    "\n"
    "These verbs report from inside a trial; see `winnow log --help`. All other verbs\n"
    "need the winnow program itself, which WINNOW_EXE would name.\n";

/* One parsed `log` command; all borrowed from argv. */
struct log_args {
    const char *words[3]; /* kind, name, value */
    size_t n;
    const char *step; /* NULL if not given */
    bool wants_help;
};

PRINTF_LIKE(1, 2)
static int usage_error(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "winnow: %s\n", text);
    return VERBS_EXIT_ERROR;
}

static int help_print(const char *text)
{
    return dprintf(STDOUT_FILENO, "%s", text) >= 0 ? VERBS_EXIT_OK : VERBS_EXIT_ERROR;
}

/* A decimal number, nan or inf, and nothing around it. */
static bool is_number(const char *text)
{
    const char *at = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    bool is_digit = at[0] >= '0' && at[0] <= '9';
    bool is_word = at[0] == 'n' || at[0] == 'N' || at[0] == 'i' || at[0] == 'I';
    if ((!is_digit && at[0] != '.' && !is_word) || strpbrk(text, "xX(pP") != NULL) {
        return false;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    return *end == '\0' && end != at && (is_word || isfinite(value));
}

static bool is_int64(const char *text)
{
    const char *at = text + (text[0] == '-' ? 1 : 0);
    if (at[0] == '\0' || at[strspn(at, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    (void)strtoll(text, NULL, 10);
    return errno == 0;
}

/* Returns 0, or an exit status after it told what is wrong. */
static int log_args_parse(int argc, char **argv, struct log_args *args)
{
    bool has_options = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (has_options && strcmp(word, "--") == 0) {
            has_options = false;
        } else if (has_options && (!strcmp(word, "--help") || !strcmp(word, "-h"))) {
            args->wants_help = true;
        } else if (has_options && strncmp(word, "--step=", 7) == 0) {
            args->step = word + 7;
        } else if (has_options && strcmp(word, "--step") == 0) {
            if (i + 1 == argc) {
                return usage_error("log: --step needs a number");
            }
            args->step = argv[++i];
        } else if (has_options && strncmp(word, "--", 2) == 0) {
            return usage_error("log: unknown option '%s'", word);
        } else if (args->n == ARRAY_LEN(args->words)) {
            return usage_error("log: unexpected argument '%s'", word);
        } else {
            args->words[args->n++] = word;
        }
    }
    return 0;
}

static int log_args_check(const struct log_args *args)
{
    const char *kind = args->n > 0 ? args->words[0] : "";
    bool is_metric = strcmp(kind, "metric") == 0;
    bool is_artifact = strcmp(kind, "artifact") == 0;
    if (args->n == 0) {
        return usage_error("log: expected metric, param, tag or artifact");
    }
    if (!is_metric && !is_artifact && strcmp(kind, "param") != 0
        && strcmp(kind, "tag") != 0) {
        return usage_error("log: unknown kind '%s', expected metric, param, tag or "
                           "artifact",
                           kind);
    }
    if (args->n != (is_artifact ? 2 : 3)) {
        return usage_error("log %s: expected %s", kind,
                           is_artifact ? "PATH" : "NAME VALUE");
    }
    if (args->words[1][0] == '\0') {
        return usage_error("log %s: the %s is empty", kind,
                           is_artifact ? "path" : "name");
    }
    if (args->step != NULL && !is_metric) {
        return usage_error("log %s: --step is for metrics only", kind);
    }
    if (is_metric && !is_number(args->words[2])) {
        return usage_error("log metric: value of '%s' is '%s', expected a number",
                           args->words[1], args->words[2]);
    }
    if (args->step != NULL && !is_int64(args->step)) {
        return usage_error("log metric: step is '%s', expected a whole number",
                           args->step);
    }
    return 0;
}

/* The address of a path too long for it leads through a descriptor of its folder. */
static bool address_fill(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t room = sizeof address->sun_path;
    size_t bytes = strlen(path);
    if (bytes < room) {
        memcpy(address->sun_path, path, bytes);
        return true;
    }
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    if (slash == NULL || (size_t)(slash - path) >= sizeof folder) {
        return false;
    }
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int n = snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", fd, slash + 1);
    return fd >= 0 && n > 0 && (size_t)n < room;
}

static void timeout_set(int fd, int option, int64_t deadline_ns)
{
    int64_t left_us = (deadline_ns - wire_mono_ns()) / 1000;
    left_us = left_us > 1000 ? left_us : 1000; /* 0 would mean: for ever */
    struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
    setsockopt(fd, SOL_SOCKET, option, &left, sizeof left);
}

/* One request, one reply, one deadline. Returns the reply's length, or -1 and errno. */
static ssize_t
exchange(const char *path, const char *request, size_t bytes, char *reply)
{
    int64_t deadline_ns = wire_mono_ns() + (int64_t)HELPER_REPLY_MS_MAX * 1000000;
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (!address_fill(&address, path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    timeout_set(fd, SO_SNDTIMEO, deadline_ns);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return -1;
    }
    timeout_set(fd, SO_SNDTIMEO, deadline_ns);
    if (send(fd, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) {
        return -1;
    }
    timeout_set(fd, SO_RCVTIMEO, deadline_ns);
    return recv(fd, reply, HELPER_REPLY_MAX, 0);
}

/* Joins the fields; 0 if they are longer than a request may be. */
static size_t request_build(char *request, const char *const *fields)
{
    size_t at = 0;
    for (size_t i = 0; i < HELPER_FIELD_NR; i++) {
        size_t bytes = strlen(fields[i]) + 1;
        if (bytes > HELPER_REQUEST_MAX - at) {
            return 0;
        }
        memcpy(request + at, fields[i], bytes);
        at += bytes;
    }
    return at - 1;
}

/* Fills in who asks, asks the agent, leaves a NUL-ended reply. Returns 0, or an exit
 * status after it told what is wrong. */
static int agent_ask(const char **fields, char *reply)
{
    const char *path = getenv(HELPER_ENV_SOCKET);
    const char *run_id = getenv(HELPER_ENV_RUN_ID);
    const char *attempt = getenv(HELPER_ENV_ATTEMPT);
    const char *verb = fields[HELPER_FIELD_VERB];
    if (path == NULL || run_id == NULL || attempt == NULL) {
        return usage_error("%s: not inside a trial: %s is not set", verb,
                           path == NULL     ? HELPER_ENV_SOCKET
                           : run_id == NULL ? HELPER_ENV_RUN_ID
                                            : HELPER_ENV_ATTEMPT);
    }
    fields[HELPER_FIELD_RUN_ID] = run_id;
    fields[HELPER_FIELD_ATTEMPT] = attempt;
    char request[HELPER_REQUEST_MAX];
    size_t bytes = request_build(request, fields);
    if (bytes == 0) {
        return usage_error("%s: longer than %u bytes", verb, HELPER_REQUEST_MAX);
    }
    ssize_t n = exchange(path, request, bytes, reply);
    if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS)) {
        return usage_error("%s: no answer from the agent within %u s", verb,
                           HELPER_REPLY_MS_MAX / 1000);
    }
    if (n <= 0) {
        return usage_error("%s: cannot reach the agent at '%s': %s", verb, path,
                           n == 0 ? "closed without an answer" : strerror(errno));
    }
    reply[n] = '\0';
    return 0;
}

static int reply_unexpected(const char *verb, const char *reply, int status)
{
    const char *text = strncmp(reply, "error: ", 7) == 0 ? reply + 7 : NULL;
    if (text == NULL) {
        return usage_error("%s: unexpected answer '%.80s'", verb, reply);
    }
    (void)usage_error("%s: %s", verb, text);
    return status;
}

/* Artifacts go by absolute path: the agent has another working directory. */
static bool path_make_absolute(const char *path, char *buffer, size_t bytes)
{
    if (path[0] == '/' || getcwd(buffer, bytes) == NULL) {
        int n = snprintf(buffer, bytes, "%s", path);
        return path[0] == '/' && n > 0 && (size_t)n < bytes;
    }
    size_t at = strlen(buffer);
    int n = snprintf(buffer + at, bytes - at, "/%s", path);
    return n > 0 && (size_t)n < bytes - at;
}

static int verb_log(int argc, char **argv)
{
    struct log_args args = { .words = { "", "", "" } };
    int status = log_args_parse(argc, argv, &args);
    if (status == 0 && args.wants_help) {
        return help_print(help_log);
    }
    status = status != 0 ? status : log_args_check(&args);
    if (status != 0) {
        return status;
    }
    const char *name = args.words[1];
    char path[2 * PATH_MAX];
    if (strcmp(args.words[0], "artifact") == 0) {
        if (!path_make_absolute(name, path, sizeof path)) {
            return usage_error("log artifact: path is too long");
        }
        name = path;
    }
    const char *fields[HELPER_FIELD_NR] = {
        [HELPER_FIELD_VERB] = "log",
        [HELPER_FIELD_KIND] = args.words[0],
        [HELPER_FIELD_NAME] = name,
        [HELPER_FIELD_VALUE] = args.n > 2 ? args.words[2] : "",
        [HELPER_FIELD_STEP] = args.step != NULL ? args.step : "",
    };
    char reply[HELPER_REPLY_MAX + 1];
    status = agent_ask(fields, reply);
    if (status != 0 || strcmp(reply, "ok") == 0) {
        return status;
    }
    return reply_unexpected("log", reply, VERBS_EXIT_REFUSED);
}

static int verb_should_stop(int argc, char **argv)
{
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        return help_print(help_should_stop);
    }
    if (argc > 0) {
        return usage_error("should-stop: unexpected argument '%s'", argv[0]);
    }
    const char *fields[HELPER_FIELD_NR] = { "should-stop", "", "", "", "", "", "" };
    char reply[HELPER_REPLY_MAX + 1];
    int status = agent_ask(fields, reply);
    if (status != 0) {
        return status;
    }
    if (strcmp(reply, "stop") == 0) {
        return VERBS_EXIT_STOP;
    }
    if (strcmp(reply, "go") == 0) {
        return VERBS_EXIT_GO_ON;
    }
    return reply_unexpected("should-stop", reply, VERBS_EXIT_ERROR);
}

/* A WINNOW_EXE that leads back here would execute itself for ever. */
static bool is_self(const char *path)
{
    struct stat self;
    struct stat other;
    return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0
           && self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

static int real_program(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool wants_help = !strcmp(verb, "--help") || !strcmp(verb, "-h") || argc < 2;
    const char *exe = getenv(HELPER_ENV_EXE);
    if (exe != NULL && exe[0] != '\0' && !is_self(exe)) {
        execv(exe, argv);
        return usage_error("cannot execute '%s': %s", exe, strerror(errno));
    }
    if (wants_help) {
        return help_print(help_all);
    }
    return usage_error("'%s' needs the winnow program, and %s does not name it", verb,
                       HELPER_ENV_EXE);
}

int verbs_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "log") == 0) {
        return verb_log(argc - 2, argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "should-stop") == 0) {
        return verb_should_stop(argc - 2, argv + 2);
    }
    return real_program(argc, argv);
}
