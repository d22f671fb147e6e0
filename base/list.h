/* SPDX-License-Identifier: Apache-2.0 */
/* list.h – intrusive doubly linked list. The node is a member of the item; get the item
 * back with container_of. A node is in at most one list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

/* {NULL, NULL} is "in no list". */
struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

struct list {
    struct list_node head; /* circular; head.next is the first item */
    size_t len;
};

static inline void list_init(struct list *list)
{
    list->head.prev = &list->head;
    list->head.next = &list->head;
    list->len = 0;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->len == 0;
}

static inline bool list_node_is_linked(const struct list_node *node)
{
    return node->next != NULL;
}

/* Inserts node before `at` (a node of the list, or its head for the end). */
static inline void
list_insert_before(struct list *list, struct list_node *at, struct list_node *node)
{
    ASSERT(!list_node_is_linked(node));
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
    list->len++;
}

static inline void list_add_tail(struct list *list, struct list_node *node)
{
    list_insert_before(list, &list->head, node);
}

static inline void list_add_head(struct list *list, struct list_node *node)
{
    list_insert_before(list, list->head.next, node);
}

static inline void list_remove(struct list *list, struct list_node *node)
{
    ASSERT(list_node_is_linked(node));
    ASSERT(list->len > 0);
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
    list->len--;
}

/* First node or NULL. */
static inline struct list_node *list_first(const struct list *list)
{
    return list->len == 0 ? NULL : list->head.next;
}

/* Node behind `node`, or NULL at the end. */
static inline struct list_node *list_next(const struct list *list,
                                          const struct list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

/* Removes and gives the first node, or NULL. */
static inline struct list_node *list_pop_head(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL) {
        list_remove(list, node);
    }
    return node;
}

/* The body must not unlink `node`. */
#define LIST_FOREACH(node, list)                                                       \
    for (struct list_node * (node) = (list)->head.next; (node) != &(list)->head;       \
         (node) = (node)->next)
/* The body may unlink `node`. */
#define LIST_FOREACH_SAFE(node, tmp, list)                                             \
    for (struct list_node * (node) = (list)->head.next, *(tmp) = (node)->next;         \
         (node) != &(list)->head; (node) = (tmp), (tmp) = (tmp)->next)

#endif
