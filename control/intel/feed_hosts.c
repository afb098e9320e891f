/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hosts files as blockers use them: an address that is not looked at, then names (hosts(5)).
 */
#include <ctype.h>
#include <string.h>

#include "control/intel/feed_private.h"
#include "control/intel/intel.h"

static bool next_word(struct slice *rest, struct slice *word)
{
	const char *b;

	*rest = trim(*rest);
	b = rest->data;
	if (!rest->len || b[0] == '#')
		return false;
	word->data = b;
	for (word->len = 0; word->len < rest->len; word->len++)
		if (isspace((unsigned char)b[word->len]) || b[word->len] == '#')
			break;
	*rest = (struct slice){b + word->len, rest->len - word->len};
	return true;
}

static bool is_own_name(struct slice name)
{
	static const char *const names[] = {
		"localhost",     "localhost.localdomain", "local",        "broadcasthost",
		"ip6-localhost", "ip6-loopback",          "ip6-localnet", "ip6-mcastprefix",
		"ip6-allnodes",  "ip6-allrouters",        "ip6-allhosts", "0.0.0.0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static int read_line(struct reader *r, uint64_t number, struct slice line,
		     const struct intel_entry *e)
{
	struct slice rest = line, word;
	uint8_t key[INTEL_KEY_MAX];
	bool any = false;
	int err = 0;

	if (!next_word(&rest, &word))
		return 0;
	if (word.len > 45 || !intel_key(CONTACT_IP, word.data, word.len, key))
		return feed_refuse(r, number, line, "does not begin with an address");
	while (!err && next_word(&rest, &word)) {
		any = true;
		if (is_own_name(word))
			err = feed_refuse(r, number, word, "is a name of the machine itself");
		else
			err = feed_value(r, number, word, e);
	}
	return err || any ? err : feed_refuse(r, number, line, "has no name behind the address");
}

int feed_read_hosts(struct reader *r)
{
	struct lines l = {.rest = r->bytes};
	struct intel_entry e = r->o->defaults;
	struct slice line;
	int err = 0;

	e.kind = CONTACT_DOMAIN;
	while (!err && lines_next(&l, &line))
		err = line.len > FEED_LINE_MAX
			      ? feed_refuse(r, l.number, line, "is too long a line")
			      : read_line(r, l.number, line, &e);
	return err;
}
