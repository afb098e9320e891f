/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TAXII 2.1 collection (OASIS TAXII 2.1, section 5.4): its objects added since the last time, page
 * by page. The position is what added_after is made of: the header X-TAXII-Date-Added-Last of the last
 * page, as the server wrote it.
 *
 * A server may add objects, under the same time or a little before, between reading a page and
 * writing its header. After objects came the position has a mark (~) before it: the next time they
 * are asked for from some seconds before it, and only when nothing newer came from it alone. What
 * comes twice changes nothing.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/base/text.h"
#include "control/base/when.h"
#include "control/intel/fetch_private.h"

#define MEDIA_TYPE "application/taxii+json;version=2.1"
#define PAGES_MAX 10000
#define PAGE_OBJECTS 1000
#define NEXT_BYTES 1024
#define OPEN_MARK '~' /* what was added about that time may not be all there yet */
#define AGAIN_NS 10000000000ull

/* What a URL's query may hold as it is (RFC 3986, 2.3); all else as %XX. */
static void put_escaped(char *to, size_t size, const char *from)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = strlen(to);

	for (; *from && n + 4 < size; from++) {
		unsigned char c = (unsigned char)*from;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c)) {
			to[n++] = (char)c;
		} else {
			to[n++] = '%';
			to[n++] = hex[c >> 4];
			to[n++] = hex[c & 15];
		}
	}
	to[n] = '\0';
}

/* …/objects/?limit=…&added_after=…&next=… */
static void page_url(char *url, size_t size, const char *base, const char *after, const char *next)
{
	size_t n = strlen(base);
	bool objects = strstr(base, "/objects") != NULL;

	snprintf(url, size, "%s%s%s?limit=%u", base, n && base[n - 1] == '/' ? "" : "/",
		 objects ? "" : "objects/", PAGE_OBJECTS);
	if (*after) {
		strncat(url, "&added_after=", size - strlen(url) - 1);
		put_escaped(url, size, after);
	}
	if (*next) {
		strncat(url, "&next=", size - strlen(url) - 1);
		put_escaped(url, size, next);
	}
}

/* The envelope's more and next. False: there is no other page. */
static bool next_page(struct slice bytes, char *next, size_t size)
{
	json_t *o = json_loadb(bytes.data, bytes.len, 0, NULL);
	const char *to = json_string_value(json_object_get(o, "next"));
	bool more = json_is_true(json_object_get(o, "more")) && to && *to && strlen(to) < size;

	if (more)
		snprintf(next, size, "%s", to);
	json_decref(o);
	return more;
}

/* What is to be asked for after. */
static void added_after(const char *position, char *after, size_t size)
{
	struct text t = {0};
	uint64_t ns;

	if (*position != OPEN_MARK) {
		snprintf(after, size, "%s", position);
	} else if (!time_parse(position + 1, &ns) || ns < AGAIN_NS) {
		snprintf(after, size, "%s", position + 1);
	} else {
		text_time(&t, ns - AGAIN_NS);
		snprintf(after, size, "%.26sZ", text_cstr(&t));
		text_free(&t);
	}
}

/* last: the newest header; "": nothing came. */
static void move_position(char *position, size_t size, const char *last)
{
	const char *before = *position == OPEN_MARK ? position + 1 : position;

	if (!*last || strcmp(last, before) == 0)
		memmove(position, before, strlen(before) + 1);
	else
		snprintf(position, size, "%c%s", OPEN_MARK, last);
}

static int fetch_page(struct fetching *f, const char *url, char *last, size_t last_size,
		      char *next, size_t next_size, bool *more)
{
	struct courier_answer a;
	struct slice bytes;
	int err = fetch_ask(f, url, MEDIA_TYPE, false, &a, &bytes);

	if (!err && !bytes.len) {
		err = -EPROTO;
		snprintf(f->error, sizeof(f->error), "%.400s: the answer is empty", url);
	}
	/* "{}" is a page without objects. */
	if (!err && memmem(bytes.data, bytes.len, "\"objects\"", 9)) {
		f->same = false;
		err = fetch_read(f, FEED_STIX, bytes);
	}
	if (!err && a.next[0] && strlen(a.next) < last_size)
		memcpy(last, a.next, strlen(a.next) + 1);
	*more = !err && next_page(bytes, next, next_size);
	fetch_unmap(bytes);
	return err;
}

int fetch_taxii(struct fetching *f)
{
	char url[4096], next[NEXT_BYTES] = "", after[sizeof(f->state.position)];
	char last[sizeof(f->state.position) - 1] = "";
	bool more = true;
	int err = 0;

	added_after(f->state.position, after, sizeof(after));
	f->same = true;
	for (unsigned page = 0; more && !err && page < PAGES_MAX; page++) {
		page_url(url, sizeof(url), f->feed->url, after, next);
		err = fetch_page(f, url, last, sizeof(last), next, sizeof(next), &more);
	}
	if (!err)
		move_position(f->state.position, sizeof(f->state.position), last);
	return err;
}
