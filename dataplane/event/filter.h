/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A packet filter in the language of pcap-filter(7), compiled for every link type that can be decoded, so
 * that it can be handed to another process as it is. Classic BPF: no loops, no memory, bounded steps
 * (McCanne and Jacobson, The BSD Packet Filter, USENIX 1993).
 */
#ifndef EVENT_FILTER_H
#define EVENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pcap/bpf.h>

#define FILTER_TEXT_MAX 1024
#define FILTER_LINKS 11
#define FILTER_STEPS_MAX 1024

struct filter {
	char text[FILTER_TEXT_MAX]; /* empty: every packet matches */
	uint32_t count;             /* programs */
	struct {
		uint32_t link_type; /* LINKTYPE_* */
		uint32_t count;     /* steps */
		struct bpf_insn steps[FILTER_STEPS_MAX];
	} program[FILTER_LINKS];
};

/* Where the text has no meaning for a link type (an Ethernet address on a raw IP link), packets of that
 * type do not match. 0, or -EINVAL and why; -E2BIG: too long. May ask name services for names in the text.
 * One thread at a time. */
int filter_compile(struct filter *f, const char *text, char *error, size_t error_size);
/* Whether what came from another process may be run. */
bool filter_sane(const struct filter *f);
/* wire_len: the frame's own length, of which len bytes are there. */
bool filter_match(const struct filter *f, unsigned link_type, const uint8_t *data, uint32_t len, uint32_t wire_len);

#endif
