/* SPDX-License-Identifier: Apache-2.0 */
/* resources.h – what this machine (or the part of it that we may use) has to offer. */
#ifndef AGENT_RESOURCES_H
#define AGENT_RESOURCES_H

#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

struct resources_found {
    uint32_t cpus;                     /* by affinity and cgroup quota, at least 1 */
    uint64_t memory_bytes;             /* by /proc/meminfo and cgroup; 0: unknown */
    uint32_t gpus[GPUS_PER_AGENT_MAX]; /* device indexes of NVIDIA devices */
    size_t gpus_len;
};

/* Looks at the running system. */
void resources_find(struct resources_found *found);

/* CPUs that a cgroup v2 `cpu.max` text ("200000 100000", "max 100000") allows, rounded
 * up; 0: no limit, or not understood. */
uint32_t resources_cpu_max(const char *text);
/* Bytes of a `memory.max` text or v1 limit; 0: no limit, or not understood. */
uint64_t resources_memory_max(const char *text);
/* MemTotal of a /proc/meminfo text in bytes; 0: not found. */
uint64_t resources_meminfo(const char *text);

#endif
