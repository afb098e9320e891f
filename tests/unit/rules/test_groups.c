/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rules/compile: prefilter.c, groups.c, by_buffer.c, by_port.c, database.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/compile/groups_private.h"

#define RULES_MAX 1024

/* A few rules, built by hand. */
struct made {
	struct rule rules[RULES_MAX];
	struct rule *list[RULES_MAX];
	struct rule_buffer buffers[RULES_MAX][2];
	struct match matches[RULES_MAX][3];
	struct port_range ports[RULES_MAX];
	struct ruleset set;
};

static const struct rule_number none = {.variable = -1};

static struct rule *rule_new(struct made *m, uint32_t flags, uint8_t ip_protos)
{
	uint32_t i = (uint32_t)m->set.rule_count++;
	struct rule *r = &m->rules[i];

	m->list[i] = r;
	m->set.rules = m->list;
	*r = (struct rule){.index = i,
			   .sid = i + 1,
			   .flags = flags,
			   .ip_protos = ip_protos,
			   .ip_versions = 3,
			   .buffers = m->buffers[i],
			   .src = {.any = true},
			   .dst = {.any = true},
			   .sport = {.any = true},
			   .dport = {.any = true}};
	return r;
}

static struct match *content_add(struct made *m, struct rule *r, const char *buffer,
				 uint16_t keyword, const char *text, uint32_t flags)
{
	struct rule_buffer *b = &r->buffers[0];
	struct match *at;

	if (!r->buffer_count) {
		*b = (struct rule_buffer){
			.name = buffer, .keyword = keyword, .matches = m->matches[r->index]};
		r->buffer_count = 1;
	}
	at = &b->matches[b->match_count++];
	*at = (struct match){
		.keyword = KEYWORD_content,
		.u.content = {.pattern = {(const uint8_t *)text, (uint32_t)strlen(text)},
			      .flags = flags,
			      .offset = none,
			      .depth = none,
			      .distance = none,
			      .within = none}};
	return at;
}

static void dport_set(struct made *m, struct rule *r, uint16_t low, uint16_t high)
{
	m->ports[r->index] = (struct port_range){low, high};
	r->dport = (struct port_set){.ranges = &m->ports[r->index], .count = 1};
}

static void build(struct made *m, const char *cache, struct ruleset_report *report)
{
	struct ruleset_options o = {.cache_dir = cache, .every_database = true};
	char error[256];

	if (ruleset_groups_build(&m->set, &o, report, error, sizeof(error)))
		fail_msg("%s", error);
}

static struct made *made_new(void)
{
	struct made *m = calloc(1, sizeof(*m));

	m->set.arena = arena_new(0);
	return m;
}

static void made_free(struct made *m)
{
	ruleset_groups_free(m->set.groups);
	arena_free(m->set.arena);
	free(m);
}

static int hits_count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		      void *context)
{
	++*(unsigned *)context;
	return 0;
}

static unsigned hits(const struct pattern_group *g, const char *text)
{
	hs_scratch_t *scratch = NULL;
	unsigned n = 0;

	assert_non_null(g->database);
	assert_int_equal(hs_alloc_scratch(g->database, &scratch), HS_SUCCESS);
	hs_scan(g->database, text, (unsigned)strlen(text), 0, scratch, hits_count, &n);
	hs_free_scratch(scratch);
	return n;
}

/* The rarest content is the prefilter; the author's word counts more; a negated one never does. */
static void prefilter(void **state)
{
	struct made *m = made_new();
	struct rule *r = rule_new(m, RULE_HAS_PAYLOAD, RULE_TCP);
	struct group_prefilter p;

	(void)state;
	content_add(m, r, "payload", KEYWORD_none, "GET ", 0);
	content_add(m, r, "payload", KEYWORD_none, "zq7#kx!", 0);
	p = group_prefilter_choose(r);
	assert_memory_equal(p.literal.data, "zq7#kx!", 7);
	r->buffers[0].matches[0].u.content.flags |= CONTENT_FAST_PATTERN;
	p = group_prefilter_choose(r);
	assert_memory_equal(p.literal.data, "GET ", 4);
	r->buffers[0].matches[0].u.content.flags = CONTENT_NEGATED;
	r->buffers[0].matches[1].u.content.flags = CONTENT_NEGATED;
	assert_null(group_prefilter_choose(r).buffer);
	r->buffers[0].matches[1].u.content.flags = CONTENT_FAST_CHOP;
	r->buffers[0].matches[1].u.content.chop_offset = 2;
	r->buffers[0].matches[1].u.content.chop_length = 3;
	p = group_prefilter_choose(r);
	assert_int_equal(p.literal.len, 3);
	assert_memory_equal(p.literal.data, "7#k", 3);
	made_free(m);
}

/* Rules of few ports are met only by packets to these ports, with those of many ports beside them in one group; equal
 * literals are one. */
static void ports(void **state)
{
	struct made *m = made_new();
	const struct port_groups *g;
	struct rule *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
		content_add(m, r, "payload", KEYWORD_none, i == 1 ? "EVIL" : "evil",
			    i == 2 ? 0 : CONTENT_NOCASE);
		if (i < 2)
			dport_set(m, r, 53, 60);
	}
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	content_add(m, r, "payload", KEYWORD_none, "other", 0);
	dport_set(m, r, 60, 61);
	build(m, NULL, NULL);
	g = path_ports_of(&m->set.groups->packet[GROUP_UDP][0], PATH_OUTSIDE);
	assert_non_null(g->wide);
	assert_int_equal(g->wide->entry_count, 1);
	assert_int_equal(g->narrow_by_port[52], 0);
	assert_int_not_equal(g->narrow_by_port[53], 0);
	assert_int_equal(g->narrow[g->narrow_by_port[53]].literal_count, 1);
	assert_int_equal(g->narrow[g->narrow_by_port[53]].entry_count, 3);
	assert_true(g->narrow[g->narrow_by_port[53]].with_wide);
	assert_int_equal(g->narrow[g->narrow_by_port[60]].literal_count, 2);
	assert_int_equal(g->narrow[g->narrow_by_port[61]].literal_count, 2);
	assert_int_equal(g->narrow_by_port[62], 0);
	assert_int_equal(hits(&g->narrow[g->narrow_by_port[60]], "xxEvilxxotherxx"), 2);
	/* The same literals make the same database. */
	assert_ptr_equal(g->wide->database, g->narrow[g->narrow_by_port[53]].database);
	assert_null(path_ports_of(&m->set.groups->packet[GROUP_UDP][1], PATH_OUTSIDE)->wide);
	assert_null(path_ports_of(&m->set.groups->packet[GROUP_TCP][0], PATH_OUTSIDE)->wide);
	made_free(m);
}

/* Beside very many rules of many ports those of few are a group of their own. */
static void many_ports_apart(void **state)
{
	static char texts[1001][16];
	struct made *m = made_new();
	const struct port_groups *g;

	(void)state;
	for (unsigned i = 0; i < 1001; i++) {
		struct rule *r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);

		snprintf(texts[i], sizeof(texts[i]), "literal%u", i);
		content_add(m, r, "payload", KEYWORD_none, texts[i], 0);
		if (i == 0)
			dport_set(m, r, 53, 53);
	}
	build(m, NULL, NULL);
	g = path_ports_of(&m->set.groups->packet[GROUP_UDP][0], PATH_OUTSIDE);
	assert_int_equal(g->wide->literal_count, 1000);
	assert_int_equal(g->narrow[g->narrow_by_port[53]].literal_count, 1);
	assert_false(g->narrow[g->narrow_by_port[53]].with_wide);
	made_free(m);
}

/* depth and offset: the packet counts too; else the stream alone. */
static void packet_or_stream(void **state)
{
	struct made *m = made_new();
	struct rule *r = rule_new(m, RULE_HAS_PAYLOAD, RULE_TCP);
	struct match *c = content_add(m, r, "payload", KEYWORD_none, "evil", 0);

	(void)state;
	assert_int_equal(rule_payload_use(r), USE_STREAM);
	c->u.content.flags = CONTENT_DEPTH;
	assert_int_equal(rule_payload_use(r), USE_PACKET | USE_STREAM);
	r->flags |= RULE_PACKET_ONLY;
	assert_int_equal(rule_payload_use(r), USE_PACKET);
	r->flags = RULE_HAS_PAYLOAD | RULE_STREAM_ONLY;
	assert_int_equal(rule_payload_use(r), USE_STREAM);
	build(m, NULL, NULL);
	assert_non_null(path_ports_of(&m->set.groups->stream[0], PATH_OUTSIDE)->wide);
	assert_non_null(path_ports_of(&m->set.groups->stream[1], PATH_OUTSIDE)->wide);
	assert_null(path_ports_of(&m->set.groups->packet[GROUP_TCP][0], PATH_OUTSIDE)->wide);
	made_free(m);
}

/* Groups of a protocol's buffer hold its rules and those for no protocol in particular. */
static void buffers(void **state)
{
	struct made *m = made_new();
	static const char *const apps[] = {"http", NULL, "smtp"};
	struct rule *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		r = rule_new(m, RULE_HAS_APP | RULE_TO_CLIENT, RULE_TCP);
		r->app = apps[i];
		content_add(m, r, "file.data", KEYWORD_file_data, i ? "second" : "first", 0);
	}
	r = rule_new(m, RULE_HAS_APP | RULE_TO_CLIENT, RULE_TCP);
	content_add(m, r, "file.data", KEYWORD_file_data, "not", CONTENT_NEGATED);
	build(m, NULL, NULL);
	assert_int_equal(m->set.groups->buffer_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct buffer_group *g = &m->set.groups->buffers[i];

		assert_int_equal(g->direction, 1);
		assert_int_equal(buffer_group_of(g, PATH_OUTSIDE)->entry_count, g->app ? 2 : 1);
	}
	assert_int_equal(m->set.groups->app_always_count[1], 1);
	assert_int_equal(m->set.groups->app_always_count[0], 0);
	made_free(m);
}

/* What a literal must fulfil beside its letters. */
static void entries(void **state)
{
	struct made *m = made_new();
	struct rule *r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	struct match *c =
		content_add(m, r, "payload", KEYWORD_none, "evil", CONTENT_OFFSET | CONTENT_DEPTH);
	const struct group_entry *e;

	(void)state;
	c->u.content.offset = (struct rule_number){.value = 10, .variable = -1};
	c->u.content.depth = (struct rule_number){.value = 6, .variable = -1};
	build(m, NULL, NULL);
	e = &path_ports_of(&m->set.groups->packet[GROUP_UDP][0], PATH_OUTSIDE)->wide->entries[0];
	assert_int_equal(e->end_min, 14);
	assert_int_equal(e->end_max, 16);
	assert_int_equal(e->flags, ENTRY_CASE);
	made_free(m);
}

/* The buckets that know byte c at a place. */
static uint8_t known_at(const struct sieve_masks *m, enum sieve_kind kind, unsigned set, uint32_t place, uint8_t c)
{
	const uint8_t *table = &m->tables[(set * m->places + place) * sieve_table_bytes(kind)];

	return kind == SIEVE_BYTES ? table[sieve_class(c)] : table[c & 15] & table[SIEVE_HALF_BYTES + (c >> 4)];
}

/* Whatever the case of its letters and whatever stands behind the literal. */
static bool masks_know(const struct sieve_masks *m, enum sieve_kind kind, const struct group_literal *l, uint32_t at,
		       unsigned width)
{
	for (unsigned round = 0; round < 2; round++)
		for (unsigned set = 0, known = 0; !known; set++) {
			uint8_t buckets;

			if (set == m->sets)
				return false;
			buckets = m->of_width[set][width / 2];
			for (uint32_t i = 0; i < m->places; i++) {
				uint8_t c = at + i < l->len ? l->text[at + i] : (uint8_t)(200 + round);

				buckets &= known_at(m, kind, set, i, (uint8_t)(round ? toupper(c) : c));
			}
			known = buckets;
		}
	return true;
}

/* Is there an anchor of the literal at this place of it, and known to the bitmap? */
static bool anchor_there(const struct sieve *s, const struct group_literal *l, uint32_t id, uint32_t at,
			 unsigned width)
{
	uint32_t v = sieve_load(l->text + at, width), bit = sieve_bit(s, v, width);
	uint32_t k = sieve_slot_hash(sieve_key(v, width)) & s->slot_mask;

	while (s->slots[k].count && s->slots[k].key != sieve_key(v, width))
		k = (k + 1) & s->slot_mask;
	for (uint32_t n = 0; n < s->slots[k].count; n++) {
		const struct sieve_anchor *a = &s->anchors[s->slots[k].first + n];

		if (a->literal != id || a->offset != at)
			continue;
		assert_true(s->bits[bit / 64] >> bit % 64 & 1);
		assert_int_equal(a->len, l->len);
		assert_ptr_equal(a->text, l->text);
		return true;
	}
	return false;
}

/* Every literal has one anchor, of which the bitmap, the table and the masks know. */
static void sieve_of(const char *const *texts, unsigned count, uint8_t widths, enum sieve_kind kinds)
{
	struct made *m = made_new();
	const struct pattern_group *g;
	const struct sieve *s;

	for (unsigned i = 0; i < count; i++)
		content_add(m, rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP), "payload", KEYWORD_none, texts[i],
			    CONTENT_NOCASE);
	build(m, NULL, NULL);
	g = path_ports_of(&m->set.groups->packet[GROUP_UDP][0], PATH_OUTSIDE)->wide;
	s = g->sieve;
	assert_int_equal(g->literal_count, count);
	assert_int_equal(s->widths, widths);
	for (uint32_t i = 0; i < g->literal_count; i++) {
		const struct group_literal *l = &g->literals[i];
		unsigned width = l->len >= 4 ? 4 : l->len >= 2 ? 2 : 1, found = 0;

		for (uint32_t at = 0; at + width <= l->len; at++) {
			if (!anchor_there(s, l, i, at, width))
				continue;
			found++;
			for (enum sieve_kind kind = 0; kind < kinds; kind++)
				assert_true(s->masks[kind] && masks_know(s->masks[kind], kind, l, at, width));
		}
		assert_int_equal(found, 1);
	}
	made_free(m);
}

static void sieve(void **state)
{
	static const char *const texts[] = {"GET /index", "/index.php", "\t\t\t\t\t\tq", "content", "a", "xy"};

	(void)state;
	sieve_of(texts, 4, 4, SIEVE_KINDS);
	/* halves of a byte cannot tell one letter from others */
	sieve_of(texts, 6, 7, SIEVE_HALVES);
}

/* Where a literal can stand in one place only there is nothing to search for. */
static void placed(void **state)
{
	struct made *m = made_new();
	static const unsigned flags[] = {CONTENT_STARTSWITH, CONTENT_ENDSWITH | CONTENT_NOCASE, 0};
	static const uint8_t keys[][8] = {"X", "cond", "sECO"};
	static const char *const patterns[] = {"x", "second", "SECOND"};
	const struct pattern_group *g;
	struct rule *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		r = rule_new(m, RULE_HAS_APP | RULE_TO_CLIENT, RULE_TCP);
		r->app = "http";
		content_add(m, r, "file.data", KEYWORD_file_data, i ? "SECOND" : "x", flags[i]);
	}
	m->matches[r->index][1] = (struct match){.keyword = KEYWORD_bsize, .u.number = {.op = NUMBER_EQUAL, .low = 6}};
	r->buffers[0].match_count = 2;
	build(m, NULL, NULL);
	g = buffer_group_of(&m->set.groups->buffers[0], PATH_OUTSIDE);
	assert_null(g->database);
	assert_int_equal(g->placed_count, 3);
	assert_int_equal(g->placed_entry_count, 3);
	assert_int_equal(g->literal_max, 6);
	for (unsigned i = 0; i < g->placed_count; i++) {
		const struct placed_class *c = &g->placed[i];
		const struct placed_slot *slot = &g->placed_slots[c->first];
		const struct group_entry *e;

		while (!slot->count)
			slot++;
		assert_true(slot <= &g->placed_slots[c->first + c->mask]);
		e = &g->placed_entries[slot->first];
		assert_int_equal(c->width, e->rule == 0 ? 1 : 4);
		assert_int_equal(c->from_end, e->rule == 1);
		assert_int_equal(slot->key, placed_key(keys[e->rule], c->width, c->width));
		assert_memory_equal(e->pattern, patterns[e->rule], e->len);
	}
	made_free(m);
}

static struct rule_number number(int64_t value)
{
	return (struct rule_number){.value = value, .variable = -1};
}

/* A literal that may stand anywhere is searched for in long payloads that begin as its rule wants. */
static void guarded(void **state)
{
	struct made *m = made_new();
	const struct ruleset_groups *g;
	const struct group_guard *guard;
	uint8_t mask[GUARD_BYTES] = {0xff, 0, 0, 0, 0xff, (uint8_t)~0x20, (uint8_t)~0x20}, value[GUARD_BYTES] = {'0'};
	struct match *c;
	struct rule *r;

	(void)state;
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	content_add(m, r, "payload", KEYWORD_none, "0", CONTENT_STARTSWITH);
	c = content_add(m, r, "payload", KEYWORD_none, "#Mb", CONTENT_DISTANCE | CONTENT_WITHIN | CONTENT_NOCASE);
	c->u.content.distance = number(3);
	c->u.content.within = number(6);
	content_add(m, r, "payload", KEYWORD_none, "somewhere", CONTENT_DISTANCE);
	r->buffers[0].matches[2].u.content.distance = number(0);
	memcpy(value + 4, "#MB", 3);
	build(m, NULL, NULL);
	g = m->set.groups;
	assert_null(path_ports_of(&g->packet_long[GROUP_UDP][0], PATH_OUTSIDE)->wide);
	assert_null(path_ports_of(&g->packet_near[GROUP_UDP][0], PATH_OUTSIDE)->wide);
	assert_int_equal(path_ports_of(&g->packet[GROUP_UDP][0], PATH_OUTSIDE)->wide->guard_count, 0);
	assert_int_equal(path_ports_of(&g->packet_guarded[GROUP_UDP][0], PATH_OUTSIDE)->wide->guard_count, 1);
	assert_int_equal(path_ports_of(&g->packet_guarded[GROUP_UDP][0], PATH_OUTSIDE)->wide->literals[0].len, 9);
	guard = path_ports_of(&g->packet_guarded[GROUP_UDP][0], PATH_OUTSIDE)->wide->guards;
	assert_memory_equal(guard->mask, mask, sizeof(mask));
	assert_memory_equal(guard->value, value, sizeof(value));
	made_free(m);
}

/* What has more than one place, or follows such a content, is no guard. */
static void not_guarded(void **state)
{
	struct made *m = made_new();
	struct group_guard guard;
	struct match *c;
	struct rule *r;

	(void)state;
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	c = content_add(m, r, "payload", KEYWORD_none, "ab", CONTENT_DEPTH);
	c->u.content.depth = number(3);
	c = content_add(m, r, "payload", KEYWORD_none, "cd", CONTENT_DISTANCE | CONTENT_WITHIN);
	c->u.content.distance = number(0);
	c->u.content.within = number(2);
	assert_false(rule_guard(r, &guard));
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	c = content_add(m, r, "payload", KEYWORD_none, "ab", CONTENT_DEPTH | CONTENT_NEGATED);
	c->u.content.depth = number(2);
	assert_false(rule_guard(r, &guard));
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	c = content_add(m, r, "payload", KEYWORD_none, "ab", CONTENT_OFFSET | CONTENT_DEPTH);
	c->u.content.offset = number(20);
	c->u.content.depth = number(2);
	assert_false(rule_guard(r, &guard));
	made_free(m);
}

/* Found by what stands among the first bytes rather than by what may stand anywhere. */
static void near(void **state)
{
	struct made *m = made_new();
	const struct pattern_group *g;
	struct rule *r;

	(void)state;
	r = rule_new(m, RULE_HAS_PAYLOAD | RULE_TO_SERVER, RULE_UDP);
	content_add(m, r, "payload", KEYWORD_none, "PDF-", CONTENT_DEPTH)->u.content.depth = number(300);
	content_add(m, r, "payload", KEYWORD_none, "setTimeOut#", CONTENT_NOCASE);
	build(m, NULL, NULL);
	assert_null(path_ports_of(&m->set.groups->packet_long[GROUP_UDP][0], PATH_OUTSIDE)->wide);
	assert_null(path_ports_of(&m->set.groups->packet_guarded[GROUP_UDP][0], PATH_OUTSIDE)->wide);
	g = path_ports_of(&m->set.groups->packet_near[GROUP_UDP][0], PATH_OUTSIDE)->wide;
	assert_int_equal(g->literals[0].len, 4);
	assert_int_equal(g->reach, 300);
	made_free(m);
}

static void cache_walk(const char *dir, bool damage, bool remove_all)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];

	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (damage) {
			FILE *f = fopen(path, "r+");

			fseek(f, 100, SEEK_SET);
			fputc('?', f);
			fputc('?', f);
			fclose(f);
		}
		if (remove_all)
			unlink(path);
	}
	closedir(d);
}

/* A second load takes all databases from the cache; damaged files are made anew. */
static void cache(void **state)
{
	char dir[] = "/tmp/metsuke-cache-XXXXXX";
	struct ruleset_report report[4] = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < 4; i++) {
		struct made *m = made_new();
		struct rule *r = rule_new(m, RULE_HAS_PAYLOAD, RULE_UDP);

		content_add(m, r, "payload", KEYWORD_none, "evil", 0);
		if (i == 2)
			cache_walk(dir, true, false);
		build(m, dir, &report[i]);
		assert_int_equal(hits(path_ports_of(&m->set.groups->packet[GROUP_UDP][1], PATH_OUTSIDE)->wide, "the EVIL"), 1);
		made_free(m);
	}
	assert_int_equal(report[0].databases, 1);
	assert_int_equal(report[0].databases_from_cache, 0);
	assert_int_equal(report[1].databases_from_cache, 1);
	assert_int_equal(report[2].databases_from_cache, 0);
	assert_int_equal(report[3].databases_from_cache, 1);
	cache_walk(dir, false, true);
	rmdir(dir);
}

/* ---- paths ---- */

static const struct addr_range inside[] = {
	{.ip_version = 4, .low = {{10, 0, 0, 0}}, .high = {{10, 255, 255, 255}}},
	{.ip_version = 4, .low = {{192, 168, 0, 0}}, .high = {{192, 168, 255, 255}}},
};
static const struct addr_range outside[] = {
	{.ip_version = 4, .low = {{0, 0, 0, 0}}, .high = {{9, 255, 255, 255}}},
	{.ip_version = 4, .low = {{11, 0, 0, 0}}, .high = {{192, 167, 255, 255}}},
};
static const struct addr_range across[] = {{.ip_version = 4, .low = {{10, 200, 0, 0}}, .high = {{11, 1, 0, 0}}}};
static const struct addr_range within[] = {{.ip_version = 4, .low = {{10, 200, 0, 0}}, .high = {{10, 201, 0, 0}}}};

#define SET(list) ((struct addr_set){.ranges = list, .count = sizeof(list) / sizeof(*list)})

static struct rule *between(struct made *m, struct addr_set src, struct addr_set dst, uint32_t flags, const char *text)
{
	struct rule *r = rule_new(m, RULE_HAS_PAYLOAD | flags, RULE_UDP);

	r->src = src;
	r->dst = dst;
	content_add(m, r, "payload", KEYWORD_none, text, 0);
	return r;
}

/* Bit a rule that the group of the path knows. */
static uint32_t rules_on(const struct path_ports *p, enum group_path path)
{
	const struct pattern_group *g = path_ports_of(p, path)->wide;
	uint32_t rules = 0;

	for (uint32_t i = 0; g && i < g->entry_count; i++)
		rules |= 1u << g->entries[i].rule;
	return rules;
}

static void paths(void **state)
{
	struct addr_set any = {.any = true};
	struct made *m = made_new();
	const struct path_ports *to_server, *to_client;

	(void)state;
	between(m, SET(inside), SET(outside), 0, "from inside");
	between(m, SET(outside), SET(inside), 0, "to inside");
	between(m, any, SET(inside), 0, "anyone to inside");
	between(m, SET(inside), any, RULE_BIDIRECTIONAL, "both ways");
	between(m, SET(inside), SET(outside), RULE_TRANSACTIONAL, "a transaction");
	between(m, SET(across), SET(within), 0, "some of both to some inside");
	between(m, any, any, 0, "anyone");
	build(m, NULL, NULL);
	assert_int_equal(m->set.groups->inside.count, 2);
	assert_memory_equal(m->set.groups->inside.ranges, inside, sizeof(inside));
	to_server = &m->set.groups->packet[GROUP_UDP][0];
	assert_int_equal(rules_on(to_server, PATH_OUTSIDE), 0x40);
	assert_int_equal(rules_on(to_server, PATH_FROM_INSIDE), 0x40 | 0x10 | 8 | 1);
	assert_int_equal(rules_on(to_server, PATH_TO_INSIDE), 0x40 | 0x20 | 8 | 4 | 2);
	assert_int_equal(rules_on(to_server, PATH_INSIDE), 0x40 | 0x20 | 8 | 4);
	to_client = &m->set.groups->packet[GROUP_UDP][1];
	assert_int_equal(rules_on(to_client, PATH_OUTSIDE), 0x40);
	assert_int_equal(rules_on(to_client, PATH_FROM_INSIDE), 0x40 | 0x20 | 0x10 | 8 | 4 | 2);
	assert_int_equal(rules_on(to_client, PATH_TO_INSIDE), 0x40 | 8 | 1);
	assert_int_equal(rules_on(to_client, PATH_INSIDE), 0x40 | 0x20 | 8 | 4);
	made_free(m);
}

/* Rules that no path tells apart have one group. */
static void one_path(void **state)
{
	struct addr_set any = {.any = true};
	struct made *m = made_new();
	const struct path_ports *p;

	(void)state;
	between(m, any, any, 0, "anyone");
	between(m, SET(across), any, 0, "some of both");
	between(m, SET(inside), SET(inside), RULE_HAS_APP, "one that is no rule on packets");
	between(m, SET(inside), SET(inside), RULE_HAS_APP, "another one");
	build(m, NULL, NULL);
	p = &m->set.groups->packet[GROUP_UDP][0];
	assert_int_equal(p->count, 2);
	for (unsigned path = 0; path < PATH_COUNT; path++)
		assert_int_equal(p->of_path[path], 1);
	made_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefilter),        cmocka_unit_test(ports), cmocka_unit_test(many_ports_apart),
		cmocka_unit_test(packet_or_stream), cmocka_unit_test(buffers),
		cmocka_unit_test(entries),          cmocka_unit_test(placed), cmocka_unit_test(guarded), cmocka_unit_test(not_guarded), cmocka_unit_test(near),
		cmocka_unit_test(sieve),
		cmocka_unit_test(cache),            cmocka_unit_test(paths),
		cmocka_unit_test(one_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
