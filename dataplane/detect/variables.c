/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What expressions captured: kept with the flow, for the packet in hand, or told in the alert; and
 * telling it, with the names of the flow's bits, in alerts and flow records. Bits named traffic/id/X
 * and traffic/label/X say what the traffic is, and stand apart; so do the entropies that rules asked for. Runs in the workers. Memory: w->heap,
 * FLOW_VARS_MAX of CAPTURE_MAX bytes a flow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/match.h"
#include "dataplane/engine/emit.h"

#define FLOW_VARS_MAX 64
#define TRAFFIC_ID "traffic/id/"
#define TRAFFIC_LABEL "traffic/label/"

static struct flow_var *flow_var_place(struct worker *w, struct detect_flow *d, const char *name, bool entropy)
{
	struct flow_var *vars;

	for (uint32_t i = 0; i < d->var_count; i++)
		if (d->vars[i].entropy == entropy && strcmp(d->vars[i].name, name) == 0) {
			heap_free(&w->heap, d->vars[i].name);
			return &d->vars[i];
		}
	if (d->var_count == FLOW_VARS_MAX)
		return NULL;
	vars = heap_realloc(&w->heap, d->vars, (d->var_count + 1) * sizeof(*vars));
	if (!vars)
		return NULL;
	d->vars = vars;
	return &vars[d->var_count++];
}

static void flow_var_set(struct worker *w, struct flow *f, const char *name, const void *data, uint32_t len,
			 bool entropy)
{
	size_t n = strlen(name) + 1;
	struct detect_flow *d = detect_flow_get(w, f);
	char *memory = d ? heap_zalloc(&w->heap, n + len) : NULL;
	struct flow_var *v = memory ? flow_var_place(w, d, name, entropy) : NULL;

	if (!v) {
		heap_free(&w->heap, memory);
		return;
	}
	memcpy(memory, name, n);
	if (len)
		memcpy(memory + n, data, len);
	*v = (struct flow_var){memory, (const uint8_t *)memory + n, len, entropy};
}

void flow_variable_set(struct worker *w, struct flow *f, const char *name, const void *data, uint32_t len)
{
	flow_var_set(w, f, name, data, len, false);
}

void entropies_keep(struct worker *w, struct flow *f)
{
	const struct chain_scratch *s = &w->detect->chain;

	for (unsigned i = 0; i < s->entropy_count; i++)
		flow_var_set(w, f, s->entropies[i].buffer, &s->entropies[i].value, sizeof(double), true);
}

void variables_keep(const struct match_context *c)
{
	struct detect_state *s = c->s;
	struct chain_scratch *chain = &s->chain;

	for (unsigned i = 0; i < chain->capture_count; i++) {
		const struct chain_capture *one = &chain->captures[i];

		switch ((enum capture_kind)one->what->kind) {
		case CAPTURE_FLOW:
			if (c->f)
				flow_variable_set(c->w, c->f, one->what->name, one->data, one->len);
			break;
		case CAPTURE_PACKET:
			if (s->packet_var_count < CAPTURES_MAX)
				s->packet_vars[s->packet_var_count++] = *one;
			break;
		case CAPTURE_ALERT:
			if (chain->context_count < CONTEXTS_MAX)
				chain->contexts[chain->context_count++] =
					(struct chain_context){one->what->name, one->data, one->len, false};
			break;
		}
	}
}

static bool contains(const uint8_t *data, uint32_t len, const struct bytes *text)
{
	return memmem(data, len, text->data, text->len) != NULL;
}

bool match_flowvar(const struct match_context *c, const struct match *m)
{
	const struct detect_flow *d = c->f ? flow_cold(c->f)->detect : NULL;

	for (uint32_t i = 0; d && i < d->var_count; i++)
		if (!d->vars[i].entropy && strcmp(d->vars[i].name, m->u.variable.name) == 0)
			return contains(d->vars[i].value, d->vars[i].len, &m->u.variable.text);
	return false;
}

/* Set by rules before this one, on the same packet. */
bool match_pktvar(const struct match_context *c, const struct match *m)
{
	for (unsigned i = 0; i < c->s->packet_var_count; i++) {
		const struct chain_capture *v = &c->s->packet_vars[i];

		if (strcmp(v->what->name, m->u.variable.name) == 0 && contains(v->data, v->len, &m->u.variable.text))
			return true;
	}
	return false;
}

void variables_free(struct worker *w, struct detect_flow *d)
{
	for (uint32_t i = 0; i < d->var_count; i++)
		heap_free(&w->heap, d->vars[i].name);
	heap_free(&w->heap, d->vars);
	d->vars = NULL;
	d->var_count = 0;
}

/* ---- telling ---- */

/* Members of an object, put together; what does not fit is left out. */
struct text {
	char *out;
	size_t len;
	bool list; /* a list is open */
};

static bool fits(const struct text *t, size_t bytes)
{
	return t->len + 6 * bytes + 32 < CONTEXT_TEXT_MAX;
}

static void put(struct text *t, const char *word)
{
	size_t n = strlen(word);

	memcpy(t->out + t->len, word, n);
	t->len += n;
}

/* Before an element of the list of that name: opens the list, or parts from the element before. */
static void element_begin(struct text *t, const char *list)
{
	if (t->list) {
		put(t, ",");
		return;
	}
	if (t->len)
		put(t, ",");
	t->len += json_text(t->out + t->len, CONTEXT_TEXT_MAX - t->len, list, strlen(list), true);
	put(t, ":[");
	t->list = true;
}

static void list_end(struct text *t)
{
	if (t->list)
		put(t, "]");
	t->list = false;
}

static void put_variable(struct text *t, const char *list, const char *name, const uint8_t *value, uint32_t len)
{
	if (!fits(t, strlen(name) + len + strlen(list)))
		return;
	element_begin(t, list);
	put(t, "{");
	t->len += json_text(t->out + t->len, CONTEXT_TEXT_MAX - t->len, name, strlen(name), true);
	put(t, ":");
	t->len += json_text(t->out + t->len, CONTEXT_TEXT_MAX - t->len, value, len, false);
	put(t, "}");
}

/* "entropy":{"content":4.5}: bits a byte, by buffer. */
static void put_entropies(struct text *t, const struct detect_flow *d)
{
	bool open = false;

	for (uint32_t i = 0; i < d->var_count; i++) {
		double value;

		if (!d->vars[i].entropy || !fits(t, strlen(d->vars[i].name) + 32))
			continue;
		memcpy(&value, d->vars[i].value, sizeof(value));
		put(t, open ? "," : t->len ? ",\"entropy\":{" : "\"entropy\":{");
		open = true;
		t->len += json_text(t->out + t->len, CONTEXT_TEXT_MAX - t->len, d->vars[i].name,
				    strlen(d->vars[i].name), true);
		t->len += (size_t)snprintf(t->out + t->len, 32, ":%.17g", value);
	}
	if (open)
		put(t, "}");
}

static int bit_compare(const void *key, const void *at)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct bit_name *)at)->key;

	return a < b ? -1 : a > b;
}

/* Bits whose names begin with prefix, as a list; "": those of no other list. */
static void put_bits(struct text *t, const struct detect_program *p, const struct detect_flow *d, const char *list,
		     const char *prefix)
{
	size_t skip = strlen(prefix);

	for (uint32_t i = 0; i < d->bit_count; i++) {
		const struct bit_name *b =
			bsearch(&d->bits[i], p->bit_names, p->bit_count, sizeof(*p->bit_names), bit_compare);
		const char *name = b ? b->name : NULL;
		bool traffic = name && (strncmp(name, TRAFFIC_ID, strlen(TRAFFIC_ID)) == 0 ||
					strncmp(name, TRAFFIC_LABEL, strlen(TRAFFIC_LABEL)) == 0);

		if (!name || traffic != (skip > 0) || strncmp(name, prefix, skip) != 0 || !fits(t, strlen(name)))
			continue;
		element_begin(t, list);
		t->len += json_text(t->out + t->len, CONTEXT_TEXT_MAX - t->len, name + skip, strlen(name) - skip, true);
	}
	list_end(t);
}

static void object_add(struct recorder *r, enum field_id object, enum field_id members, const struct text *t)
{
	if (!t->len)
		return;
	rec_open(r, object);
	rec_bytes(r, members, t->out, t->len);
	rec_close(r);
}

void variables_record(struct worker *w, struct recorder *r, const struct flow *f, bool packet)
{
	struct detect_state *s = w->detect;
	const struct detect_flow *d = f ? flow_cold(f)->detect : NULL;
	struct text t;

	if (!s || !s->program || !s->program->log_variables || (!d && !(packet && s->packet_var_count)))
		return;
	t = (struct text){.out = s->context};
	if (d)
		put_bits(&t, s->program, d, "flowbits", "");
	for (uint32_t i = 0; d && i < d->var_count; i++)
		if (!d->vars[i].entropy)
			put_variable(&t, "flowvars", d->vars[i].name, d->vars[i].value, d->vars[i].len);
	list_end(&t);
	if (d)
		put_entropies(&t, d);
	for (unsigned i = 0; packet && i < s->packet_var_count; i++)
		put_variable(&t, "pktvars", s->packet_vars[i].what->name, s->packet_vars[i].data, s->packet_vars[i].len);
	list_end(&t);
	object_add(r, F_top_metadata, F_top_metadata_members, &t);
	if (!d)
		return;
	t = (struct text){.out = s->context};
	put_bits(&t, s->program, d, "id", TRAFFIC_ID);
	put_bits(&t, s->program, d, "label", TRAFFIC_LABEL);
	object_add(r, F_top_traffic, F_top_traffic_members, &t);
}

void variables_packet_record(struct worker *w, const struct packet *p)
{
	struct recorder *r = emit_packet(w, RECORD_metadata, p);

	variables_record(w, r, p->flow, true);
	emit_end(w);
}

void detect_flow_record(struct worker *w, struct recorder *r, const struct flow *f)
{
	variables_record(w, r, f, false);
}
