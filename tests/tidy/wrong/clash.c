/* SPDX-License-Identifier: Apache-2.0 */
/* clash.c – what symbol_clash.sh must find: a name that libyaml exports. */
void yaml_free(void);

void yaml_free(void) {}
