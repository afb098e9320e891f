/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Putting IP fragments together. Private to packet/.
 */
#ifndef PACKET_DEFRAG_H
#define PACKET_DEFRAG_H

#include <stdint.h>

#include "dataplane/packet/packet.h"

struct decoder;
struct defrag;

/* All memory is allocated here. 0 or -errno. */
int defrag_new(struct worker *w, struct defrag **out);
void defrag_free(struct worker *w, struct defrag *s);
/* Forgets all fragments. */
void defrag_reset(struct defrag *s);
/* Gives up packets whose fragments waited too long. */
void defrag_expire(struct worker *w, struct defrag *s, uint64_t now_ns);

/* A fragment: p's IP header is good, p->payload is what it carries. When it completes its packet,
 * that is queued in d. */
void defrag_ipv4(struct decoder *d, struct packet *p);
/* names: the byte, in p, that names the fragment header; header: the fragment header. */
void defrag_ipv6(struct decoder *d, struct packet *p, const uint8_t *names, const uint8_t *header);

/* The memory behind a reassembled packet goes back. */
void defrag_buffer_put(struct worker *w, void *buffer);

#endif
