/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sending: parcels out of the outbox, each to its destination.
 */
#include "control/courier/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/courier/outbox.h"

#define SECOND_NS 1000000000ull
#define DESTINATIONS_MAX 64
#define SILENCE_MAX_S 3600
#define SEND_TIMEOUT_S 30
#define SYSLOG_TIMEOUT_S 10
#define TIDY_NS (3600 * SECOND_NS)

struct notifier {
	struct store *store;
	const struct config *config;
	struct courier *courier;
	struct destination to[DESTINATIONS_MAX];
	unsigned count;
	uint64_t next_tidy_ns;
	struct parcel parcel;
};

/* One message under way. */
struct sending {
	const struct config *c;
	struct courier *courier;
	const struct destination *to;
	const atomic_bool *stop;
	bool heard; /* a server answered, if only that it will not */
	char why[600];
};

static int ask(struct sending *x, const struct courier_request *r)
{
	struct courier_answer a;
	int err = courier_ask(x->courier, r, x->stop, &a);

	/* A courier that dies says nothing of the server. */
	x->heard = err == -EPIPE || (!err && a.http);
	if (!err && a.status)
		err = a.status;
	if (!err && a.http >= 300)
		err = -EIO;
	if (a.body_fd >= 0)
		close(a.body_fd);
	if (err && !a.error[0] && a.http)
		snprintf(x->why, sizeof(x->why), "the server answered with status %u", a.http);
	else
		snprintf(x->why, sizeof(x->why), "%s", a.error);
	return err;
}

static int send_post(struct sending *x, const struct text *body)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	struct courier_request r = {.kind = COURIER_POST, .url = x->to->url, .headers = headers,
				    .body = body->data, .body_bytes = body->len,
				    .max_bytes = 1 << 20, .timeout_s = SEND_TIMEOUT_S};

	return ask(x, &r);
}

static int send_share(struct sending *x, const struct text *body)
{
	static const char *const headers[] = {"Content-Type: application/taxii+json;version=2.1",
					      "Accept: application/taxii+json;version=2.1", NULL};
	const char *base = x->to->url;
	size_t n = strlen(base);
	char token[4200], url[2048];
	struct courier_request r = {.kind = COURIER_POST, .url = url, .headers = headers,
				    .body = body->data, .body_bytes = body->len,
				    .token = *x->c->intel_share_token ? token : NULL,
				    .max_bytes = 1 << 20, .timeout_s = SEND_TIMEOUT_S};

	snprintf(token, sizeof(token), "@%s", x->c->intel_share_token);
	/* The URL of a collection, or of its objects. */
	snprintf(url, sizeof(url), "%s%s%s", base, n && base[n - 1] == '/' ? "" : "/",
		 strstr(base, "/objects") ? "" : "objects/");
	return ask(x, &r);
}

static int send_mail(struct sending *x, const struct text *body)
{
	const struct config *c = x->c;
	const char *to[65] = {NULL};
	char secret[4200];
	struct courier_request r = {.kind = COURIER_MAIL, .url = x->to->url,
				    .from = c->notify_mail_from, .to = to, .body = body->data,
				    .body_bytes = body->len, .timeout_s = SEND_TIMEOUT_S};

	for (size_t i = 0; i < c->notify_mail_to.count && i < 64; i++)
		to[i] = c->notify_mail_to.items[i];
	if (*c->notify_mail_user) {
		snprintf(secret, sizeof(secret), "@%s", c->notify_mail_password);
		r.user = c->notify_mail_user;
		r.secret = *c->notify_mail_password ? secret : NULL;
	}
	return ask(x, &r);
}

static int send_syslog(struct sending *x, const struct text *body)
{
	struct courier_request r = {.kind = COURIER_SYSLOG, .url = x->to->url, .body = body->data,
				    .body_bytes = body->len, .timeout_s = SYSLOG_TIMEOUT_S};

	return ask(x, &r);
}

/* A syslog message holds one finding. */
static int deliver_lines(struct sending *x, struct parcel *p, uint64_t now_ns)
{
	struct text body = {0};
	int err = 0;

	while (p->sent < p->count && !err) {
		text_clear(&body);
		notify_syslog_body(&body, x->c, json_array_get(p->findings, p->sent), now_ns);
		err = body.failed ? -ENOMEM : send_syslog(x, &body);
		p->sent += !err;
	}
	text_free(&body);
	return err;
}

static int deliver(struct sending *x, struct parcel *p, uint64_t now_ns)
{
	struct text body = {0};
	int err;

	switch (p->to->way) {
	case NOTIFY_WEBHOOK:
		notify_webhook_body(&body, x->c, p->findings);
		err = body.failed ? -ENOMEM : send_post(x, &body);
		break;
	case NOTIFY_MAIL:
		notify_mail_body(&body, x->c, p->findings, now_ns);
		err = body.failed ? -ENOMEM : send_mail(x, &body);
		break;
	case NOTIFY_SHARE:
		notify_share_body(&body, x->c, p->findings);
		err = body.failed ? -ENOMEM : send_share(x, &body);
		break;
	default:
		return deliver_lines(x, p, now_ns);
	}
	if (!err)
		p->sent = p->count;
	text_free(&body);
	return err;
}

/* ---- when ---- */

struct notifier *notifier_new(struct store *s, const struct config *c, struct courier *k)
{
	struct notifier *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->store = s;
	n->config = c;
	n->courier = k;
	n->count = outbox_destinations(c, n->to, DESTINATIONS_MAX);
	return n;
}

void notifier_free(struct notifier *n)
{
	free(n);
}

/* A server that does not answer at all is left alone for a while, whatever there is for it. */
static void note_silence(struct destination *to, bool silent, uint64_t now_ns)
{
	uint64_t wait_s;

	to->failures = silent ? to->failures + 1 : 0;
	if (!silent)
		return;
	wait_s = to->failures <= 6 ? 30ull << to->failures : SILENCE_MAX_S;
	to->next_ns = now_ns + wait_s * SECOND_NS;
}

/* Waits while the store is being opened anew. False: told to stop. */
static bool enter(struct notifier *n, const atomic_bool *stop)
{
	const struct timespec pause = {.tv_nsec = 100000000};

	while (!store_enter(n->store)) {
		if (atomic_load(stop))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* One parcel; nobody waits at the store for a server. 1: there may be more, 0, -errno. */
static int send_one(struct notifier *n, struct destination *to, uint64_t now_ns,
		    const atomic_bool *stop)
{
	struct sending x = {n->config, n->courier, to, stop, false, ""};
	struct parcel *p = &n->parcel;
	int err, sent;

	if (!enter(n, stop))
		return -ECANCELED;
	err = outbox_collect(n->store, p, now_ns);
	store_leave(n->store);
	if (err || !p->count) {
		parcel_clear(p);
		return err;
	}
	sent = deliver(&x, p, now_ns);
	if (!enter(n, stop)) {
		parcel_clear(p);
		return -ECANCELED;
	}
	if (sent == -ECANCELED)
		parcel_cut(p);
	else
		note_silence(to, sent && !x.heard, now_ns);
	err = outbox_settle(n->store, p, x.why, now_ns);
	store_leave(n->store);
	return err ? err : sent == -ECANCELED ? sent : sent == 0;
}

static int tidy(struct notifier *n, uint64_t now_ns, const atomic_bool *stop)
{
	int err;

	if (now_ns < n->next_tidy_ns)
		return 0;
	if (!enter(n, stop))
		return -ECANCELED;
	err = outbox_tidy(n->store, n->to, n->count, now_ns);
	store_leave(n->store);
	n->next_tidy_ns = now_ns + TIDY_NS;
	return err;
}

int notifier_flush(struct notifier *n, uint64_t now_ns, const atomic_bool *stop)
{
	int err = tidy(n, now_ns, stop);

	for (unsigned i = 0; i < n->count && !err; i++) {
		n->parcel = (struct parcel){.to = &n->to[i]};
		if (now_ns < n->to[i].next_ns)
			continue;
		do
			err = send_one(n, &n->to[i], now_ns, stop);
		while (err == 1);
	}
	return err;
}
