/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/packet_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/layer.h"
#include "dataplane/packet/packet.h"

void *worker_memory(struct worker *w, size_t bytes, size_t align)
{
	void *at;

	(void)w;
	if (posix_memalign(&at, align < sizeof(void *) ? sizeof(void *) : align, bytes ? bytes : 1) != 0)
		return NULL;
	return memset(at, 0, bytes);
}

void worker_memory_free(struct worker *w, void *memory)
{
	(void)w;
	free(memory);
}

static void set(struct config *c, const char *setting)
{
	const char *equals = strchr(setting, '=');
	char path[128], error[256];

	if (!equals || (size_t)(equals - setting) >= sizeof(path))
		abort();
	memcpy(path, setting, (size_t)(equals - setting));
	path[equals - setting] = 0;
	if (config_set(c, path, equals + 1, error, sizeof(error)) != 0) {
		fprintf(stderr, "%s: %s\n", setting, error);
		abort();
	}
}

struct packet_worker *packet_worker_new(const char *const *settings)
{
	struct packet_worker *pw = aligned_alloc(64, (sizeof(*pw) + 63) / 64 * 64);

	if (!pw)
		abort();
	memset(pw, 0, sizeof(*pw));
	pw->config = config_new();
	if (!pw->config)
		abort();
	for (; settings && *settings; settings++)
		set(pw->config, *settings);
	pw->w.config = pw->config;
	pw->w.counters = &pw->counters;
	if (packet_pool_new(&pw->w, 64) != 0 || decode_worker_new(&pw->w) != 0)
		abort();
	return pw;
}

void packet_worker_done(struct packet_worker *pw)
{
	for (unsigned i = 0; i < pw->count; i++)
		packet_put(&pw->w, pw->out[i]);
	pw->count = 0;
}

void packet_worker_free(struct packet_worker *pw)
{
	packet_worker_done(pw);
	decode_worker_free(&pw->w);
	packet_pool_free(&pw->w);
	config_free(pw->config);
	free(pw);
}

unsigned packet_worker_frame(struct packet_worker *pw, const void *data, uint32_t len,
			     unsigned link_type, uint64_t ts_ns)
{
	struct packet *p;

	packet_worker_done(pw);
	p = packet_get(&pw->w);
	if (!p)
		abort();
	p->data = data;
	p->len = p->wire_len = len;
	p->link_type = (uint16_t)link_type;
	p->ts_ns = ts_ns;
	pw->w.now_ns = ts_ns;
	pw->count = decode_frame(&pw->w, p, pw->out);
	return pw->count;
}

void packet_worker_no_plain(struct packet_worker *pw)
{
	pw->w.decode->plain = false;
}

static bool packet_same(const struct packet *a, const struct packet *b)
{
	struct packet x = *a, y = *b;

	/* each worker has its own */
	x.next_free = y.next_free = NULL;
	x.outer = y.outer = NULL;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

bool packet_worker_same(const struct packet_worker *a, const struct packet_worker *b)
{
	bool same = a->count == b->count && memcmp(&a->counters, &b->counters, sizeof(a->counters)) == 0;

	/* what was put together of fragments, and what is inside of that, lies elsewhere */
	for (unsigned i = 0; same && i < a->count && !a->out[i]->buffer; i++)
		same = packet_same(a->out[i], b->out[i]);
	return same;
}
