/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_chaos.c – `winnow chaos FILE`: break everything, then audit.
 * Owns the folder of the run, the sweep file it submits, and the verdict. Knows
 * chaos.h. Does not know how things are broken or audited. */
#include "cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"
#include "cli/chaos.h"
#include "cli/output.h"
#include "cli/spec_file.h"

#define AGENTS_DEFAULT     3
#define SLOTS_DEFAULT      2
#define KILLS_DEFAULT      10
#define PARTITIONS_DEFAULT 4
#define LEASE_MS_DEFAULT   ((int64_t)2000)
#define AGENTS_CHAOS_MAX   100
#define EXIT_INTERRUPTED   130

/* ---- the report ---- */

void chaos_report_init(struct chaos_report *report)
{
    *report = (struct chaos_report){ .violations = json_array() };
}

void chaos_report_fini(struct chaos_report *report)
{
    json_decref(report->violations);
    report->violations = NULL;
}

void chaos_violation(struct chaos_report *report, const char *fmt, ...)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(CHAOS_VIOLATION_BYTES_MAX);
    va_list args;
    va_start(args, fmt);
    strbuf_addv(&text, fmt, args);
    va_end(args);
    if (json_array_size(report->violations) < CHAOS_VIOLATIONS_MAX) {
        json_push(report->violations, json_string(strbuf_cstr(&text)));
    }
}

/* ---- the sweep file ---- */

/* Braces are places for parameters in a command's words. */
static void put_word(const char *word, struct strbuf *out)
{
    AUTO_STRBUF struct strbuf escaped = STRBUF_INIT((size_t)2 * PATH_BYTES_MAX);
    for (; *word != '\0'; word++) {
        strbuf_addc(&escaped, *word);
        if (*word == '{' || *word == '}') {
            strbuf_addc(&escaped, *word);
        }
    }
    json_emit_str(strbuf_str(&escaped), out);
}

/* The sweep as it is, but for its program: an absolute folder, because the file lies
 * elsewhere, and the recorder before the command. */
static enum err_code write_sweep(const struct chaos_config *config,
                                 struct sweep_spec *spec,
                                 const char *directory,
                                 struct err *err)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(YAML_BYTES_MAX);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(YAML_BYTES_MAX);
    AUTO_FREE char *path = fsx_path_join(config->folder, "sweep.yaml");
    const struct str mark = STR_LIT("\ncommand: [");
    ASSERT(config->exe != NULL);
    char *project = fsx_path_join(directory, spec->project.path);
    mem_free(spec->project.path);
    spec->project.path = project;
    sweep_spec_print(spec, &text);
    size_t at = str_find(strbuf_str(&text), mark);
    if (spec->command_from_entry || at == text.len) {
        return err_set(
            err, ERR_UNSUPPORTED,
            "chaos needs a 'command' in the sweep file, an MLproject's entry "
            "point cannot be recorded yet");
    }
    at += mark.len;
    strbuf_add(&out, text.ptr, at);
    put_word(config->exe, &out);
    strbuf_adds(&out, ", " CHAOS_TRIAL_VERB ", \"--\", ");
    strbuf_add(&out, text.ptr + at, text.len - at);
    return fsx_write_atomic(path, out.ptr, out.len, 0600, err);
}

/* ---- the folder ---- */

/* Where a run happens; owned. */
struct places {
    char *exe;
    char *home;
    char *folder;
    char *agents;
    bool apart; /* the folder is not in the home */
};

static void places_fini(struct places *places)
{
    mem_free(places->exe);
    mem_free(places->home);
    mem_free(places->folder);
    mem_free(places->agents);
}

/* A new one in the temporary folder, absolute. */
static enum err_code make_temporary(char **out, struct err *err)
{
    /* Nothing in this program changes the environment after start. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *tmp = getenv("TMPDIR");
    AUTO_FREE char *made = fsx_path_join(tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp",
                                         "winnow-chaos-XXXXXX");
    if (mkdtemp(made) == NULL) {
        return err_set_errno(err, errno, "cannot make the folder '%s'", made);
    }
    return fsx_real_path(made, out, err);
}

/* An absolute new home: the given one, or a temporary one. */
static enum err_code make_home(const char *given, char **out, struct err *err)
{
    if (given == NULL) {
        return make_temporary(out, err);
    }
    if (fsx_exists(given)) {
        return err_set(err, ERR_EXISTS,
                       "'%s' exists: chaos breaks things, so it wants a new home",
                       given);
    }
    enum err_code code = fsx_mkdirs(given, 0700, err);
    return code == ERR_OK ? fsx_real_path(given, out, err) : code;
}

static enum err_code
make_places(const struct opts *opts, struct places *places, struct err *err)
{
    const char *full = opts->values[OPT_FULL_DISK];
    uint64_t bytes_max = 0;
    if (full != NULL
        && (num_parse_size_bytes(str_from(full), &bytes_max) != ERR_OK
            || !opt_given(opts, OPT_HOME))) {
        return err_set(err, ERR_USAGE,
                       "--full-disk is '%s', expected a size with its unit, as 64MiB, "
                       "beside --home on a file system of its own",
                       full);
    }
    enum err_code code = fsx_real_path("/proc/self/exe", &places->exe, err);
    if (code == ERR_OK) {
        code = make_home(opts->values[OPT_HOME], &places->home, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    places->agents = mem_printf("%s/chaos/agents", places->home);
    places->apart = full != NULL;
    if (!places->apart) {
        places->folder = fsx_path_join(places->home, "chaos");
    } else {
        code = make_temporary(&places->folder, err);
    }
    if (code == ERR_OK && places->apart) {
        code = chaos_disk_check(places->home, places->folder, bytes_max, err);
    }
    AUTO_FREE char *record = mem_printf("%s/record", places->folder);
    code = code == ERR_OK ? fsx_mkdirs(record, 0700, err) : code;
    return code == ERR_OK ? fsx_mkdirs(places->agents, 0700, err) : code;
}

/* What was made goes. */
static void remove_places(const struct places *places)
{
    struct err err = { 0 };
    if (places->apart && places->folder != NULL
        && fsx_remove_tree(places->folder, &err) != ERR_OK) {
        output_say("%s", err.msg);
    }
    if (places->home != NULL && fsx_remove_tree(places->home, &err) != ERR_OK) {
        output_say("%s", err.msg);
    }
}

/* ---- the verdict ---- */

static json_t *report_json(const struct chaos_config *config,
                           const struct chaos_report *report,
                           bool kept)
{
    json_t *out = json_object();
    bool clean = json_array_size(report->violations) == 0;
    json_put_str(out, "verdict", clean ? "clean" : "violated");
    json_put_i64(out, "seed", (int64_t)config->seed);
    json_put_i64(out, "kills", report->kills);
    json_put_i64(out, "stops", report->stops);
    json_put_i64(out, "partitions", report->partitions);
    json_put_i64(out, "full_disks", report->fills);
    json_put_i64(out, "trials", (int64_t)report->trials);
    json_put_i64(out, "attempts", (int64_t)report->attempts);
    json_put_i64(out, "points", (int64_t)report->points);
    json_put_i64(out, "elapsed_ms", report->elapsed_ms);
    if (kept) {
        json_put_str(out, "home", config->home);
        json_put_str(out, "record", config->folder);
    }
    json_put(out, "violations", json_incref(report->violations));
    return out;
}

static void verdict_lines(const struct chaos_config *config,
                          const struct chaos_report *report,
                          struct strbuf *out)
{
    size_t len = json_array_size(report->violations);
    for (size_t i = 0; i < len; i++) {
        const char *line = json_string_value(json_array_get(report->violations, i));
        strbuf_addf(out, "violated: %s\n", line);
    }
    if (len == 0) {
        strbuf_adds(out, "chaos: clean");
    } else {
        strbuf_addf(out, "chaos: %zu violations", len);
    }
    strbuf_addf(out, ", seed %" PRIu64 ", %u kills, %u stops, %u partitions",
                config->seed, (unsigned)report->kills, (unsigned)report->stops,
                (unsigned)report->partitions);
    if (config->full_disk) {
        strbuf_addf(out, ", %u full disks", (unsigned)report->fills);
    }
    strbuf_addf(
        out, ", %" PRIu64 " trials, %" PRIu64 " attempts, %" PRIu64 " points, %.1f s\n",
        report->trials, report->attempts, report->points,
        (double)report->elapsed_ms / 1000.0);
}

static int give_verdict(const struct chaos_config *config,
                        const struct chaos_report *report,
                        enum output_format format,
                        bool kept)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    AUTO_JSON json_t *object = report_json(config, report, kept);
    if (format == OUTPUT_TABLE) {
        verdict_lines(config, report, &out);
    } else {
        output_object(object, format, &out);
    }
    if (kept) {
        output_say("kept %s%s%s", config->home, config->full_disk ? " and " : "",
                   config->full_disk ? config->folder : "");
    }
    if (report->kills < config->kills) {
        output_say("the sweep was over after %u of %u kills: give it more trials",
                   (unsigned)report->kills, (unsigned)config->kills);
    }
    int status = output_flush(&out);
    return json_array_size(report->violations) > 0 ? 1 : status;
}

/* ---- the run ---- */

/* Runs, audits, gives the verdict; false through *kept: nothing is worth keeping. */
static int
run_chaos(const struct chaos_config *config, enum output_format format, bool *kept)
{
    struct chaos_report report;
    struct err err = { 0 };
    int status = EXIT_INTERRUPTED;
    chaos_report_init(&report);
    enum err_code code = chaos_break(config, &report, &err);
    if (code == ERR_OK && !report.interrupted) {
        chaos_audit(config, &report);
    }
    bool clean = json_array_size(report.violations) == 0;
    *kept = *kept || (!clean && !report.interrupted);
    if (code != ERR_OK) {
        status = output_fail(&err);
    } else if (!report.interrupted) {
        status = give_verdict(config, &report, format, *kept);
    }
    chaos_report_fini(&report);
    return status;
}

static enum err_code
read_options(const struct opts *opts, struct chaos_config *config, struct err *err)
{
    uint32_t seed = 0;
    clock_entropy(&seed, sizeof seed);
    enum err_code code = opt_u32(opts, OPT_SEED, 0, &seed, err);
    config->seed = seed;
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_AGENTS, 1, &config->agents, err);
    }
    if (code == ERR_OK && config->agents > AGENTS_CHAOS_MAX) {
        code = err_set(err, ERR_USAGE, "--agents is %u, at most %d are started here",
                       (unsigned)config->agents, AGENTS_CHAOS_MAX);
    }
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_SLOTS, 1, &config->slots, err);
    }
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_KILLS, 0, &config->kills, err);
    }
    if (code == ERR_OK) {
        code = opt_u32(opts, OPT_PARTITIONS, 0, &config->partitions, err);
    }
    if (code == ERR_OK) {
        code = opt_duration_ms(opts, OPT_LEASE, &config->lease_ms, err);
    }
    return code;
}

static enum err_code read_sweep(const char *path,
                                struct spec_file *file,
                                struct sweep_spec **spec,
                                struct err *err)
{
    enum err_code code = spec_file_read(path, file, err);
    return code == ERR_OK ? spec_file_parse(file, spec, err) : code;
}

int cmd_chaos(const struct opts *opts)
{
    AUTO_SPEC_FILE struct spec_file file = { .text = NULL };
    struct places places = { .exe = NULL };
    struct sweep_spec *spec = NULL;
    struct chaos_config config = { .agents = AGENTS_DEFAULT,
                                   .slots = SLOTS_DEFAULT,
                                   .kills = KILLS_DEFAULT,
                                   .partitions = PARTITIONS_DEFAULT,
                                   .lease_ms = LEASE_MS_DEFAULT,
                                   .full_disk = opt_given(opts, OPT_FULL_DISK),
                                   .quiet = opt_given(opts, OPT_QUIET) };
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    bool kept = false;
    enum err_code code = output_format_get(opts, &format, &err);
    code = code == ERR_OK ? read_options(opts, &config, &err) : code;
    code = code == ERR_OK ? read_sweep(opts->args[0], &file, &spec, &err) : code;
    code = code == ERR_OK ? make_places(opts, &places, &err) : code;
    if (code == ERR_OK) {
        config.exe = places.exe;
        config.home = places.home;
        config.folder = places.folder;
        config.agents_folder = places.agents;
        config.spec = spec;
        code = write_sweep(&config, spec, file.directory, &err);
    }
    int status = 0;
    if (code == ERR_OK) {
        kept = opt_given(opts, OPT_HOME);
        status = run_chaos(&config, format, &kept);
    } else {
        status = output_fail(&err);
    }
    if (!kept) {
        remove_places(&places);
    }
    places_fini(&places);
    sweep_spec_destroy(spec);
    return status;
}
