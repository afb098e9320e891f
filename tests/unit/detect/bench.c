/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/detect/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/ruleset.h"

static void file_write(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static struct ruleset *rules_of(const char *firewall, const char *rules)
{
	char path[] = "/tmp/metsuke-rules-XXXXXX", other[] = "/tmp/metsuke-rules-XXXXXX", error[512] = "";
	const char *files[] = {path}, *firewall_files[] = {other};
	struct ruleset_options o = {.files = files, .file_count = 1, .firewall = firewall != NULL,
				    .firewall_files = firewall_files, .firewall_file_count = firewall != NULL};
	struct ruleset *set;

	file_write(path, rules);
	file_write(other, firewall ? firewall : "");
	set = ruleset_load(&o, NULL, error, sizeof(error));
	unlink(path);
	unlink(other);
	if (!set)
		fail_msg("%s", error);
	return set;
}

struct bench *bench_with_firewall(const char *firewall, const char *rules, const char *const *policies, char *error)
{
	struct bench *b = aligned_alloc(_Alignof(struct bench), sizeof(*b));
	struct ruleset *set = rules_of(firewall, rules);
	char text[512] = "", key[128];

	assert_non_null(b);
	memset(b, 0, sizeof(*b));
	memset(&fake, 0, sizeof(fake));
	b->config = config_new();
	for (; policies && *policies; policies += 2) {
		snprintf(key, sizeof(key), "firewall.policies.%s", policies[0]);
		assert_int_equal(config_set(b->config, key, policies[1], text, sizeof(text)), 0);
	}
	b->w.config = b->config;
	b->w.counters = &b->counters;
	b->w.in_the_wire = firewall != NULL;
	b->w.record_memory = aligned_alloc(64, RECORD_MAX_BYTES);
	assert_int_equal(heap_init(&b->w.heap, 1 << 20), 0);
	assert_int_equal(detect_worker_new(&b->w), 0);
	b->program = detect_program_new(b->config, set, 1, text, sizeof(text));
	if (!b->program && !error)
		fail_msg("%s", text);
	if (!b->program) {
		snprintf(error, sizeof(text), "%s", text);
		ruleset_free(set);
	}
	detect_worker_use(&b->w, b->program);
	addr_parse("10.0.0.1", &b->flow.client);
	addr_parse("192.0.2.1", &b->flow.server);
	flow_cold(&b->flow)->id = 7;
	b->flow.ip_proto = 6;
	b->flow.tcp = (struct tcp_session *)b;
	b->flow.app = &b->app;
	fake.stream_len[0] = fake.stream_len[1] = 1000;
	return b;
}

struct bench *bench_new(const char *rules)
{
	return bench_with_firewall(NULL, rules, NULL, NULL);
}

void bench_free(struct bench *b)
{
	for (struct tx *tx = b->app.first; tx; tx = tx->next)
		detect_tx_free(&b->w, tx);
	detect_flow_free(&b->w, &b->flow);
	detect_worker_free(&b->w);
	detect_program_free(b->program);
	config_free(b->config);
	heap_fini(&b->w.heap);
	free(b->w.record_memory);
	free(b);
}

void packet(struct bench *b, enum direction d, uint64_t seconds, const char *payload)
{
	struct packet *p = &b->packet;

	*p = (struct packet){.flags = PACKET_IP | PACKET_L4 | PACKET_ESTABLISHED, .ip_version = 4,
			     .ip_proto = 6, .flow = &b->flow, .direction = (uint8_t)d,
			     .src = d ? b->flow.server : b->flow.client,
			     .dst = d ? b->flow.client : b->flow.server,
			     .sport = d ? 80 : 40000, .dport = d ? 40000 : 80,
			     .ts_ns = seconds * 1000000000ull,
			     .payload = (const uint8_t *)payload,
			     .payload_len = (uint32_t)strlen(payload)};
	p->data = p->payload;
	p->len = p->payload_len;
	if (*payload)
		p->flags |= PACKET_STREAM_ADDED;
	detect_packet(&b->w, p);
}

void transaction(struct bench *b, struct fake_tx *tx, uint8_t progress)
{
	tx->tx.progress[TO_SERVER] = progress;
	b->app.proto = app_protos[APP_http];
	b->flow.app_proto = APP_http;
	b->app.first = &tx->tx;
	b->app.changed[TO_SERVER] = 1;
}

struct trace_shared *trace_on(struct bench *b, uint32_t sid)
{
	int fd = trace_create(1, sid);
	struct trace_shared *t = trace_attach(fd);

	assert_non_null(t);
	close(fd);
	detect_worker_trace(&b->w, t);
	return t;
}

const struct trace_step *step_last(const struct trace_shared *t)
{
	assert_true(t->step_count > 0);
	return &t->steps[t->step_count - 1];
}
