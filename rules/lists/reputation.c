/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/lists/reputation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define NAME_MAX_BYTES 64
#define ENTRIES_MAX (64u << 20)

/* The key of a network in a category: all of it is hashed and compared. */
struct network {
	uint8_t address[16]; /* bits behind the prefix are 0 */
	uint8_t ip_version;  /* 0: an empty place */
	uint8_t prefix;
	uint8_t category;
};

struct scored {
	struct network network;
	uint8_t score;
};

struct reputation {
	char names[REPUTATION_CATEGORIES][NAME_MAX_BYTES];
	struct scored *table;
	uint32_t count, mask;
	/* Which prefix lengths occur, longest first, by IP version (4, 6). */
	uint8_t prefixes[2][129];
	unsigned prefix_count[2];
};

static uint32_t place_of(const struct reputation *r, const struct network *n)
{
	uint32_t at = (uint32_t)XXH3_64bits(n, sizeof(*n)) & r->mask;

	while (r->table[at].network.ip_version && memcmp(&r->table[at].network, n, sizeof(*n)) != 0)
		at = (at + 1) & r->mask;
	return at;
}

static bool table_grow(struct reputation *r)
{
	struct scored *old = r->table;
	uint32_t places = old ? r->mask + 1 : 0;

	r->table = places >= ENTRIES_MAX ? NULL : calloc(places ? (size_t)places * 2 : 1024, sizeof(*r->table));
	if (!r->table) {
		r->table = old;
		return false;
	}
	r->mask = places ? places * 2 - 1 : 1023;
	for (uint32_t i = 0; i < places; i++)
		if (old[i].network.ip_version)
			r->table[place_of(r, &old[i].network)] = old[i];
	free(old);
	return true;
}

static void network_cut(struct network *n, unsigned prefix)
{
	n->prefix = (uint8_t)prefix;
	for (unsigned i = 0; i < 16; i++) {
		unsigned from = 8 * i;

		if (from >= prefix)
			n->address[i] = 0;
		else if (from + 8 > prefix)
			n->address[i] &= (uint8_t)(0xff << (from + 8 - prefix));
	}
}

static void prefix_note(struct reputation *r, uint8_t ip_version, uint8_t prefix)
{
	uint8_t *list = r->prefixes[ip_version == 6];
	unsigned *count = &r->prefix_count[ip_version == 6], at = 0;

	while (at < *count && list[at] > prefix)
		at++;
	if (at < *count && list[at] == prefix)
		return;
	memmove(list + at + 1, list + at, *count - at);
	list[at] = prefix;
	(*count)++;
}

/* ---- files ---- */

static bool number_read(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return !errno && *out <= max && (!*end || *end == ' ' || *end == '\t');
}

static bool category_take(struct reputation *r, char *line)
{
	char *name = strchr(line, ','), *text;
	unsigned long n;

	if (!name)
		return false;
	*name++ = '\0';
	text = strchr(name, ',');
	if (text)
		*text = '\0';
	if (!number_read(line, REPUTATION_CATEGORIES - 1, &n) || n == 0 || !*name || strlen(name) >= NAME_MAX_BYTES)
		return false;
	memcpy(r->names[n], name, strlen(name) + 1);
	return true;
}

static bool network_read(char *text, struct network *n)
{
	char *slash = strchr(text, '/');
	unsigned long prefix;
	struct addr a = {{0}};

	if (slash)
		*slash++ = '\0';
	*n = (struct network){.ip_version = (uint8_t)addr_parse(text, &a)};
	memcpy(n->address, a.b, sizeof(n->address));
	prefix = n->ip_version == 6 ? 128 : 32;
	if (slash && !number_read(slash, prefix, &prefix))
		return false;
	if (!n->ip_version)
		return false;
	network_cut(n, (unsigned)prefix);
	return true;
}

static bool score_take(struct reputation *r, char *line)
{
	char *category = strchr(line, ','), *score = category ? strchr(category + 1, ',') : NULL;
	unsigned long number, value;
	struct network n;
	uint32_t at;

	if (!score)
		return false;
	*category++ = '\0';
	*score++ = '\0';
	if (!number_read(category, REPUTATION_CATEGORIES - 1, &number) || number == 0 ||
	    !number_read(score, REPUTATION_MAX, &value) || !network_read(line, &n))
		return false;
	n.category = (uint8_t)number;
	if ((!r->table || r->count * 2 > r->mask) && !table_grow(r))
		return false;
	at = place_of(r, &n);
	if (!r->table[at].network.ip_version)
		r->count++;
	r->table[at] = (struct scored){n, (uint8_t)value};
	prefix_note(r, n.ip_version, n.prefix);
	return true;
}

static bool lines_take(struct reputation *r, const char *path, bool (*take)(struct reputation *r, char *line),
		       size_t *bad, char *error, size_t error_size)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t space = 0;
	ssize_t n;

	if (!f) {
		snprintf(error, error_size, "reputation file %s cannot be read: %s", path, strerror(errno));
		return false;
	}
	while ((n = getline(&line, &space, f)) >= 0) {
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
			line[--n] = '\0';
		if (n && *line != '#' && !take(r, line))
			(*bad)++;
	}
	free(line);
	fclose(f);
	return true;
}

struct reputation *reputation_read(const char *categories, const char *const *files, size_t file_count,
				   size_t *bad, char *error, size_t error_size)
{
	struct reputation *r = calloc(1, sizeof(*r));
	bool ok = r != NULL;

	*bad = 0;
	if (!r)
		snprintf(error, error_size, "not enough memory for reputation");
	ok = ok && lines_take(r, categories, category_take, bad, error, error_size);
	for (size_t i = 0; ok && i < file_count; i++)
		ok = lines_take(r, files[i], score_take, bad, error, error_size);
	if (ok)
		return r;
	reputation_free(r);
	return NULL;
}

void reputation_free(struct reputation *r)
{
	if (!r)
		return;
	free(r->table);
	free(r);
}

unsigned reputation_category(const struct reputation *r, const char *name, size_t len)
{
	for (unsigned i = 1; r && i < REPUTATION_CATEGORIES; i++)
		if (strlen(r->names[i]) == len && memcmp(r->names[i], name, len) == 0)
			return i;
	return 0;
}

int reputation_of(const struct reputation *r, unsigned category, const struct addr *a, uint8_t ip_version)
{
	bool six = ip_version == 6;

	for (unsigned i = 0; r->table && i < r->prefix_count[six]; i++) {
		struct network n = {.ip_version = ip_version, .category = (uint8_t)category};
		const struct scored *s;

		memcpy(n.address, a->b, six ? 16 : 4);
		network_cut(&n, r->prefixes[six][i]);
		s = &r->table[place_of(r, &n)];
		if (s->network.ip_version)
			return s->score;
	}
	return -1;
}
