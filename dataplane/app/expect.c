/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See expect.h. Runs in the worker that owns the flows.
 */
#include "dataplane/app/expect.h"

struct expect_table {
	uint32_t count; /* entries in use; old ones count until their place is needed */
	uint64_t held_bytes;
	struct expectation bucket[EXPECT_BUCKETS][EXPECT_PER_BUCKET];
};

int expect_worker_new(struct worker *w)
{
	w->expected = worker_memory(w, sizeof(*w->expected), 64);
	return w->expected ? 0 : -1;
}

uint64_t expect_held_bytes(const struct worker *w)
{
	return w->expected->held_bytes;
}

static void entry_clear(struct worker *w, struct expectation *e)
{
	uint64_t used = w->heap.used_bytes;

	if (!e->until_ns)
		return;
	text_free(w, &e->name);
	w->expected->held_bytes -= used - w->heap.used_bytes;
	e->until_ns = 0;
	w->expected->count--;
}

void expect_worker_free(struct worker *w)
{
	if (!w->expected)
		return;
	for (unsigned i = 0; i < EXPECT_BUCKETS; i++)
		for (unsigned k = 0; k < EXPECT_PER_BUCKET; k++)
			entry_clear(w, &w->expected->bucket[i][k]);
	worker_memory_free(w, w->expected);
	w->expected = NULL;
}

static struct expectation *bucket_of(struct worker *w, const struct addr *server, uint16_t port)
{
	uint32_t h = port * 0x9e3779b1u;

	for (unsigned i = 0; i < sizeof(server->b); i += 4)
		h = (h ^ get_be32(server->b + i)) * 0x85ebca6bu;
	return w->expected->bucket[h >> 24 & (EXPECT_BUCKETS - 1)];
}

static bool same_flow(const struct expectation *e, const struct expectation *other)
{
	return e->until_ns && e->server_port == other->server_port && e->ip_version == other->ip_version &&
	       e->ip_proto == other->ip_proto && addr_equal(&e->client, &other->client) &&
	       addr_equal(&e->server, &other->server);
}

void expect_add(struct worker *w, const struct expectation *e)
{
	struct expectation *b = bucket_of(w, &e->server, e->server_port), *place = b;
	struct bytes name = text_bytes(&e->name);
	uint64_t used;

	for (unsigned i = 0; i < EXPECT_PER_BUCKET; i++) {
		if (same_flow(&b[i], e)) {
			place = &b[i];
			break;
		}
		if (b[i].until_ns < place->until_ns)
			place = &b[i];
	}
	entry_clear(w, place);
	*place = *e;
	place->name = (struct text){0};
	used = w->heap.used_bytes;
	if (name.len > EXPECT_NAME_MAX)
		name.len = EXPECT_NAME_MAX;
	text_set(w, &place->name, name);
	w->expected->held_bytes += w->heap.used_bytes - used;
	place->until_ns = w->now_ns + EXPECT_SECONDS * 1000000000ull;
	w->expected->count++;
}

bool expect_take(struct worker *w, const struct flow *f, struct expectation *out)
{
	const struct expectation wanted = {.client = f->client, .server = f->server, .server_port = f->server_port,
					   .ip_version = f->ip_version, .ip_proto = f->ip_proto};
	struct expectation *b;

	if (!w->expected->count)
		return false;
	b = bucket_of(w, &f->server, f->server_port);
	for (unsigned i = 0; i < EXPECT_PER_BUCKET; i++) {
		bool late = b[i].until_ns < w->now_ns;

		if (!same_flow(&b[i], &wanted))
			continue;
		*out = b[i];
		out->name = (struct text){0};
		if (!late)
			text_set(w, &out->name, text_bytes(&b[i].name));
		entry_clear(w, &b[i]);
		return !late;
	}
	return false;
}
