/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/intel/fetch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "control/base/say.h"
#include "control/intel/change.h"
#include "control/intel/fetch_private.h"

#define FEEDS_MAX 256
#define SECOND_NS 1000000000ull
#define RETRY_NS (60 * SECOND_NS)

struct fetcher {
	const struct config *config;
	struct intel *in;
	struct courier *courier;
	struct fetch_feed *feeds;
	size_t count;
};

/* ---- configuration ---- */

static struct slice slice_of(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

/* "90", "15m", "1h", "7d" or, for bytes, "64m", "1g". 0: it is not one. */
static uint64_t number(const char *text, bool bytes)
{
	static const char *const units[] = {"smhd", "kmg"};
	static const uint64_t factors[][4] = {{1, 60, 3600, 86400}, {1 << 10, 1 << 20, 1 << 30, 0}};
	char *end;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units[bytes], *end | 0x20) : NULL;

	if (end == text || (*end && (!unit || end[1])))
		return 0;
	return unit ? n * factors[bytes][unit - units[bytes]] : n;
}

static bool yes(const char *v)
{
	return v && (strcmp(v, "yes") == 0 || strcmp(v, "true") == 0);
}

static const char *get(const struct config *c, const char *name, const char *key)
{
	char path[INTEL_SOURCE_MAX + 32];

	snprintf(path, sizeof(path), "%s.%s", name, key);
	return config_map_get(&c->intel_feeds, path);
}

static const char *wrong(const char *name, const char *key, const char *value, const char *must)
{
	say("intel.feeds.%s.%s: %s is not %s; this feed is not fetched", name, key, value, must);
	return NULL;
}

static bool read_entry(const struct config *c, struct fetch_feed *f)
{
	struct intel_entry *e = &f->options.defaults;
	const char *confidence = get(c, f->name, "confidence"), *severity = get(c, f->name, "severity");
	const char *tlp = get(c, f->name, "tlp");
	uint64_t n;

	e->confidence = 75;
	e->severity = 2;
	n = confidence ? number(confidence, false) : 75;
	if (n > 100)
		return wrong(f->name, "confidence", confidence, "a number up to 100");
	e->confidence = (uint8_t)n;
	n = severity ? number(severity, false) : 2;
	if (n < 1 || n > 4)
		return wrong(f->name, "severity", severity, "1 (high) to 4");
	e->severity = (uint8_t)n;
	if (tlp && !tlp_read(tlp, strlen(tlp), &e->tlp))
		return wrong(f->name, "tlp", tlp, TLP_WORDS);
	e->allow = yes(get(c, f->name, "allow"));
	e->below = f->options.below = yes(get(c, f->name, "subdomains"));
	e->source = slice_of(f->name);
	e->threat = slice_of(get(c, f->name, "threat"));
	e->family = slice_of(get(c, f->name, "family"));
	e->category = slice_of(get(c, f->name, "category"));
	return true;
}

static bool read_format(const struct config *c, struct fetch_feed *f)
{
	const char *v = get(c, f->name, "format"), *kind = get(c, f->name, "kind");
	const char *separator = get(c, f->name, "separator");
	int format = v ? feed_format_by_name(v) : FEED_AUTO;

	f->format_name = v ? v : "auto";
	if (v && strcmp(v, "taxii") == 0) {
		f->way = FETCH_TAXII;
		f->mode = INTEL_ADD;
		format = FEED_STIX;
	} else if (v && strcmp(v, "misp-feed") == 0) {
		f->way = FETCH_MISP;
		f->mode = INTEL_ADD;
		format = FEED_MISP;
	}
	if (format < 0)
		return wrong(f->name, "format", v, "auto, plain, hosts, csv, stix, misp, taxii or "
						   "misp-feed");
	f->options.format = (enum feed_format)format;
	f->options.kind = kind ? indicator_kind_by_name(kind) : 0;
	if (kind && !f->options.kind)
		return wrong(f->name, "kind", kind, INDICATOR_KIND_NAMES);
	f->options.columns = get(c, f->name, "columns");
	f->options.separator = separator && *separator ? *separator : ',';
	return true;
}

static bool read_feed(const struct config *c, struct fetch_feed *f)
{
	const char *interval = get(c, f->name, "interval"), *max = get(c, f->name, "max_bytes");
	const char *timeout = get(c, f->name, "timeout"), *mode = get(c, f->name, "mode");
	const char *token = get(c, f->name, "token_file"), *user = get(c, f->name, "user");
	const char *password = get(c, f->name, "password_file");

	f->url = get(c, f->name, "url");
	f->mode = INTEL_REPLACE;
	if (mode && strcmp(mode, "add") == 0)
		f->mode = INTEL_ADD;
	else if (mode && strcmp(mode, "replace") != 0)
		return wrong(f->name, "mode", mode, "replace or add");
	if (!f->url || (strncmp(f->url, "http://", 7) != 0 && strncmp(f->url, "https://", 8) != 0))
		return wrong(f->name, "url", f->url ? f->url : "(none)",
			     "an http or https URL (metsuke intel import reads files)");
	f->interval_ns = (interval ? number(interval, false) : 3600) * SECOND_NS;
	f->max_bytes = max ? number(max, true) : 64u << 20;
	f->timeout_s = timeout ? (unsigned)number(timeout, false) : 60;
	if (!f->interval_ns || !f->max_bytes || f->max_bytes > FEED_BYTES_MAX || !f->timeout_s ||
	    f->timeout_s > 3600)
		return wrong(f->name, "interval, max_bytes or timeout", "a value",
			     "a time, at most 512m, and at most 1h");
	if ((token && (user || password)) || !user != !password) {
		say("intel.feeds.%s: set token_file, or user and password_file; this feed is not "
		    "fetched", f->name);
		return false;
	}
	f->user = user;
	if (token || password)
		snprintf(f->secret, sizeof(f->secret), "@%s", token ? token : password);
	return read_format(c, f) && read_entry(c, f);
}

/* An ETag, a date, a position are of one URL, read in one way. */
static void hash_options(const struct config *c, struct fetch_feed *f)
{
	static const char *const keys[] = {"url",      "format",   "mode",	 "kind",
					   "columns",  "separator", "subdomains", "allow",
					   "threat",   "family",   "category",	 "confidence",
					   "severity", "tlp"};
	struct text all = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = get(c, f->name, keys[i]);

		/* With its end: what stands in one key may not run into the next. */
		text_bytes(&all, value ? value : "", value ? strlen(value) + 1 : 1);
	}
	snprintf(f->hash, sizeof(f->hash), "%016llx",
		 (unsigned long long)XXH3_64bits(all.data, all.len));
	text_free(&all);
}

/* Each NAME of intel.feeds.NAME.*, once. */
static void read_feeds(struct fetcher *f)
{
	const struct config_map *m = &f->config->intel_feeds;

	for (size_t i = 0; i < m->count && f->count < FEEDS_MAX; i++) {
		struct fetch_feed *feed = &f->feeds[f->count];
		size_t n = strcspn(m->keys[i], ".");
		struct intel_fetch state;
		bool known = false;

		if (!n || n >= sizeof(feed->name))
			continue;
		memset(feed, 0, sizeof(*feed));
		memcpy(feed->name, m->keys[i], n);
		for (size_t k = 0; k < i && !known; k++)
			known = strncmp(m->keys[k], feed->name, n) == 0 && m->keys[k][n] == '.';
		if (known || !read_feed(f->config, feed))
			continue;
		hash_options(f->config, feed);
		if (intel_fetch_get(f->in, feed->name, &state) == 0 &&
		    strcmp(state.options, feed->hash) == 0)
			feed->next_ns = state.next_ns;
		f->count++;
	}
}

struct fetcher *fetcher_new(const struct config *config, struct intel *in, struct courier *courier)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (f)
		f->feeds = calloc(FEEDS_MAX, sizeof(*f->feeds));
	if (!f || !f->feeds) {
		free(f);
		return NULL;
	}
	f->config = config;
	f->in = in;
	f->courier = courier;
	read_feeds(f);
	return f;
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	free(f->feeds);
	free(f);
}

uint64_t fetcher_next_due_ns(struct fetcher *f)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < f->count; i++)
		if (f->feeds[i].next_ns < due)
			due = f->feeds[i].next_ns;
	return due;
}

/* ---- fetching ---- */

int fetch_ask(struct fetching *f, const char *url, const char *accept, bool conditional,
	      struct courier_answer *a, struct slice *bytes)
{
	char header[128];
	const char *headers[] = {header, NULL};
	struct courier_request r = {
		.kind = COURIER_FETCH,
		.url = url,
		.headers = accept ? headers : NULL,
		.etag = conditional ? f->state.etag : NULL,
		.modified = conditional ? f->state.last_modified : NULL,
		.user = f->feed->user,
		.secret = f->feed->user ? f->feed->secret : NULL,
		.token = !f->feed->user && f->feed->secret[0] ? f->feed->secret : NULL,
		.max_bytes = f->feed->max_bytes,
		.timeout_s = f->feed->timeout_s,
	};
	int err;

	*bytes = (struct slice){"", 0};
	snprintf(header, sizeof(header), "Accept: %s", accept ? accept : "");
	err = courier_ask(f->courier, &r, f->stop, a);
	if (!err)
		err = a->status;
	if (!err && a->http >= 300 && a->http != 304) {
		err = -EIO;
		if (!a->error[0])
			snprintf(a->error, sizeof(a->error), "the server answered with status %u",
				 a->http);
	}
	if (!err && a->body_fd >= 0 && a->bytes) {
		void *map = mmap(NULL, a->bytes, PROT_READ, MAP_PRIVATE, a->body_fd, 0);

		if (map == MAP_FAILED)
			err = -ENOMEM;
		else
			*bytes = (struct slice){map, a->bytes};
	}
	if (a->body_fd >= 0)
		close(a->body_fd);
	a->body_fd = -1;
	if (err)
		snprintf(f->error, sizeof(f->error), "%.200s: %.300s", url,
			 a->error[0] ? a->error : strerror(-err));
	return err;
}

void fetch_unmap(struct slice bytes)
{
	if (bytes.len)
		munmap((void *)(uintptr_t)bytes.data, bytes.len);
}

static int take_entry(void *arg, const struct intel_entry *e)
{
	struct fetching *f = arg;

	return atomic_load(f->stop) ? -ECANCELED : intel_change_entry(f->change, e);
}

static int take_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	struct fetching *f = arg;

	if (!f->refusal[0])
		snprintf(f->refusal, sizeof(f->refusal), "line %llu %.100s",
			 (unsigned long long)where, reason);
	return intel_change_refused(f->change, where, item, reason);
}

int fetch_read(struct fetching *f, enum feed_format format, struct slice bytes)
{
	struct feed_options o = f->feed->options;
	struct feed_sink sink = {f, take_entry, take_refused};
	char why[256] = "";
	int err;

	o.format = format;
	err = feed_read(&o, bytes, &sink, why);
	if (err == -EPROTO)
		snprintf(f->error, sizeof(f->error), "%s", why);
	return err;
}

static int no_list(struct fetching *f, const char *what)
{
	snprintf(f->error, sizeof(f->error), "%.200s: the answer is %.250s", f->feed->url, what);
	return -EPROTO;
}

/* What a server sends in place of a list, with status 200: nothing, or a page for people. JSON has
 * been checked by its reader, and may say that all is revoked. */
static int check_is_list(struct fetching *f, struct slice bytes)
{
	static const char *const pages[] = {"<!doctype", "<html", "<head", "<body"};
	const char *b = bytes.data, *end = b + bytes.len;
	const struct intel_result *r = &f->change->result;
	char what[256];

	while (b < end && (isspace((unsigned char)*b) || strchr("\xef\xbb\xbf", *b)))
		b++;
	if (b == end)
		return no_list(f, "empty");
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if ((size_t)(end - b) >= strlen(pages[i]) &&
		    strncasecmp(b, pages[i], strlen(pages[i])) == 0)
			return no_list(f, "an HTML page, not a list");
	if (r->loaded || !r->refused || *b == '{' || *b == '[')
		return 0;
	snprintf(what, sizeof(what), "not a list: none of its %llu lines can be read (%s)",
		 (unsigned long long)r->refused, f->refusal);
	return no_list(f, what);
}

static int fetch_list(struct fetching *f)
{
	struct courier_answer a;
	struct slice bytes;
	int err = fetch_ask(f, f->feed->url, NULL, true, &a, &bytes);

	if (!err && a.http == 304) {
		f->same = true;
	} else if (!err) {
		err = fetch_read(f, f->feed->options.format, bytes);
		if (!err)
			err = check_is_list(f, bytes);
		snprintf(f->state.etag, sizeof(f->state.etag), "%s", a.etag);
		snprintf(f->state.last_modified, sizeof(f->state.last_modified), "%s", a.modified);
	}
	fetch_unmap(bytes);
	return err;
}

/* Fills f->change, as long as the servers take. */
static int gather(struct fetching *f, const struct fetch_turn *turn)
{
	static int (*const ways[])(struct fetching *) = {fetch_list, fetch_taxii, fetch_misp};
	int err = turn->enter(turn->arg);

	if (err)
		return err;
	err = intel_change_begin(f->in, f->feed->name, f->feed->mode, &f->change);
	turn->leave(turn->arg);
	return err ? err : ways[f->feed->way](f);
}

/* After a failure: a minute, two, four, … the feed's interval, less up to a quarter, so that feeds
 * that failed together do not all come again together. */
static uint64_t wait_ns(const struct fetch_feed *feed, uint64_t now_ns)
{
	uint64_t wait;

	if (!feed->failures)
		return feed->interval_ns;
	wait = RETRY_NS << (feed->failures < 20 ? feed->failures - 1 : 19);
	if (wait > feed->interval_ns)
		wait = feed->interval_ns;
	return wait - XXH3_64bits_withSeed(feed->name, strlen(feed->name), now_ns) % (wait / 4 + 1);
}

static void put_report(struct text *out, const struct fetching *f, int err,
		       const struct intel_result *r)
{
	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "feed", f->feed->name);
	json_key_cstr(out, "status", err ? "failed" : f->same ? "same" : "loaded");
	if (!err && !f->same) {
		json_key_uint(out, "given", r->given);
		json_key_uint(out, "loaded", r->loaded);
		json_key_uint(out, "refused", r->refused);
		json_key_uint(out, "fresh", r->fresh);
		json_key_uint(out, "removed", r->removed);
		json_key_uint(out, "version", r->version);
	}
	if (err)
		json_key_cstr(out, "error", f->error);
	text_char(out, '}');
}

/* What the feed's row says from now on. */
static void note(struct fetching *f, struct fetch_feed *feed, int err, uint64_t now_ns)
{
	if (err && !f->error[0])
		snprintf(f->error, sizeof(f->error), "%s", strerror(-err));
	if (err && !feed->failures++)
		say("the feed %s could not be fetched: %s; what it had stays", feed->name, f->error);
	if (!err)
		feed->failures = 0;
	feed->next_ns = now_ns + wait_ns(feed, now_ns);
	if (!err && f->more && feed->next_ns > now_ns + RETRY_NS)
		feed->next_ns = now_ns + RETRY_NS;
	snprintf(f->state.format, sizeof(f->state.format), "%s", feed->format_name);
	snprintf(f->state.error, sizeof(f->state.error), "%.255s", f->error);
	f->state.tried_ns = now_ns;
	f->state.next_ns = feed->next_ns;
}

/* In its turn: what was gathered is published, the feed's state kept whatever came of it. */
static int settle(struct fetching *f, struct fetch_feed *feed, int err, uint64_t now_ns,
		  const struct fetch_turn *turn, struct text *report)
{
	struct intel_result result = {0};
	struct intel_fetch before;
	uint64_t version = intel_version(f->in);

	intel_fetch_get(f->in, feed->name, &before);
	if (!err && !f->same) {
		err = intel_change_publish(f->change, &result);
		f->change = NULL;
	}
	if (err == -EAGAIN)
		return err;
	if (err)
		f->state = before;
	note(f, feed, err, now_ns);
	put_report(report, f, err, &result);
	err = intel_fetch_set(f->in, feed->name, &f->state);
	if (!err && intel_version(f->in) != version && turn->published)
		err = turn->published(turn->arg, version);
	return err;
}

static int fetch_one(struct fetcher *fetcher, struct fetch_feed *feed, uint64_t now_ns,
		     const atomic_bool *stop, const struct fetch_turn *turn, struct text *report)
{
	struct fetching f = {.feed = feed, .in = fetcher->in, .courier = fetcher->courier,
			     .stop = stop};
	int err = intel_fetch_get(fetcher->in, feed->name, &f.state), entered;

	if (err)
		return err;
	if (strcmp(f.state.options, feed->hash) != 0)
		f.state.etag[0] = f.state.last_modified[0] = f.state.position[0] = '\0';
	snprintf(f.state.options, sizeof(f.state.options), "%s", feed->hash);
	err = gather(&f, turn);
	if (err != -ECANCELED && err != -EAGAIN) {
		entered = turn->enter(turn->arg);
		err = entered ? entered : settle(&f, feed, err, now_ns, turn, report);
		if (!entered)
			turn->leave(turn->arg);
	}
	intel_change_abort(f.change);
	return err;
}

int fetcher_run(struct fetcher *f, const char *name, uint64_t now_ns, const atomic_bool *stop,
		const struct fetch_turn *turn, struct text *report)
{
	bool found = !name;
	int err = 0;

	text_char(report, '[');
	for (size_t i = 0; i < f->count && !err; i++) {
		struct fetch_feed *feed = &f->feeds[i];

		if (name ? strcmp(feed->name, name) != 0 : feed->next_ns > now_ns)
			continue;
		found = true;
		err = fetch_one(f, feed, now_ns, stop, turn, report);
	}
	text_char(report, ']');
	return err ? err : found ? 0 : -ENOENT;
}
