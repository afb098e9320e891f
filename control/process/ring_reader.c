/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/process/ring_reader.h"

#include <errno.h>
#include <string.h>

#include "control/base/say.h"

#define TURN_BYTES_MAX (1u << 20) /* of one ring before the next has its turn */

int ring_reader_attach(struct ring_reader *r)
{
	for (unsigned i = 0; i < r->boot->worker_count; i++) {
		int err = ring_attach(&r->ring[i], r->fds[i]);

		if (!err && r->ring[i].shared->boot_id != r->boot->boot_id)
			err = -EPROTO;
		if (err) {
			say("the %s ring of worker %u cannot be used: %s", r->what, i, strerror(-err));
			return err;
		}
		r->pos[i] = ring_tail(&r->ring[i]);
	}
	return 0;
}

bool ring_reader_turn(struct ring_reader *r, unsigned i)
{
	uint64_t avail, done = 0;
	const uint8_t *at = ring_peek(&r->ring[i], r->pos[i], &avail);

	while (done < avail && done < TURN_BYTES_MAX) {
		const struct record_head *head = (const void *)(at + done);

		if (avail > r->ring[i].size_bytes || !record_valid(head, avail - done)) {
			say("%s ring of worker %u: what stands at %llu is not a record; %llu bytes are skipped", r->what,
			    i, (unsigned long long)(r->pos[i] + done), (unsigned long long)(avail - done));
			done = avail;
			break;
		}
		r->take(r->arg, head);
		done += head->length;
	}
	r->pos[i] += done;
	return done != 0;
}

void ring_reader_release(struct ring_reader *r)
{
	for (unsigned i = 0; i < r->boot->worker_count; i++)
		ring_release(&r->ring[i], r->pos[i]);
}

bool ring_reader_over(const struct ring_reader *r)
{
	uint32_t state = __atomic_load_n(&r->counters->status.state, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&r->boot->dataplane_gone, __ATOMIC_ACQUIRE) ||
	       (r->boot->purpose != BOOT_LIVE && (state == DATAPLANE_FINISHED || state == DATAPLANE_FAILED));
}
