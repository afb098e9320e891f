/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An established TCP flow that is idle is put to rest: its counts, what hangs off it and its session stand in short
 * form in its own memory, where no packet looks that is not of it, and the session's goes back to the pool. Key,
 * flags, time and place in table and timers stay as they are. The next who wants more of it wakes it first; it is then
 * as it was, to the bit. What does not fit, or holds bytes, stays as it is. Worker thread only.
 */
#include <string.h>

#include "dataplane/app/app.h"
#include "dataplane/base/pack.h"
#include "dataplane/flow/table.h"
#include "dataplane/stream/stream.h"

/* Where it stands: the second line after the time, then the rest of what is cold. */
#define HOT_FROM offsetof(struct flow, packets)
#define HOT_BYTES (sizeof(struct flow) - HOT_FROM)
#define COLD_FROM offsetof(struct flow_cold, start_ns)
#define COLD_BYTES (sizeof(struct flow_cold) - COLD_FROM)
#define REST_BYTES (HOT_BYTES + COLD_BYTES)
_Static_assert(REST_BYTES == 92, "more than most sessions need");

#define POINTER_BYTES 6u /* that differ from one address of a process to another */
#define FLOW_PACKED_MAX 112
#define PACKED_MAX (FLOW_PACKED_MAX + STREAM_PACKED_MAX)

enum flow_written {
	HAS_APP = 1 << 0,
	HAS_DETECT = 1 << 1,
	HAS_NOTES = 1 << 2,
	HAS_MACS = 1 << 3,
	HAS_MORE = 1 << 4, /* struct more */
};

/* What is zero in most. */
struct more {
	uint8_t icmp_reply_type, icmp_reply_code, icmp_type, icmp_code, drop_reason, exceptions;
};
#define MORE_FROM offsetof(struct flow, icmp_reply_type)
_Static_assert(MORE_FROM + sizeof(struct more) == sizeof(struct flow), "as they stand in struct flow");

static bool all_zero(const void *at, size_t len)
{
	const uint8_t *b = at;
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= b[i];
	return !any;
}

static uint8_t *pack_pointer(uint8_t *at, const void *p)
{
	uintptr_t v = (uintptr_t)p;

	return p ? pack_bytes(at, &v, POINTER_BYTES) : at;
}

static void *unpack_pointer(const uint8_t **at, bool there)
{
	uintptr_t v = 0;

	if (there)
		unpack_bytes(at, &v, POINTER_BYTES);
	return (void *)v;
}

static bool pointers_short(const struct flow *f, const struct flow_cold *cold)
{
	return !(((uintptr_t)f->app | (uintptr_t)cold->detect | (uintptr_t)cold->notes) >> (8 * POINTER_BYTES));
}

static const uint8_t *macs_of(const struct flow_cold *cold)
{
	_Static_assert(offsetof(struct flow_cold, dst_mac) == offsetof(struct flow_cold, src_mac) + 6, "side by side");
	return (const uint8_t *)cold + offsetof(struct flow_cold, src_mac);
}

static uint8_t *flow_pack(const struct flow *f, const struct flow_cold *cold, uint8_t *at)
{
	const uint8_t *more = (const uint8_t *)f + MORE_FROM;
	unsigned has = (f->app ? HAS_APP : 0) | (cold->detect ? HAS_DETECT : 0) | (cold->notes ? HAS_NOTES : 0) |
		       (all_zero(macs_of(cold), 12) ? 0 : HAS_MACS) | (all_zero(more, sizeof(struct more)) ? 0 : HAS_MORE);

	*at++ = (uint8_t)has;
	for (unsigned d = 0; d < 2; d++) {
		at = pack_number(at, f->packets[d]);
		at = pack_number(at, f->bytes[d]);
	}
	at = pack_bytes(at, f->tcp_flags, sizeof(f->tcp_flags));
	at = pack_number(at, f->last_ns - cold->start_ns);
	at = pack_pointer(at, f->app);
	at = pack_pointer(at, cold->detect);
	at = pack_pointer(at, cold->notes);
	if (has & HAS_MACS)
		at = pack_bytes(at, macs_of(cold), 12);
	return has & HAS_MORE ? pack_bytes(at, more, sizeof(struct more)) : at;
}

static const uint8_t *flow_unpack(struct flow *f, struct flow_cold *cold, const uint8_t *at)
{
	unsigned has = *at++;

	for (unsigned d = 0; d < 2; d++) {
		f->packets[d] = unpack_number(&at);
		f->bytes[d] = unpack_number(&at);
	}
	unpack_bytes(&at, f->tcp_flags, sizeof(f->tcp_flags));
	cold->start_ns = f->last_ns - unpack_number(&at);
	f->app = unpack_pointer(&at, has & HAS_APP);
	cold->detect = unpack_pointer(&at, has & HAS_DETECT);
	cold->notes = unpack_pointer(&at, has & HAS_NOTES);
	if (has & HAS_MACS)
		unpack_bytes(&at, (uint8_t *)(uintptr_t)macs_of(cold), 12);
	if (has & HAS_MORE)
		unpack_bytes(&at, (uint8_t *)f + MORE_FROM, sizeof(struct more));
	return at;
}

static bool may_rest(const struct flow *f)
{
	return f->ip_proto == 6 && f->tcp && flow_stage_of(f) == STAGE_ESTABLISHED &&
	       !(f->flags & (FLOW_ENDING | FLOW_AT_REST));
}

bool flow_rest(struct worker *w, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);
	uint8_t packed[PACKED_MAX] = {0}, *end;

	if (!may_rest(f) || !pointers_short(f, cold))
		return false;
	stream_shrink(w, f);
	app_shrink(w, f);
	end = stream_pack(f, flow_pack(f, cold, packed));
	if (!end || end > packed + REST_BYTES)
		return false;
	stream_put_away(w, f);
	memcpy((uint8_t *)f + HOT_FROM, packed, HOT_BYTES);
	memcpy((uint8_t *)cold + COLD_FROM, packed + HOT_BYTES, COLD_BYTES);
	f->flags |= FLOW_AT_REST;
	w->counters->tcp_resting_sessions++;
	return true;
}

void flow_wake(struct worker *w, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);
	uint8_t packed[REST_BYTES];

	memcpy(packed, (const uint8_t *)f + HOT_FROM, HOT_BYTES);
	memcpy(packed + HOT_BYTES, (const uint8_t *)cold + COLD_FROM, COLD_BYTES);
	memset((uint8_t *)f + HOT_FROM, 0, HOT_BYTES);
	memset((uint8_t *)cold + COLD_FROM, 0, COLD_BYTES);
	f->flags &= ~FLOW_AT_REST;
	stream_unpack(w, f, flow_unpack(f, cold, packed));
	w->counters->tcp_resting_sessions--;
}
