/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Old forms of keywords: a word is compared with one of the protocol's buffers. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/match.h"

/* The protocol's buffer in the direction of the packet in hand, if it is there. */
static bool view_of(const struct match_context *c, const char *name, struct buffer_view *out)
{
	for (const struct proto_buffer *b = c->tx && c->proto ? c->proto->buffers : NULL;
	     b && b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b->get(c->w, c->f, c->tx, (enum direction)(c->p->direction & 1), 0, out);
	return false;
}

static bool view_is(const struct buffer_view *v, const char *text)
{
	return v->len == strlen(text) && memcmp(v->data, text, v->len) == 0;
}

bool match_ssh_protoversion(const struct match_context *c, const struct match *m)
{
	struct buffer_view v;

	if (!view_of(c, "ssh.proto", &v))
		return false;
	if (strcmp(m->u.word.text, "2_compat") == 0)
		return view_is(&v, "2.0") || view_is(&v, "1.99");
	return view_is(&v, m->u.word.text);
}

bool match_ssh_softwareversion(const struct match_context *c, const struct match *m)
{
	struct buffer_view v;

	return view_of(c, "ssh.software", &v) &&
	       memmem(v.data, v.len, m->u.word.text, strlen(m->u.word.text)) != NULL;
}
