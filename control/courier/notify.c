/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/courier/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/base/when.h"
#include "control/intel/tlp.h"
#include "control/store/bytes.h"

#define SECOND_NS 1000000000ull
#define GIVE_UP_NS (7 * 86400 * SECOND_NS)
#define BACKOFF_MAX_S 3600
#define TOGETHER_MAX 200 /* findings in one mail or post */
#define SEND_TIMEOUT_S 30

/* What goes one way in one message. */
struct parcel {
	enum notify_way way;
	json_t *findings;
	uint8_t keys[TOGETHER_MAX][9];
	json_t *rows[TOGETHER_MAX]; /* as they stand in the outbox */
	unsigned count;
};

static bool is_configured(const struct config *c, enum notify_way way)
{
	switch (way) {
	case NOTIFY_WEBHOOK:
		return *c->notify_webhook;
	case NOTIFY_MAIL:
		return *c->notify_mail_server && c->notify_mail_to.count;
	case NOTIFY_SYSLOG:
		return *c->notify_syslog;
	case NOTIFY_SHARE:
		return c->intel_share.count;
	default:
		return false;
	}
}

static int put_row(struct store *s, struct store_batch *b, const uint8_t *key, const json_t *row)
{
	char *text = json_dumps(row, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (!text)
		return -ENOMEM;
	store_batch_put(s, b, STORE_outbox, key, 9, text, strlen(text));
	free(text);
	return 0;
}

uint8_t notify_tlp(const json_t *finding)
{
	const char *name = json_string_value(json_object_get(finding, "tlp"));
	uint8_t tlp = TLP_NONE;

	if (!name)
		return TLP_NONE;
	return tlp_read(name, strlen(name), &tlp) ? tlp : TLP_RED;
}

int notify_enqueue(struct store *s, struct store_batch *b, const struct config *c,
		   const json_t *finding)
{
	json_t *row = NULL;
	uint8_t key[9];
	int err = 0;

	/* The finding's number makes the key one of its own, whenever it was found again. */
	put_be64(key, wall_clock_ns() + (uint64_t)json_integer_value(json_object_get(finding, "id")) %
						1000000);
	for (int way = 1; way < NOTIFY_WAYS && !err; way++) {
		if (!is_configured(c, (enum notify_way)way) ||
		    (way == NOTIFY_SHARE && !tlp_may_leave(notify_tlp(finding))))
			continue;
		if (!row)
			row = json_pack("{s:i s:I s:O}", "tries", 0, "next", (json_int_t)0, "finding",
					finding);
		key[8] = (uint8_t)way;
		err = row ? put_row(s, b, key, row) : -ENOMEM;
	}
	json_decref(row);
	return err;
}

/* ---- sending ---- */

static int ask(struct courier *k, const struct courier_request *r, char *why, size_t size)
{
	struct courier_answer a;
	int err = courier_ask(k, r, NULL, &a);

	if (!err && a.status)
		err = a.status;
	if (!err && a.http >= 400)
		err = -EIO;
	if (a.body_fd >= 0)
		close(a.body_fd);
	snprintf(why, size, "%s", a.error);
	return err;
}

static int send_post(const struct config *c, struct courier *k, const struct text *body, char *why,
		     size_t size)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	struct courier_request r = {.kind = COURIER_POST, .url = c->notify_webhook,
				    .headers = headers, .body = body->data,
				    .body_bytes = body->len, .max_bytes = 1 << 20,
				    .timeout_s = SEND_TIMEOUT_S};

	return ask(k, &r, why, size);
}

static int send_share(const struct config *c, struct courier *k, const struct text *body, char *why,
		      size_t size)
{
	static const char *const headers[] = {"Content-Type: application/taxii+json;version=2.1",
					      "Accept: application/taxii+json;version=2.1", NULL};
	char token[4200], url[2048];
	int err = 0;

	snprintf(token, sizeof(token), "@%s", c->intel_share_token);
	for (size_t i = 0; i < c->intel_share.count && !err; i++) {
		const char *base = c->intel_share.items[i];
		size_t n = strlen(base);
		struct courier_request r = {.kind = COURIER_POST, .url = url, .headers = headers,
					    .body = body->data, .body_bytes = body->len,
					    .token = *c->intel_share_token ? token : NULL,
					    .max_bytes = 1 << 20, .timeout_s = SEND_TIMEOUT_S};

		/* The URL of a collection, or of its objects. */
		snprintf(url, sizeof(url), "%s%s%s", base, n && base[n - 1] == '/' ? "" : "/",
			 strstr(base, "/objects") ? "" : "objects/");
		err = ask(k, &r, why, size);
	}
	return err;
}

static int send_mail(const struct config *c, struct courier *k, const struct text *body, char *why,
		     size_t size)
{
	const char *to[65] = {NULL};
	char secret[4200];
	struct courier_request r = {.kind = COURIER_MAIL, .url = c->notify_mail_server,
				    .from = c->notify_mail_from, .to = to, .body = body->data,
				    .body_bytes = body->len, .timeout_s = SEND_TIMEOUT_S};

	for (size_t i = 0; i < c->notify_mail_to.count && i < 64; i++)
		to[i] = c->notify_mail_to.items[i];
	if (*c->notify_mail_user) {
		snprintf(secret, sizeof(secret), "@%s", c->notify_mail_password);
		r.user = c->notify_mail_user;
		r.secret = *c->notify_mail_password ? secret : NULL;
	}
	return ask(k, &r, why, size);
}

static int send_syslog(const struct config *c, struct courier *k, const struct text *body, char *why,
		       size_t size)
{
	struct courier_request r = {.kind = COURIER_SYSLOG, .url = c->notify_syslog,
				    .body = body->data, .body_bytes = body->len, .timeout_s = 10};

	return ask(k, &r, why, size);
}

static int deliver(const struct config *c, struct courier *k, const struct parcel *p,
		   uint64_t now_ns, char *why, size_t size)
{
	struct text body = {0};
	int err;

	switch (p->way) {
	case NOTIFY_WEBHOOK:
		notify_webhook_body(&body, c, p->findings);
		err = body.failed ? -ENOMEM : send_post(c, k, &body, why, size);
		break;
	case NOTIFY_MAIL:
		notify_mail_body(&body, c, p->findings, now_ns);
		err = body.failed ? -ENOMEM : send_mail(c, k, &body, why, size);
		break;
	case NOTIFY_SHARE:
		notify_share_body(&body, c, p->findings);
		err = body.failed ? -ENOMEM : send_share(c, k, &body, why, size);
		break;
	default:
		notify_syslog_body(&body, c, json_array_get(p->findings, 0), now_ns);
		err = body.failed ? -ENOMEM : send_syslog(c, k, &body, why, size);
	}
	text_free(&body);
	return err;
}

/* ---- the outbox ---- */

/* What is due and goes one way; a syslog message holds one finding. */
static int collect(struct store *s, struct parcel *p, uint64_t now_ns)
{
	struct store_iter *it = store_iter_new(s, STORE_outbox, NULL, NULL, NULL);
	unsigned most = p->way == NOTIFY_SYSLOG ? 1 : TOGETHER_MAX;
	int err;

	if (!it)
		return -ENOMEM;
	p->findings = json_array();
	for (store_iter_first(it); store_iter_valid(it) && p->count < most; store_iter_next(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);
		const uint8_t *key = k.data;
		json_t *row;

		if (k.len != 9 || key[8] != p->way)
			continue;
		row = json_loadb(v.data, v.len, 0, NULL);
		if (!row || (uint64_t)json_integer_value(json_object_get(row, "next")) > now_ns) {
			json_decref(row);
			continue;
		}
		memcpy(p->keys[p->count], key, 9);
		p->rows[p->count++] = row;
		json_array_append(p->findings, json_object_get(row, "finding"));
	}
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static void parcel_free(struct parcel *p)
{
	for (unsigned i = 0; i < p->count; i++)
		json_decref(p->rows[i]);
	json_decref(p->findings);
	p->findings = NULL;
	p->count = 0;
}

/* Delivered: out of the outbox. Not: later, or no more. */
static int settle(struct store *s, struct parcel *p, int sent, const char *why, uint64_t now_ns)
{
	static const char *const names[] = {"", "webhook", "mail", "syslog", "sightings"};
	struct store_batch *b = store_batch_new();
	int err = 0;

	for (unsigned i = 0; i < p->count && !err; i++) {
		json_int_t tries = json_integer_value(json_object_get(p->rows[i], "tries"));
		uint64_t wait_s = tries < 6 ? 60ull << tries : BACKOFF_MAX_S;

		if (sent == 0 || now_ns > read_be64(p->keys[i]) + GIVE_UP_NS) {
			store_batch_delete(s, b, STORE_outbox, p->keys[i], 9);
			if (sent != 0)
				say("a message (%s) could not be sent for a week and is dropped: %s",
				    names[p->way], why);
			continue;
		}
		if (i == 0 && tries == 0)
			say("a message (%s) could not be sent: %s; it is tried again", names[p->way],
			    why);
		json_object_set_new(p->rows[i], "tries", json_integer(tries + 1));
		json_object_set_new(p->rows[i], "next",
				    json_integer((json_int_t)(now_ns + wait_s * SECOND_NS)));
		err = put_row(s, b, p->keys[i], p->rows[i]);
	}
	if (!err)
		err = store_write(s, b, true);
	store_batch_free(b);
	return err;
}

int notify_flush(struct store *s, const struct config *c, struct courier *k, uint64_t now_ns)
{
	struct parcel *p = calloc(1, sizeof(*p));
	int err = p ? 0 : -ENOMEM;

	for (int way = 1; way < NOTIFY_WAYS && !err; way++) {
		char why[600] = "";
		unsigned count = 0;
		int sent = 0;

		if (!is_configured(c, (enum notify_way)way))
			continue;
		do {
			p->way = (enum notify_way)way;
			err = collect(s, p, now_ns);
			count = p->count;
			if (!err && count) {
				sent = deliver(c, k, p, now_ns, why, sizeof(why));
				err = settle(s, p, sent, why, now_ns);
			}
			parcel_free(p);
		} while (!err && count && sent == 0 && !store_wanted(s));
	}
	free(p);
	return err;
}
