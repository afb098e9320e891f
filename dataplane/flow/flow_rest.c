/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An established TCP flow that is idle is put to rest: its counts, what hangs off it and its session stand in short
 * form in its own memory, where no packet looks that is not of it, and theirs goes back to pool and heap. What does not
 * fit there stands in a block of the heap. Key, flags, time and place in table and timers stay as they are. The next who
 * wants more of it wakes it first; it is then as it was, to the bit. Worker thread only.
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

/* What does not fit stands in a block of the heap, whose length and address are then the last of it. */
#define BLOCK_AT (REST_BYTES - PACK_POINTER_BYTES - sizeof(uint16_t))
#define FLOW_PACKED_MAX 112
#define PACKED_MAX (FLOW_PACKED_MAX + STREAM_PACKED_MAX + APP_PACKED_MAX)
_Static_assert(PACKED_MAX <= UINT16_MAX, "the length of a block");

enum flow_written {
	HAS_APP = 1 << 0,      /* the session is written … */
	HAS_APP_BLOCK = 1 << 1, /* … or stays where it is */
	HAS_DETECT = 1 << 2,
	HAS_NOTES = 1 << 3,
	HAS_MACS = 1 << 4,
	HAS_MACS_PLACE = 1 << 5, /* they stand in the table's .macs */
	HAS_MORE = 1 << 6,     /* struct more */
	HAS_BLOCK = 1 << 7,    /* there is more of it on the heap */
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

static bool pointers_short(const struct flow *f, const struct flow_cold *cold)
{
	return pointer_short(f->app) && pointer_short(cold->detect) && pointer_short(cold->notes);
}

static const uint8_t *macs_of(const struct flow_cold *cold)
{
	_Static_assert(offsetof(struct flow_cold, dst_mac) == offsetof(struct flow_cold, src_mac) + 6, "side by side");
	return (const uint8_t *)cold + offsetof(struct flow_cold, src_mac);
}

/* Most flows of a worker have the MACs of a few routers. First come, first served; -1: another stands there. */
static int macs_place(struct flow_table *t, const uint8_t *macs)
{
	uint32_t a, b, c;
	unsigned at;

	memcpy(&a, macs, 4);
	memcpy(&b, macs + 4, 4);
	memcpy(&c, macs + 8, 4);
	at = (unsigned)(mix(t->secret[0] ^ a ^ (uint64_t)b << 32, t->secret[1] ^ c) % FLOW_MACS);
	if (all_zero(t->macs[at], sizeof(t->macs[at])))
		memcpy(t->macs[at], macs, sizeof(t->macs[at]));
	return memcmp(t->macs[at], macs, sizeof(t->macs[at])) == 0 ? (int)at : -1;
}

static uint8_t *macs_pack(struct flow_table *t, const struct flow_cold *cold, uint8_t *at, unsigned *has)
{
	const uint8_t *macs = macs_of(cold);
	int place;

	if (all_zero(macs, FLOW_MACS_BYTES))
		return at;
	place = macs_place(t, macs);
	*has |= place < 0 ? HAS_MACS : HAS_MACS_PLACE;
	if (place < 0)
		return pack_bytes(at, macs, FLOW_MACS_BYTES);
	*at++ = (uint8_t)place;
	return at;
}

static void macs_unpack(const struct flow_table *t, struct flow_cold *cold, const uint8_t **at, unsigned has)
{
	uint8_t *macs = (uint8_t *)(uintptr_t)macs_of(cold);

	if (has & HAS_MACS)
		unpack_bytes(at, macs, FLOW_MACS_BYTES);
	else if (has & HAS_MACS_PLACE)
		memcpy(macs, t->macs[*(*at)++], FLOW_MACS_BYTES);
}

/* All of the flow but what stays where it is. NULL: it must stay as it is. */
static uint8_t *flow_pack(struct worker *w, const struct flow *f, const struct flow_cold *cold, uint8_t *at)
{
	const uint8_t *more = (const uint8_t *)f + MORE_FROM;
	unsigned has = (!f->app ? 0 : app_may_pack(f) ? HAS_APP : HAS_APP_BLOCK) | (cold->detect ? HAS_DETECT : 0) |
		       (cold->notes ? HAS_NOTES : 0) | (all_zero(more, sizeof(struct more)) ? 0 : HAS_MORE);
	uint8_t *first = at++;

	for (unsigned d = 0; d < 2; d++) {
		at = pack_number(at, f->packets[d]);
		at = pack_number(at, f->bytes[d]);
	}
	at = pack_bytes(at, f->tcp_flags, sizeof(f->tcp_flags));
	at = pack_number(at, f->last_ns - cold->start_ns);
	if (has & HAS_APP_BLOCK)
		at = pack_pointer(at, f->app);
	if (has & HAS_DETECT)
		at = pack_pointer(at, cold->detect);
	if (has & HAS_NOTES)
		at = pack_pointer(at, cold->notes);
	at = macs_pack(w->flows, cold, at, &has);
	if (has & HAS_MORE)
		at = pack_bytes(at, more, sizeof(struct more));
	*first = (uint8_t)has;
	at = stream_pack(f, at);
	return at && has & HAS_APP ? app_pack(w, f, at) : at;
}

static void flow_unpack(struct worker *w, struct flow *f, struct flow_cold *cold, const uint8_t *at)
{
	unsigned has = *at++;

	for (unsigned d = 0; d < 2; d++) {
		f->packets[d] = unpack_number(&at);
		f->bytes[d] = unpack_number(&at);
	}
	unpack_bytes(&at, f->tcp_flags, sizeof(f->tcp_flags));
	cold->start_ns = f->last_ns - unpack_number(&at);
	if (has & HAS_APP_BLOCK)
		f->app = unpack_pointer(&at);
	if (has & HAS_DETECT)
		cold->detect = unpack_pointer(&at);
	if (has & HAS_NOTES)
		cold->notes = unpack_pointer(&at);
	macs_unpack(w->flows, cold, &at, has);
	if (has & HAS_MORE)
		unpack_bytes(&at, (uint8_t *)f + MORE_FROM, sizeof(struct more));
	at = stream_unpack(w, f, at);
	if (has & HAS_APP)
		app_unpack(w, f, at);
}

static bool may_rest(const struct flow *f)
{
	return f->ip_proto == 6 && f->tcp && flow_stage_of(f) == STAGE_ESTABLISHED &&
	       !(f->flags & (FLOW_ENDING | FLOW_AT_REST));
}

/* What is longer than there is room for goes to the heap. False: no memory. */
static bool block_pack(struct worker *w, uint8_t *packed, size_t len)
{
	uint16_t more = (uint16_t)(len - BLOCK_AT);
	uint8_t *block;

	if (len <= REST_BYTES)
		return true;
	block = heap_dup(&w->heap, packed + BLOCK_AT, more);
	if (!block)
		return false;
	packed[0] |= HAS_BLOCK;
	pack_pointer(pack_bytes(packed + BLOCK_AT, &more, sizeof(more)), block);
	return true;
}

static void block_unpack(struct worker *w, uint8_t *packed)
{
	const uint8_t *at = packed + BLOCK_AT;
	uint16_t more;
	uint8_t *block;

	unpack_bytes(&at, &more, sizeof(more));
	block = unpack_pointer(&at);
	memcpy(packed + BLOCK_AT, block, more);
	heap_free(&w->heap, block);
}

bool flow_rest(struct worker *w, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);
	uint8_t packed[PACKED_MAX], *end;

	if (!may_rest(f) || !pointers_short(f, cold))
		return false;
	stream_shrink(w, f);
	app_shrink(w, f);
	memset(packed, 0, REST_BYTES);
	end = flow_pack(w, f, cold, packed);
	if (!end || !block_pack(w, packed, (size_t)(end - packed)))
		return false;
	if (packed[0] & HAS_APP)
		app_put_away(w, f);
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
	uint8_t packed[PACKED_MAX];

	memcpy(packed, (const uint8_t *)f + HOT_FROM, HOT_BYTES);
	memcpy(packed + HOT_BYTES, (const uint8_t *)cold + COLD_FROM, COLD_BYTES);
	if (packed[0] & HAS_BLOCK)
		block_unpack(w, packed);
	memset((uint8_t *)f + HOT_FROM, 0, HOT_BYTES);
	memset((uint8_t *)cold + COLD_FROM, 0, COLD_BYTES);
	f->flags &= ~FLOW_AT_REST;
	flow_unpack(w, f, cold, packed);
	w->counters->tcp_resting_sessions--;
}
