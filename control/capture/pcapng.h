/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little endian as the machine is, appended to a text.
 * Times are nanoseconds since the epoch (if_tsresol 9).
 */
#ifndef CONTROL_CAPTURE_PCAPNG_H
#define CONTROL_CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/text.h"

#define PCAPNG_NAME_MAX 256

struct pcapng_interface {
	uint16_t link_type;   /* LINKTYPE_* */
	uint32_t snaplen;     /* 0: no limit */
	const char *name;     /* if_name */
	const char *filter;   /* if_filter, as text; NULL or "": none */
};

struct pcapng_packet {
	uint32_t interface;   /* number of its description in the file, from 0 */
	uint64_t ts_ns;
	uint32_t len, wire_len;
	const uint8_t *data;
	uint64_t id;          /* epb_packetid */
	/* Ready made: blocks of options (pcapng_comment), without their end; may be empty. */
	const uint8_t *options;
	size_t options_len;
};

void pcapng_section(struct text *out);
void pcapng_interface(struct text *out, const struct pcapng_interface *i);
void pcapng_packet(struct text *out, const struct pcapng_packet *p);
/* An opt_comment; longer than 65,535 bytes is cut. */
void pcapng_comment(struct text *out, const void *data, size_t len);

/* What a file of ours already has. */
struct pcapng_found {
	uint64_t length;      /* of the whole blocks; what follows is broken off */
	uint64_t last_id;     /* of the last packet; 0: none */
	unsigned interfaces;
	struct {
		uint16_t link_type;
		char name[PCAPNG_NAME_MAX];
	} interface[64];
};

/* Reads fd from its start. 0; -EPROTO: it is no section of ours; or -errno. */
int pcapng_read_back(int fd, struct pcapng_found *out);

#endif
