/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on the flow: its age, size, protocol. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/match.h"

#define NS_PER_S 1000000000ull

bool match_flow_age(const struct match_context *c, const struct match *m)
{
	return c->f && number_test_holds(&m->u.number, (c->f->last_ns - flow_cold(c->f)->start_ns) / NS_PER_S);
}

bool match_flow_pkts_toserver(const struct match_context *c, const struct match *m)
{
	return c->f && number_test_holds(&m->u.number, c->f->packets[TO_SERVER]);
}

bool match_flow_pkts_toclient(const struct match_context *c, const struct match *m)
{
	return c->f && number_test_holds(&m->u.number, c->f->packets[TO_CLIENT]);
}

bool match_flow_bytes_toserver(const struct match_context *c, const struct match *m)
{
	return c->f && number_test_holds(&m->u.number, c->f->bytes[TO_SERVER]);
}

bool match_flow_bytes_toclient(const struct match_context *c, const struct match *m)
{
	return c->f && number_test_holds(&m->u.number, c->f->bytes[TO_CLIENT]);
}

bool match_flow_pkts(const struct match_context *c, const struct match *m)
{
	return match_flow_pkts_toserver(c, m) || match_flow_pkts_toclient(c, m);
}

bool match_flow_bytes(const struct match_context *c, const struct match *m)
{
	return match_flow_bytes_toserver(c, m) || match_flow_bytes_toclient(c, m);
}

bool match_stream_size(const struct match_context *c, const struct match *m)
{
	const struct match_stream_size *t = &m->u.stream_size;
	bool server, client;

	if (!c->f || !c->f->tcp)
		return false;
	client = number_test_holds(&t->test, stream_size(c->f, TO_SERVER));
	server = number_test_holds(&t->test, stream_size(c->f, TO_CLIENT));
	switch ((enum stream_size_side)t->side) {
	case SIDE_SERVER:
		return server;
	case SIDE_CLIENT:
		return client;
	case SIDE_BOTH:
		return server && client;
	case SIDE_EITHER:
		return server || client;
	}
	return false;
}

/* A name stands for all versions of its protocol. */
static bool proto_is(unsigned app, const char *name)
{
	const char *own = app < APP_PROTO_COUNT ? app_proto_names[app] : "unknown";

	if (strcmp(own, name) == 0)
		return true;
	if (strcmp(name, "http") == 0)
		return strcmp(own, "http2") == 0;
	return strcmp(name, "http1") == 0 && strcmp(own, "http") == 0;
}

bool match_app_layer_protocol(const struct match_context *c, const struct match *m)
{
	const struct match_app_proto *t = &m->u.app_proto;
	const struct app_session *app = c->f ? c->f->app : NULL;
	unsigned found = APP_UNKNOWN, other;

	if (!c->f)
		return false;
	switch (t->mode) {
	case 0:
		found = app_proto_in(c->f, (enum direction)c->p->direction);
		break;
	case 1:
	case 2:
		found = app_proto_in(c->f, t->mode == 1 ? TO_SERVER : TO_CLIENT);
		break;
	case 3:
		found = app_proto_in(c->f, TO_SERVER);
		other = app_proto_in(c->f, TO_CLIENT);
		if (t->negated && (found == APP_UNKNOWN || other == APP_UNKNOWN))
			return false;
		return (proto_is(found, t->name) || proto_is(other, t->name)) != t->negated;
	case 4:
		found = c->f->app_proto;
		break;
	case 5:
		found = app ? app->proto_original : APP_UNKNOWN;
		break;
	}
	if (t->negated && found == APP_UNKNOWN)
		return false;
	return proto_is(found, t->name) != t->negated;
}

bool post_bypass(const struct match_context *c, const struct match *m)
{
	if (c->f)
		c->f->flags |= FLOW_BYPASSED;
	return true;
}
