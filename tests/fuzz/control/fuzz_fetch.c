/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a feed's server answers: pages of a TAXII collection with their headers, the manifest and
 * events of a MISP folder. First byte: which; then answers, each a line for the header, a body, and a
 * byte 0xff. Whatever comes, the position stays one that can be kept, and is not behind itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/intel/misp.c"
#include "control/intel/taxii.c"

static const uint8_t *at, *end;

int fetch_ask(struct fetching *f, const char *url, const char *accept, bool conditional,
	      struct courier_answer *a, struct slice *bytes)
{
	const uint8_t *stop = at < end ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
	const uint8_t *line;

	if (strlen(url) >= 4096 || strpbrk(url + strlen(f->feed->url), " \r\n"))
		abort();
	*a = (struct courier_answer){.http = 200, .body_fd = -1};
	*bytes = (struct slice){"{}", 2};
	if (at >= end)
		return 0;
	stop = stop ? stop : end;
	line = memchr(at, '\n', (size_t)(stop - at));
	if (line && (size_t)(line - at) < sizeof(a->next) && !memchr(at, 0, (size_t)(line - at))) {
		memcpy(a->next, at, (size_t)(line - at));
		at = line + 1;
	}
	*bytes = (struct slice){at, (size_t)(stop - at)};
	at = stop + 1;
	return 0;
}

void fetch_unmap(struct slice bytes)
{
}

static int take(void *arg, const struct intel_entry *e)
{
	return 0;
}

static int refuse(void *arg, uint64_t where, struct slice item, const char *reason)
{
	return 0;
}

int fetch_read(struct fetching *f, enum feed_format format, struct slice bytes)
{
	struct feed_options o = {.format = format};
	struct feed_sink sink = {NULL, take, refuse};
	char why[256] = "";

	return feed_read(&o, bytes, &sink, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fetch_feed feed = {.url = "http://outside/c/"};
	static struct fetching f;
	struct event before, after;
	int err;

	f = (struct fetching){.feed = &feed};
	if (!size)
		return 0;
	at = data + 1;
	end = data + size;
	for (int i = 0; i < 3; i++) {
		before = read_position(f.state.position);
		err = data[0] & 1 ? fetch_misp(&f) : fetch_taxii(&f);
		if (!memchr(f.state.position, 0, sizeof(f.state.position)))
			abort();
		after = read_position(f.state.position);
		if (!err && data[0] & 1 && compare(&before, &after) > 0)
			abort();
	}
	return 0;
}
