/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A list of values that rules look buffers up in (dataset, datarep, filemd5 …), and may add to.
 *
 * All workers share it, without locks: a hash table of chains that only grow. An entry is written,
 * then hung into its chain by one compare-and-swap; it never moves and never changes, but for the
 * mark that says whether it is in the list. Removing clears the mark, adding again sets it. All memory
 * is one mapping made with the list (pages come with their first use), so that nothing is allocated
 * when a worker adds. Memory is accounted as the reference does, so that a memcap written for it
 * means the same here; a list that has no room left takes no more.
 *
 * What was removed keeps its place: a list of which many different values are taken out and put in
 * fills up. The hash has a key of its own per process, so that nobody can choose values for one chain.
 */
#ifndef RULES_LIST_H
#define RULES_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum list_type { LIST_STRING, LIST_MD5, LIST_SHA1, LIST_SHA256, LIST_IPV4, LIST_IP, LIST_TYPE_COUNT };

/* What stands beside each value. */
enum list_kind { LIST_PLAIN, LIST_REPUTATION, LIST_CONTEXT };

#define LIST_MEMCAP_DEFAULT (100ull << 20)
#define LIST_MEMCAP_MAX (16ull << 30)
#define LIST_HASHSIZE_DEFAULT 4096u
#define LIST_HASHSIZE_MAX (1u << 24)
#define LIST_VALUE_MAX 65535 /* bytes of a value; a longer one is in no list */

struct list;

/* Immutable once it is in a list, and as long as that. */
struct list_entry {
	uint32_t next; /* in its chain, in units of the arena; 0: none */
	uint32_t hash;
	uint32_t len, context_len;
	uint16_t reputation;
	_Atomic uint8_t there; /* it is in the list */
	uint8_t bytes[];       /* the value, then the context (a JSON object) */
};

enum list_answer {
	LIST_NEW,    /* it was not there, and now it is */
	LIST_KNOWN,  /* it was there */
	LIST_FULL,
	LIST_BAD,    /* no value of this type */
};

/* NULL: a memcap too small for its hashsize (errno EINVAL), or memory. 0: the defaults. */
struct list *list_new(enum list_type type, uint64_t memcap, uint32_t hashsize);
/* Counted: a rule set and the engine hold it. One thread at a time. */
struct list *list_get(struct list *l);
void list_put(struct list *l);

enum list_type list_type_of(const struct list *l);

/* Any thread. A value of type ip may have 4 or 16 bytes; NULL: not in the list. */
const struct list_entry *list_find(const struct list *l, const uint8_t *value, uint32_t len);
enum list_answer list_add(struct list *l, const uint8_t *value, uint32_t len, uint16_t reputation,
			  const char *context, uint32_t context_len);
/* True: it was there. */
bool list_remove(struct list *l, const uint8_t *value, uint32_t len);

uint64_t list_count(const struct list *l);
/* How often it has been changed: what is saved need not be saved again. */
uint64_t list_changes(const struct list *l);
/* All that is in the list, in no order. Workers may go on adding. */
void list_each(const struct list *l, void (*tell)(const struct list_entry *e, void *with), void *with);

#endif
