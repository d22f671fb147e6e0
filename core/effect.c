/* SPDX-License-Identifier: Apache-2.0 */
/* effect.c – releasing effects.
 * Owns the knowledge of what each effect owns. Does not know how effects are carried
 * out.
 */
#include "core/effect.h"

#include "base/compiler.h"
#include "base/mem.h"

static void message_fini(struct message *message)
{
    switch (message->kind) {
    case TO_AGENT_WELCOME:
        mem_free(message->as.welcome.verdicts);
        message->as.welcome.verdicts = NULL;
        return;
    case TO_AGENT_REFUSE:
        mem_free(message->as.refuse.text);
        message->as.refuse.text = NULL;
        return;
    case TO_AGENT_STOP:
        mem_free(message->as.stop.cause);
        message->as.stop.cause = NULL;
        return;
    case TO_AGENT_LIMITS:
        mem_free(mem_take(&message->as.limits.items));
        return;
    case TO_AGENT_HELLO_WANTED:
    case TO_AGENT_SWEEP:
    case TO_AGENT_ASSIGN:
    case TO_AGENT_ACK:
    case TO_AGENT_LOG_ACK:
        return;
    case TO_AGENT_NR:
        break;
    }
    UNREACHABLE();
}

void effect_fini(struct effect *effect)
{
    switch (effect->kind) {
    case FX_PERSIST:
        record_destroy(effect->as.record);
        effect->as.record = NULL;
        return;
    case FX_SEND:
        message_fini(&effect->as.message);
        return;
    case FX_REPLY:
        mem_free(effect->as.reply.text);
        effect->as.reply.text = NULL;
        return;
    case FX_WARN:
        mem_free(effect->as.warning);
        effect->as.warning = NULL;
        return;
    case FX_SUGGEST:
        mem_free(effect->as.suggest.open);
        effect->as.suggest.open = NULL;
        return;
    case FX_SWEEP_ENDED:
    case FX_DRAINED:
        return;
    case FX_KIND_NR:
        break;
    }
    UNREACHABLE();
}

void effects_fini(struct effects *effects)
{
    for (size_t i = 0; i < effects->list.len; i++) {
        effect_fini(&effects->list.ptr[i]);
    }
    vec_fini(&effects->list);
}
