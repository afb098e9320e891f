/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any first bytes to the signatures of services. The first byte says TCP or UDP (bit 7) and the
 * server's port; then pieces, each a byte with direction (bit 7) and length: with TCP the direction's
 * bytes so far are looked at, with UDP the piece. What must hold: nothing is read outside the bytes,
 * all memory comes back.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/app/service.h"
#include "tests/unit/app/harness.h"

#define STREAM_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t ports[] = {0,    102,  137,  514,  623,  1080, 1701, 1812, 2123,	2152, 2404,  3306, 3671,
				 4500, 5355, 5683, 5938, 6379, 6000, 8009, 9050, 11211, 47808, 51820, 40000};

/* A copy of its own length. */
static void look(struct harness *h, enum direction d, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	service_look(&h->w, &h->flow, d, copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t stream[2][STREAM_BYTES];
	uint32_t have[2] = {0, 0};
	struct harness *h;
	bool tcp;

	if (size < 2)
		return 0;
	tcp = !(data[0] & 0x80);
	h = harness_new(tcp ? 6 : 17, ports[(data[0] & 0x7f) % (sizeof(ports) / sizeof(ports[0]))], NULL);
	h->flow.app = heap_zalloc(&h->w.heap, sizeof(*h->flow.app));
	for (size_t at = 1; at < size;) {
		enum direction d = data[at] & 0x80 ? TO_CLIENT : TO_SERVER;
		uint32_t n = (uint32_t)(data[at++] & 0x7f) * (tcp ? 1 : 2);

		if (n > size - at)
			n = (uint32_t)(size - at);
		if (tcp && n <= STREAM_BYTES - have[d]) {
			memcpy(stream[d] + have[d], data + at, n);
			have[d] += n;
			look(h, d, stream[d], have[d]);
		} else if (!tcp) {
			look(h, d, data + at, n);
		}
		at += n;
	}
	service_subject(&h->w, &h->flow, (const char *)data, (uint32_t)size);
	service_host(&h->w, &h->flow, (const char *)data, (uint32_t)size);
	service_waits(&h->flow);
	harness_free(h);
	return 0;
}
