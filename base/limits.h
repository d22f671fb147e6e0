/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h – every named maximum, with its reason. Bytes exclude the final NUL unless
 * the name says otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* ---- text ---- */

/* `struct err` lives on the stack of every call chain, so its message is short. */
#define ERR_MSG_SIZE 240
/* Sweep and parameter names: the sweep file allows 128 characters for a sweep. */
#define NAME_BYTES_MAX 128
/* MLflow's limit for metric, parameter and tag keys. */
#define METRIC_NAME_BYTES_MAX 250
/* MLflow's limit for a parameter's value. */
#define PARAM_VALUE_BYTES_MAX 6000
/* MLflow's limit for a tag's value. */
#define TAG_VALUE_BYTES_MAX 8000
/* Paths we build; equal to Linux PATH_MAX, so longer ones could not be opened. */
#define PATH_BYTES_MAX 4096
/* A cause ("exit status 3", "lease expired") is one line on a terminal or two. */
#define CAUSE_BYTES_MAX 512
/* An expression of `when` or `forbid`; a person wrote it. */
#define EXPR_BYTES_MAX 4096
/* Nesting of an expression; its parser and evaluator walk that deep. */
#define EXPR_DEPTH_MAX 32
/* A command after expansion; below the kernel's 128 KiB for one argument. */
#define COMMAND_BYTES_MAX ((size_t)64 * 1024)
/* Words of a command; the kernel allows more, no sweep needs more. */
#define COMMAND_WORDS_MAX 4096

/* ---- sweep ---- */

/* Parameters in a space; a suggestion is O(parameters). */
#define PARAMS_MAX 1000
/* Choices in one categorical parameter. */
#define CHOICES_MAX 10000
/* Cells of a grid: more could not be run, and the count must fit a trial number. */
#define GRID_CELLS_MAX 10000000
/* Trials in one sweep. */
#define TRIALS_MAX 100000000
/* Attempts of one trial; a retry budget beyond it is a mistake in the file. */
#define ATTEMPTS_MAX 1000
/* Trials and ranges of trials named in one `retry`. */
#define RETRY_RANGES_MAX 64
/* Versions of one sweep's file; all are kept in memory. */
#define REVISIONS_MAX 1000
/* Points tried first. */
#define ENQUEUE_MAX 100000
/* `forbid` expressions. */
#define FORBID_MAX 1000
/* Patterns in `metrics`. */
#define METRIC_PATTERNS_MAX 64
/* Tags of one run. */
#define TAGS_MAX 1000

/* ---- documents ---- */

/* A sweep file with a long `enqueue` list still fits. */
#define YAML_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* Real files nest 5 deep; the limit keeps every tree walk shallow. */
#define YAML_DEPTH_MAX 32
/* Nodes of one tree: bounds memory for files that are all brackets. */
#define YAML_NODES_MAX 1000000
/* A request body or a reply; equal to the message limit. */
#define JSON_BYTES_MAX ((size_t)8 * 1024 * 1024)
/* Our own walkers recurse to this depth (jansson itself allows 2048). */
#define JSON_DEPTH_MAX 64

/* ---- wire and metrics ---- */

/* One protobuf message; MAXMSGSIZE on every socket, checked before unpacking. */
#define MESSAGE_BYTES_MAX ((size_t)8 * 1024 * 1024)
/* Points in one metric batch; larger batches gain nothing (measured flat from 100). */
#define BATCH_POINTS_MAX 10000
/* Metric names one attempt may use; the rest are counted and said. */
#define METRIC_NAMES_PER_ATTEMPT_MAX 200
/* Rules of early stopping in one file: `any` of several is a handful. */
#define STOP_RULES_MAX 16
/* Steps of one trial that early stopping looks at: a step a second for a week. */
#define CURVE_STEPS_MAX 600000u
/* One line of a trial's output or of our log; longer ones are cut. */
#define LINE_BYTES_MAX ((size_t)64 * 1024)

/* ---- patterns ---- */

#define PATTERN_BYTES_MAX 4096
/* Named groups of one pattern, also the size of `struct pattern_match`. */
#define PATTERN_GROUPS_MAX 32
/* PCRE2 backtracking steps for one match: about 10 ms on a line made to hurt. */
#define PATTERN_MATCH_LIMIT 200000
/* PCRE2 backtracking depth and heap (KiB). */
#define PATTERN_DEPTH_LIMIT    1000
#define PATTERN_HEAP_LIMIT_KIB 1024

/* ---- store ---- */

/* Captured output of one attempt; what a trial prints beyond it is not kept. */
#define LOG_BYTES_MAX ((uint64_t)1024 * 1024 * 1024)
/* Output of an attempt kept in the database; longer output goes on in a file. */
#define LOG_HEAD_BYTES ((uint64_t)16 * 1024)

/* ---- agents ---- */

#define AGENTS_MAX          10000
#define SLOTS_PER_AGENT_MAX 4096
#define GPUS_PER_AGENT_MAX  64

#endif
