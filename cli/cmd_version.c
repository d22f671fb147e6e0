/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c – `winnow version`: program, protocol and libraries.
 * Knows the versions given by the build. Does not know anything else. */
#include "cli/cmd.h"

#include <uv.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/output.h"
#include "proto/codec.h"

int cmd_version(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    AUTO_JSON json_t *version = json_object();
    AUTO_FREE char *protocol =
        mem_printf("%u.%u", CODEC_VERSION_MAJOR, CODEC_VERSION_MINOR);
    enum output_format format = OUTPUT_TABLE;
    struct err err = { 0 };
    if (output_format_get(opts, &format, &err) != ERR_OK) {
        return output_fail(&err);
    }
    json_put_str(version, "winnow", WINNOW_VERSION);
    json_put_str(version, "protocol", protocol);
    json_put_i64(version, "store", WINNOW_STORE_SCHEMA);
    json_put_str(version, "libuv", uv_version_string());
    json_put_str(version, "jansson", jansson_version_str());
    json_put_str(version, "libzmq", WINNOW_ZMQ_VERSION);
    json_put_str(version, "sqlite", WINNOW_SQLITE_VERSION);
    json_put_str(version, "protobuf-c", WINNOW_PROTOBUF_C_VERSION);
    json_put_str(version, "libsodium", WINNOW_SODIUM_VERSION);
    output_object(version, format, &out);
    return output_flush(&out);
}
