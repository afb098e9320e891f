/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any packets of SCTP, as a flow would bring them: each a byte (bit 7: to the client; bit 6: the tag; bits 0-5: the first chunk's
 * TSN, 0: the input's own) and a byte of length (times 4), then what stands behind the common header. What must hold:
 * nothing is read outside its bytes, all memory comes back, limits hold.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/app/sctp.h"
#include "tests/unit/app/harness.h"

#define PACKET_MAX 1040

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void look(const struct harness *h)
{
	const struct sctp_association *a = h->flow.app ? (const void *)(h->flow.app + 1) : NULL;

	for (unsigned d = 0; a && d < 2; d++) {
		uint32_t count = 0, bytes = 0;

		for (const struct sctp_chunk *c = a->side[d].held; c; c = c->next) {
			count++;
			bytes += c->len;
			must(!c->next || (int32_t)(c->tsn - c->next->tsn) < 0);
		}
		must(count == a->side[d].held_count && count <= SCTP_HELD_CHUNKS);
		must(bytes == a->side[d].held_bytes && bytes <= SCTP_HELD_BYTES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct harness *h;

	if (!h)
		h = harness_new(132, 80, NULL);
	harness_reset(h, 80);
	for (size_t at = 0; at + 2 <= size;) {
		uint8_t packet[PACKET_MAX] = {0}, what = data[at];
		size_t len = data[at + 1] * 4u;

		at += 2;
		if (len > size - at)
			len = size - at;
		packet[7] = what >> 6 & 1;
		memcpy(packet + 12, data + at, len);
		/* a TSN that is near, for the fuzzer does not count */
		if (what & 0x3f && len > 8)
			memcpy(packet + 16, (uint8_t[]){0, 0, 0, what & 0x3f}, 4);
		harness_sctp(h, what >> 7 ? TO_CLIENT : TO_SERVER, packet, 12 + len);
		look(h);
		if (h->out_len > HARNESS_OUT_BYTES / 2)
			harness_clear(h);
		at += len;
	}
	harness_reset(h, 1);
	return 0;
}
