/* SPDX-License-Identifier: Apache-2.0 */
/* resources.c – counts CPUs, memory and devices.
 * Owns nothing. Knows /proc and both versions of cgroups. Does not know slots or
 * sweeps: what was found is offered, who gets it is the coordinator's decision.
 *
 * _GNU_SOURCE for sched_getaffinity. */
#define _GNU_SOURCE
#include "agent/resources.h"

#include <dirent.h>
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"

/* Limits of v1 that mean "none" are just below 2^63. */
#define MEMORY_NONE ((uint64_t)1 << 60)

static struct str word_next(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != '\t'
           && rest->ptr[n] != '\n') {
        n++;
    }
    struct str word = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return word;
}

uint32_t resources_cpu_max(const char *text)
{
    struct str rest = str_from(text);
    uint64_t quota = 0;
    uint64_t period = 0;
    if (num_parse_u64(word_next(&rest), &quota) != ERR_OK
        || num_parse_u64(word_next(&rest), &period) != ERR_OK || period == 0
        || quota == 0) {
        return 0;
    }
    uint64_t cpus = quota / period + (quota % period != 0);
    return cpus < UINT32_MAX ? (uint32_t)cpus : 0;
}

uint64_t resources_memory_max(const char *text)
{
    struct str rest = str_from(text);
    uint64_t bytes = 0;
    if (num_parse_u64(word_next(&rest), &bytes) != ERR_OK || bytes >= MEMORY_NONE) {
        return 0;
    }
    return bytes;
}

uint64_t resources_meminfo(const char *text)
{
    struct str all = str_from(text);
    struct str label = STR_LIT("MemTotal:");
    struct str rest = str_sub(all, str_find(all, label), all.len);
    rest = str_sub(rest, label.len, rest.len);
    uint64_t kib = 0;
    return num_parse_u64(word_next(&rest), &kib) == ERR_OK ? kib * 1024 : 0;
}

/* The file's text; empty when it cannot be read. */
static const char *text_of(const char *path, struct strbuf *buf)
{
    strbuf_reset(buf);
    if (fsx_read_file(path, buf, NULL) != ERR_OK) {
        strbuf_reset(buf);
    }
    return strbuf_cstr(buf);
}

/* Path of our group in a hierarchy of /proc/self/cgroup ("0::/a/b", "4:memory:/a/b"),
 * to be appended to its mount point; empty when there is none. */
static struct str cgroup_path(const char *text, struct str controller)
{
    struct str rest = str_from(text);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        struct str fields = line;
        struct str number;
        struct str name;
        if (str_split_next(&fields, ':', &number) && str_split_next(&fields, ':', &name)
            && str_eq(name, controller)) {
            return fields;
        }
    }
    return (struct str){ 0 };
}

/* Text of a limit of our group, or of the root of the mount (inside a container the
 * group's own folder is mounted there). */
static const char *
cgroup_text(const char *mount, struct str path, const char *file, struct strbuf *buf)
{
    AUTO_FREE char *own = mem_printf("%s%.*s/%s", mount, STR_ARG(path), file);
    const char *text = text_of(own, buf);
    if (text[0] != '\0') {
        return text;
    }
    AUTO_FREE char *root = mem_printf("%s/%s", mount, file);
    return text_of(root, buf);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return b != 0 && (a == 0 || b < a) ? b : a;
}

static void cgroup_limits(struct resources_found *found)
{
    AUTO_STRBUF struct strbuf groups = STRBUF_INIT(65536);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(65536);
    const char *text = text_of("/proc/self/cgroup", &groups);
    struct str unified = cgroup_path(text, STR_LIT(""));
    uint32_t cpus =
        resources_cpu_max(cgroup_text("/sys/fs/cgroup", unified, "cpu.max", &buf));
    if (cpus != 0 && cpus < found->cpus) {
        found->cpus = cpus;
    }
    found->memory_bytes =
        least(found->memory_bytes, resources_memory_max(cgroup_text(
                                       "/sys/fs/cgroup", unified, "memory.max", &buf)));
    struct str memory = cgroup_path(text, STR_LIT("memory"));
    found->memory_bytes =
        least(found->memory_bytes,
              resources_memory_max(cgroup_text("/sys/fs/cgroup/memory", memory,
                                               "memory.limit_in_bytes", &buf)));
}

static void find_gpus(struct resources_found *found)
{
    DIR *dir = opendir("/proc/driver/nvidia/gpus");
    if (dir == NULL) {
        return;
    }
    /* One folder a device; CUDA numbers them in the order of the bus. */
    const struct dirent *entry = NULL;
    /* One stream, one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && found->gpus_len < GPUS_PER_AGENT_MAX) {
            found->gpus[found->gpus_len] = (uint32_t)found->gpus_len;
            found->gpus_len++;
        }
    }
    closedir(dir);
}

void resources_find(struct resources_found *found)
{
    memset(found, 0, sizeof *found);
    cpu_set_t set;
    found->cpus = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        found->cpus = (uint32_t)CPU_COUNT(&set);
    }
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(65536);
    found->memory_bytes = resources_meminfo(text_of("/proc/meminfo", &buf));
    cgroup_limits(found);
    find_gpus(found);
}
