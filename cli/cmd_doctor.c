/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c – `winnow doctor`: is this machine and this home fit to run sweeps?
 * Owns the checks and what is enough. Knows the system and the store's audit. Does not
 * repair anything. */
#include "cli/cmd.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "cli/helper_path.h"
#include "cli/output.h"
#include "cli/where.h"
#include "coordinator/wiring.h"
#include "core/engine.h"
#include "proto/keys.h"
#include "store/store.h"

/* Below: the store still works for a while; at all: it does not. */
#define FREE_BYTES_WARN ((uint64_t)1024 * 1024 * 1024)
#define FREE_BYTES_FAIL ((uint64_t)16 * 1024 * 1024)
/* A coordinator needs one an agent, an agent a few an attempt. */
#define NOFILE_WARN 1024
#define NPROC_WARN  256
/* 2024-01-01: a clock before the program was written is wrong. */
#define CLOCK_MS_MIN ((int64_t)1704067200000)
#define PORT_DEFAULT 5570
#define FINDINGS_MAX ((size_t)64 * 1024)

enum verdict_level {
    LEVEL_OK,
    LEVEL_WARN,
    LEVEL_FAIL
};

struct doctor {
    const char *home;
    json_t *checks; /* [{check, status, detail}] */
    bool failed;
};

PRINTF_LIKE(4, 5)
static void report(struct doctor *doctor,
                   const char *check,
                   enum verdict_level level,
                   const char *fmt,
                   ...)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    AUTO_STRBUF struct strbuf detail = STRBUF_INIT(FINDINGS_MAX);
    json_t *row = json_object();
    va_list args;
    va_start(args, fmt);
    strbuf_addv(&detail, fmt, args);
    va_end(args);
    json_put_str(row, "check", check);
    json_put_str(row, "status", names[level]);
    json_put_str(row, "detail", strbuf_cstr(&detail));
    json_push(doctor->checks, row);
    doctor->failed = doctor->failed || level == LEVEL_FAIL;
}

/* ---- the machine ----------------------------------------------------------------- */

static void check_helper(struct doctor *doctor)
{
    AUTO_FREE char *path = NULL;
    struct err err = { 0 };
    if (helper_path(&path, &err) == ERR_OK) {
        report(doctor, "helper", LEVEL_OK, "%s", path);
    } else {
        report(doctor, "helper", LEVEL_FAIL, "%s", err.msg);
    }
}

static void check_clock(struct doctor *doctor)
{
    struct wall now = clock_wall();
    char text[NUM_TEXT_SIZE];
    wall_format_iso(now, text);
    bool sane = now.ms >= CLOCK_MS_MIN;
    report(doctor, "clock", sane ? LEVEL_OK : LEVEL_WARN, "%s%s", text,
           sane ? "" : ", times in the store will be wrong");
}

static void
check_limit(struct doctor *doctor, const char *name, int resource, uint64_t enough)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) {
        report(doctor, name, LEVEL_WARN, "not known");
    } else if (limit.rlim_cur == RLIM_INFINITY) {
        report(doctor, name, LEVEL_OK, "unlimited");
    } else {
        bool fine = limit.rlim_cur >= enough;
        report(doctor, name, fine ? LEVEL_OK : LEVEL_WARN, "%llu%s",
               (unsigned long long)limit.rlim_cur,
               fine ? "" : ", raise it with ulimit");
    }
}

static void check_port(struct doctor *doctor)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(PORT_DEFAULT),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    if (fd >= 0) {
        IGNORE_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes),
                   "then a port just left counts as taken");
    }
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        report(doctor, "port", LEVEL_OK, "%d is free on loopback", PORT_DEFAULT);
    } else {
        report(doctor, "port", LEVEL_WARN,
               "%d is taken on loopback: a coordinator runs, or choose another with "
               "--listen",
               PORT_DEFAULT);
    }
}

/* ---- the home -------------------------------------------------------------------- */

static void check_space(struct doctor *doctor)
{
    uint64_t bytes = 0;
    struct err err = { 0 };
    if (fsx_free_bytes(doctor->home, &bytes, &err) != ERR_OK) {
        report(doctor, "free space", LEVEL_WARN, "%s", err.msg);
        return;
    }
    report(doctor, "free space",
           bytes < FREE_BYTES_FAIL   ? LEVEL_FAIL
           : bytes < FREE_BYTES_WARN ? LEVEL_WARN
                                     : LEVEL_OK,
           "%.2f GiB", (double)bytes / (1024.0 * 1024.0 * 1024.0));
}

static void check_filesystem(struct doctor *doctor)
{
    static const struct {
        const char *name;
        uint32_t magic;
        bool network;
    } known[] = {
        { "ext", 0xef53, false },         { "xfs", 0x58465342, false },
        { "btrfs", 0x9123683e, false },   { "tmpfs", 0x01021994, false },
        { "overlay", 0x794c7630, false }, { "zfs", 0x2fc12fc1, false },
        { "nfs", 0x6969, true },          { "cifs", 0xff534d42, true },
        { "smb2", 0xfe534d42, true },     { "lustre", 0x0bd00bd0, true },
        { "gpfs", 0x47504653, true },     { "ceph", 0x00c36400, true },
    };
    struct statfs info;
    if (statfs(doctor->home, &info) != 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].magic == (uint32_t)info.f_type) {
            report(doctor, "file system", known[i].network ? LEVEL_FAIL : LEVEL_OK,
                   "%s%s", known[i].name,
                   known[i].network ? ": a store needs a local file system" : "");
            return;
        }
    }
    report(doctor, "file system", LEVEL_OK, "type 0x%x", (unsigned)info.f_type);
}

/* Who holds the home, without disturbing them. */
static void check_holder(struct doctor *doctor)
{
    AUTO_FREE char *path = fsx_path_join(doctor->home, "lock");
    AUTO_FD int fd = -1;
    pid_t pid = 0;
    struct err err = { 0 };
    if (!fsx_exists(path)) {
        report(doctor, "holder", LEVEL_OK, "none");
        return;
    }
    enum err_code code = fsx_lock(path, &fd, &pid, &err);
    if (code == ERR_LOCKED) {
        report(doctor, "holder", LEVEL_OK, "process %lld writes this home",
               (long long)pid);
    } else if (code == ERR_OK) {
        report(doctor, "holder", LEVEL_OK, "none");
    } else {
        report(doctor, "holder", LEVEL_FAIL, "%s", err.msg);
    }
}

static void add_misfit(void *ctx, const struct err *misfit)
{
    strbuf_addf(ctx, "events: %s\n", misfit->msg);
}

/* What a resume will do: every event must fit those before it. */
static enum err_code
check_events(struct store_reader *reader, struct strbuf *findings, struct err *err)
{
    struct wiring_options options = { .lease_ms = 1, /* it is never started */
                                      .warn = add_misfit,
                                      .warn_ctx = findings };
    struct engine *engine = NULL;
    enum err_code code = wiring_engine_to_ask(reader, &options, &engine, err);
    if (code == ERR_OK) {
        engine_destroy(engine);
    }
    return code;
}

static void check_store(struct doctor *doctor)
{
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(FINDINGS_MAX);
    struct store_reader *reader = NULL;
    struct err err = { 0 };
    AUTO_STRBUF struct strbuf aside = STRBUF_INIT(FINDINGS_MAX);
    enum err_code code = store_reader_open(doctor->home, &reader, &err);
    if (code == ERR_OK) {
        code = store_audit(reader, &findings, &err);
    }
    if (code == ERR_OK && findings.len == 0) {
        code = check_events(reader, &findings, &err);
    }
    if (code == ERR_OK && findings.len == 0) {
        code = store_agents_aside(reader, &aside, &err);
    }
    store_reader_close(reader);
    if (code != ERR_OK) {
        report(doctor, "store", LEVEL_FAIL, "%s", err.msg);
    } else if (findings.len > 0) {
        report(doctor, "store", LEVEL_FAIL, "%s", strbuf_cstr(&findings));
    } else {
        report(doctor, "store", LEVEL_OK, "sound");
        report(doctor, "agents", aside.len > 0 ? LEVEL_WARN : LEVEL_OK, "%s",
               aside.len > 0 ? strbuf_cstr(&aside) : "none is set aside");
    }
}

static void check_keys(struct doctor *doctor)
{
    AUTO_FREE char *dir = fsx_path_join(doctor->home, "keys");
    struct keys_coordinator keys;
    struct err err = { 0 };
    if (!keys_have_coordinator(dir)) {
        report(doctor, "keys", LEVEL_OK, "none: loopback only");
    } else if (keys_load_coordinator(dir, &keys, &err) == ERR_OK) {
        keys_wipe_coordinator(&keys);
        report(doctor, "keys", LEVEL_OK, "in %s", dir);
    } else {
        report(doctor, "keys", LEVEL_FAIL, "%s", err.msg);
    }
}

static void check_home(struct doctor *doctor)
{
    struct where where = { .home = doctor->home };
    struct err err = { 0 };
    if (!fsx_is_dir(doctor->home)) {
        report(doctor, "home", LEVEL_WARN, "no folder '%s' yet", doctor->home);
        return;
    }
    bool writable = access(doctor->home, W_OK) == 0;
    report(doctor, "home", writable ? LEVEL_OK : LEVEL_FAIL, "%s%s", doctor->home,
           writable ? "" : " may not be written");
    check_space(doctor);
    check_filesystem(doctor);
    check_keys(doctor);
    if (where_check_home(&where, &err) != ERR_OK) {
        report(doctor, "store", LEVEL_WARN, "none yet");
        return;
    }
    check_holder(doctor);
    check_store(doctor);
}

/* ---- all of it ------------------------------------------------------------------- */

static const struct output_column check_columns[] = {
    { "check", "check", OUTPUT_TEXT },
    { "status", "status", OUTPUT_TEXT },
    { "detail", "detail", OUTPUT_TEXT },
};

int cmd_doctor(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    AUTO_JSON json_t *checks = json_array();
    enum output_format format = OUTPUT_TABLE;
    struct where where;
    struct err err = { 0 };
    if (output_format_get(opts, &format, &err) != ERR_OK) {
        return output_fail(&err);
    }
    where_resolve_home(opts, &where);
    struct doctor doctor = { .home = where.home, .checks = checks };
    check_helper(&doctor);
    check_clock(&doctor);
    check_limit(&doctor, "open files", RLIMIT_NOFILE, NOFILE_WARN);
    check_limit(&doctor, "processes", RLIMIT_NPROC, NPROC_WARN);
    check_port(&doctor);
    check_home(&doctor);
    output_rows(checks, check_columns, ARRAY_LEN(check_columns), format, output_width(),
                &out);
    int status = output_flush(&out);
    return doctor.failed ? 1 : status;
}
