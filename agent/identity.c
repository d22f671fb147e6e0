/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c – agent id, boot counter and lock of a work-dir.
 *
 * Owns: the files `identity` ("<id> <boot>"), `home` and `lock`.
 * Knows: nothing of what else lies in the work-dir but its folders.
 * Does not know: sessions. */
#include "agent/identity.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/sys/clock.h"
#include "base/sys/fsx.h"

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-';
}

int agent_id_is_valid(const char *agent_id)
{
    size_t len = strlen(agent_id);
    if (len == 0 || len > NAME_BYTES_MAX || agent_id[0] == '.') {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (!id_char(agent_id[i])) {
            return 0;
        }
    }
    return 1;
}

/* "<host>-<8 digits>": readable, and unique without asking anybody. */
static char *id_make(const char *host)
{
    uint8_t random[4];
    clock_entropy(random, sizeof random);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(NAME_BYTES_MAX);
    for (size_t i = 0; host[i] != '\0' && host[i] != '.' && i < 60; i++) {
        char c = host[i];
        if (!id_char(c)) {
            c = '-';
        }
        strbuf_addc(&text, c);
    }
    strbuf_addf(&text, "%s%02x%02x%02x%02x", text.len > 0 ? "-" : "agent-", random[0],
                random[1], random[2], random[3]);
    return strbuf_take(&text);
}

/* What the last start left: id and boot. Absent is fine. */
static enum err_code
identity_read(const char *path, struct identity *identity, struct err *err)
{
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(4096);
    if (!fsx_exists(path)) {
        return ERR_OK;
    }
    enum err_code code = fsx_read_file(path, &buf, err);
    if (code != ERR_OK) {
        return code;
    }
    struct str rest = str_trim(strbuf_str(&buf));
    struct str id;
    uint64_t boot = 0;
    if (!str_split_next(&rest, ' ', &id) || num_parse_u64(rest, &boot) != ERR_OK) {
        return err_set(err, ERR_INVALID, "'%s' is damaged: expected 'ID BOOT'", path);
    }
    identity->agent_id = mem_strndup(id.ptr, id.len);
    identity->boot = boot;
    return ERR_OK;
}

static enum err_code identity_renew(const char *work_dir,
                                    const char *agent_id,
                                    const char *host,
                                    struct identity *identity,
                                    struct err *err)
{
    AUTO_FREE char *path = fsx_path_join(work_dir, "identity");
    enum err_code code = identity_read(path, identity, err);
    if (code != ERR_OK) {
        return code;
    }
    if (agent_id != NULL) {
        mem_free(identity->agent_id);
        identity->agent_id = mem_strdup(agent_id);
    } else if (identity->agent_id == NULL) {
        identity->agent_id = id_make(host);
    }
    if (!agent_id_is_valid(identity->agent_id)) {
        return err_set(err, ERR_INVALID,
                       "'%s' is no agent id: expected letters, digits, '.', '_', '-'",
                       identity->agent_id);
    }
    identity->boot++;
    AUTO_FREE char *text =
        mem_printf("%s %llu\n", identity->agent_id, (unsigned long long)identity->boot);
    return fsx_write_atomic(path, text, strlen(text), 0600, err);
}

static void home_read(const char *work_dir, struct identity *identity)
{
    AUTO_FREE char *path = fsx_path_join(work_dir, "home");
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(4096);
    if (fsx_exists(path) && fsx_read_file(path, &buf, NULL) == ERR_OK) {
        struct str text = str_trim(strbuf_str(&buf));
        identity->home_id = mem_strndup(text.ptr, text.len);
    }
}

static enum err_code folders_make(const char *work_dir, struct err *err)
{
    static const char *const names[] = { "attempts", "logs", "bin" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_FREE char *path = fsx_path_join(work_dir, names[i]);
        enum err_code code = fsx_mkdirs(path, 0700, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

enum err_code identity_open(const char *work_dir,
                            const char *agent_id,
                            const char *host,
                            struct identity *identity,
                            struct err *err)
{
    *identity = (struct identity){ .lock_fd = -1 };
    enum err_code code = folders_make(work_dir, err);
    if (code != ERR_OK) {
        return code;
    }
    AUTO_FREE char *lock = fsx_path_join(work_dir, "lock");
    pid_t holder = 0;
    code = fsx_lock(lock, &identity->lock_fd, &holder, err);
    if (code == ERR_LOCKED) {
        return err_set(err, ERR_LOCKED,
                       "work-dir '%s' is used by another agent, process %d", work_dir,
                       (int)holder);
    }
    if (code == ERR_OK) {
        code = identity_renew(work_dir, agent_id, host, identity, err);
    }
    if (code != ERR_OK) {
        identity_fini(identity);
        return code;
    }
    home_read(work_dir, identity);
    return ERR_OK;
}

void identity_fini(struct identity *identity)
{
    mem_free(identity->agent_id);
    mem_free(identity->home_id);
    if (identity->lock_fd >= 0) {
        close(identity->lock_fd);
    }
    *identity = (struct identity){ .lock_fd = -1 };
}

enum err_code
identity_set_home(const char *work_dir, const char *home_id, struct err *err)
{
    AUTO_FREE char *path = fsx_path_join(work_dir, "home");
    return fsx_write_atomic(path, home_id, strlen(home_id), 0600, err);
}
