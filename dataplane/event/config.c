/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/event/config_check.h"

const struct config_row config_rows[] = {
#define KEY(member, path, kind, value, doc) {path, #kind, value, doc, offsetof(struct config, member)},
#include "dataplane/event/config.def"
#undef KEY
	{NULL, NULL, NULL, NULL, 0},
};

/* The words of each CHOICE kind, in the order of its enum. */
static const struct {
	const char *kind;
	const char *words[8];
} config_choices[] = {
	{"CHOICE_mode", {"tap", "inline"}},
	{"CHOICE_hugepages", {"auto", "yes", "no"}},
	{"CHOICE_checksums", {"validate", "ignore"}},
	{"CHOICE_auto", {"auto", "yes", "no"}},
	{"CHOICE_precision", {"auto", "us", "ms", "s"}},
	{"CHOICE_intel", {"alert", "drop", "reject"}},
	{"CHOICE_urgent", {"oob", "inline", "drop", "gap"}},
	{"CHOICE_overload", {"ignore", "pass", "bypass", "drop"}},
	{"CHOICE_exception",
	 {"ignore", "pass", "pass-packet", "bypass", "drop", "drop-packet", "reject"}},
};

static const struct {
	const char *name, *value;
} default_addresses[] = {
	{"HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"},
	{"EXTERNAL_NET", "!$HOME_NET"},
	{"HTTP_SERVERS", "$HOME_NET"},
	{"SMTP_SERVERS", "$HOME_NET"},
	{"SQL_SERVERS", "$HOME_NET"},
	{"DNS_SERVERS", "$HOME_NET"},
	{"TELNET_SERVERS", "$HOME_NET"},
	{"AIM_SERVERS", "$EXTERNAL_NET"},
	{"DC_SERVERS", "$HOME_NET"},
	{"DNP3_SERVER", "$HOME_NET"},
	{"DNP3_CLIENT", "$HOME_NET"},
	{"MODBUS_CLIENT", "$HOME_NET"},
	{"MODBUS_SERVER", "$HOME_NET"},
	{"ENIP_CLIENT", "$HOME_NET"},
	{"ENIP_SERVER", "$HOME_NET"},
}, default_ports[] = {
	{"HTTP_PORTS", "80"},
	{"SHELLCODE_PORTS", "!80"},
	{"ORACLE_PORTS", "1521"},
	{"SSH_PORTS", "22"},
	{"DNP3_PORTS", "20000"},
	{"MODBUS_PORTS", "502"},
	{"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"},
	{"FTP_PORTS", "21"},
	{"GENEVE_PORTS", "6081"},
	{"VXLAN_PORTS", "4789"},
	{"TEREDO_PORTS", "3544"},
	{"SIP_PORTS", "[5060,5061]"},
};

static bool kind_is(const struct config_row *row, const char *kind)
{
	return strcmp(row->kind, kind) == 0;
}

static void *member(const struct config *c, const struct config_row *row)
{
	return (char *)(uintptr_t)c + row->offset;
}

/* The row of a path; for a path below a MAP its row, and *rest is the map's key. */
static const struct config_row *find_row(const char *path, const char **rest)
{
	*rest = NULL;
	for (const struct config_row *row = config_rows; row->path; row++) {
		size_t n = strlen(row->path);

		if (kind_is(row, "MAP")) {
			if (strncmp(path, row->path, n) == 0 && path[n] == '.' && path[n + 1]) {
				*rest = path + n + 1;
				return row;
			}
		} else if (strcmp(path, row->path) == 0) {
			return row;
		}
	}
	return NULL;
}

static int set_bool(bool *out, const char *v)
{
	static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};

	for (int i = 0; i < 4; i++) {
		if (strcasecmp(v, yes[i]) == 0 || strcasecmp(v, no[i]) == 0) {
			*out = strcasecmp(v, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

/* A number with an optional unit letter k, m, g (SIZE) or s, m, h, d (SECONDS). */
static int set_number(uint64_t *out, const char *v, const char *units, const uint64_t *factors)
{
	uint64_t n, factor = 1;
	char *end;

	if (*v < '0' || *v > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(v, &end, 10);
	while (*end == ' ')
		end++;
	if (*end) {
		const char *at = strchr(units, *end | 0x20);

		if (!at)
			return -EINVAL;
		factor = factors[at - units];
		/* "MiB", "MB", "kb" say the same */
		if (end[1] && strcasecmp(end + 1, "b") != 0 && strcasecmp(end + 1, "ib") != 0)
			return -EINVAL;
	}
	if (errno || n > UINT64_MAX / factor)
		return -EINVAL;
	*out = n * factor;
	return 0;
}

static int set_size(uint64_t *out, const char *v)
{
	static const uint64_t factors[] = {1024, 1024 * 1024, 1024 * 1024 * 1024};

	return set_number(out, v, "kmg", factors);
}

static int set_seconds(uint64_t *out, const char *v)
{
	static const uint64_t factors[] = {1, 60, 3600, 86400};

	return set_number(out, v, "smhd", factors);
}

static int set_choice(unsigned *out, const char *kind, const char *v)
{
	for (size_t i = 0; i < sizeof(config_choices) / sizeof(config_choices[0]); i++) {
		if (strcmp(config_choices[i].kind, kind) != 0)
			continue;
		for (unsigned k = 0; k < 8 && config_choices[i].words[k]; k++) {
			if (strcmp(config_choices[i].words[k], v) == 0) {
				*out = k;
				return 0;
			}
		}
	}
	return -EINVAL;
}

static const char *choice_word(const char *kind, unsigned value)
{
	for (size_t i = 0; i < sizeof(config_choices) / sizeof(config_choices[0]); i++)
		if (strcmp(config_choices[i].kind, kind) == 0)
			return config_choices[i].words[value];
	return "";
}

static int list_add(struct config_list *l, const char *item, size_t len)
{
	char **items = realloc(l->items, (l->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	l->items = items;
	items[l->count] = strndup(item, len);
	if (!items[l->count])
		return -ENOMEM;
	l->count++;
	return 0;
}

static void list_clear(struct config_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct config_list){0};
}

/* "a, b" or "[a, b]": commas inside inner brackets belong to the item. */
static int list_set(struct config_list *l, const char *v)
{
	size_t n = strlen(v);
	int depth = 0, err = 0;
	const char *start;

	list_clear(l);
	if (n >= 2 && v[0] == '[' && v[n - 1] == ']') {
		v++;
		n -= 2;
	}
	start = v;
	for (const char *p = v; p <= v + n && !err; p++) {
		if (p < v + n && *p == '[')
			depth++;
		else if (p < v + n && *p == ']')
			depth--;
		if (p == v + n || (*p == ',' && depth == 0)) {
			const char *end = p;

			while (start < end && *start == ' ')
				start++;
			while (end > start && end[-1] == ' ')
				end--;
			if (end > start)
				err = list_add(l, start, (size_t)(end - start));
			start = p + 1;
		}
	}
	return err;
}

static int map_set(struct config_map *m, const char *key, const char *value)
{
	char **keys, **values, *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->keys[i], key) == 0) {
			free(m->values[i]);
			m->values[i] = copy;
			return 0;
		}
	}
	keys = realloc(m->keys, (m->count + 1) * sizeof(*keys));
	if (keys)
		m->keys = keys;
	values = realloc(m->values, (m->count + 1) * sizeof(*values));
	if (values)
		m->values = values;
	if (!keys || !values || !(keys[m->count] = strdup(key))) {
		free(copy);
		return -ENOMEM;
	}
	values[m->count++] = copy;
	return 0;
}

static int say_bad(const struct config_row *row, const char *path, const char *value, char *error,
		   size_t size)
{
	const char *want = "a text";

	if (kind_is(row, "BOOL"))
		want = "yes or no";
	else if (kind_is(row, "UINT"))
		want = "a number";
	else if (kind_is(row, "SIZE"))
		want = "a size such as 64k, 16m or 2g";
	else if (kind_is(row, "SECONDS"))
		want = "a time such as 30, 5m or 2h";
	if (strncmp(row->kind, "CHOICE_", 7) == 0) {
		int n = snprintf(error, size, "%s: \"%s\" is not one of", path, value);

		for (unsigned k = 0; k < 8 && choice_word(row->kind, k) && n > 0 && (size_t)n < size; k++)
			n += snprintf(error + n, size - (size_t)n, " %s", choice_word(row->kind, k));
	} else {
		snprintf(error, size, "%s: \"%s\" is not %s", path, value, want);
	}
	return -EINVAL;
}

/* Edits between two texts (Levenshtein), both cut at 64 bytes. */
static unsigned edits(const char *a, const char *b)
{
	unsigned row[65], n = 0;

	for (; b[n] && n < 64; n++)
		row[n] = n;
	row[n] = n;
	for (unsigned i = 0; a[i] && i < 64; i++) {
		unsigned before = i;

		row[0] = i + 1;
		for (unsigned k = 0; k < n; k++) {
			unsigned best = before + (a[i] != b[k]);

			before = row[k + 1];
			if (before + 1 < best)
				best = before + 1;
			if (row[k] + 1 < best)
				best = row[k] + 1;
			row[k + 1] = best;
		}
	}
	return row[n];
}

/* The known key nearest to path, or to its last word, for a hint; NULL when none is near. */
static const char *nearest_key(const char *path)
{
	const char *best = NULL, *word = strrchr(path, '.');
	unsigned least = 4;

	word = word ? word + 1 : path;
	for (const struct config_row *row = config_rows; row->path; row++) {
		const char *last = strrchr(row->path, '.');
		unsigned far = edits(path, row->path), near = edits(word, last ? last + 1 : row->path) + 1;

		far = near < far ? near : far;
		if (far < least && strlen(word) > far) {
			least = far;
			best = row->path;
		}
	}
	return best;
}

int config_set(struct config *c, const char *path, const char *value, char *error, size_t error_size)
{
	const char *rest;
	const struct config_row *row = find_row(path, &rest);
	void *at;
	int err = 0;

	if (!row) {
		const char *near = nearest_key(path);

		snprintf(error, error_size, "%s: there is no such key%s%s%s", path,
			 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
		return -ENOENT;
	}
	err = config_check(path, value, error, error_size);
	if (err)
		return err;
	at = member(c, row);
	if (kind_is(row, "BOOL")) {
		err = set_bool(at, value);
	} else if (kind_is(row, "UINT")) {
		err = set_number(at, value, "", NULL);
	} else if (kind_is(row, "SIZE")) {
		err = set_size(at, value);
	} else if (kind_is(row, "SECONDS")) {
		err = set_seconds(at, value);
	} else if (kind_is(row, "LIST")) {
		err = list_set(at, value);
	} else if (kind_is(row, "MAP")) {
		err = map_set(at, rest, value);
	} else if (kind_is(row, "TEXT")) {
		char *copy = strdup(value);

		if (copy) {
			free(*(char **)at);
			*(char **)at = copy;
		}
		err = copy ? 0 : -ENOMEM;
	} else {
		err = set_choice(at, row->kind, value);
	}
	return err == -EINVAL ? say_bad(row, path, value, error, error_size) : err;
}

int config_list_clear(struct config *c, const char *path)
{
	const char *rest;
	const struct config_row *row = find_row(path, &rest);

	if (!row || !kind_is(row, "LIST"))
		return -ENOENT;
	list_clear(member(c, row));
	return 0;
}

int config_append(struct config *c, const char *path, const char *item, char *error, size_t error_size)
{
	const char *rest;
	const struct config_row *row = find_row(path, &rest);

	if (!row || !kind_is(row, "LIST")) {
		snprintf(error, error_size, "%s: there is no such list", path);
		return -ENOENT;
	}
	if (config_check(path, item, error, error_size) != 0)
		return -EINVAL;
	return list_add(member(c, row), item, strlen(item));
}

static void map_clear(struct config_map *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->keys[i]);
		free(m->values[i]);
	}
	free(m->keys);
	free(m->values);
	*m = (struct config_map){0};
}

static int set_defaults(struct config *c)
{
	char error[256];
	int err = 0;

	for (const struct config_row *row = config_rows; row->path && !err; row++)
		if (!kind_is(row, "MAP"))
			err = config_set(c, row->path, row->value, error, sizeof(error));
	for (size_t i = 0; i < sizeof(default_addresses) / sizeof(default_addresses[0]) && !err; i++)
		err = map_set(&c->address_vars, default_addresses[i].name, default_addresses[i].value);
	for (size_t i = 0; i < sizeof(default_ports) / sizeof(default_ports[0]) && !err; i++)
		err = map_set(&c->port_vars, default_ports[i].name, default_ports[i].value);
	if (!err)
		err = map_set(&c->os_policy, "windows", "[0.0.0.0/0]");
	return err;
}

struct config *config_new(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c && set_defaults(c) != 0) {
		config_free(c);
		c = NULL;
	}
	return c;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (const struct config_row *row = config_rows; row->path; row++) {
		if (kind_is(row, "TEXT"))
			free(*(char **)member(c, row));
		else if (kind_is(row, "LIST"))
			list_clear(member(c, row));
		else if (kind_is(row, "MAP"))
			map_clear(member(c, row));
	}
	free(c);
}

static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

const char *config_map_get(const struct config_map *m, const char *key)
{
	const char *alike = NULL;

	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->keys[i], key) == 0)
			return m->values[i];
		if (!alike && same_key(m->keys[i], key))
			alike = m->values[i];
	}
	return alike;
}

bool config_map_bool(const struct config_map *m, const char *key, bool otherwise)
{
	const char *v = config_map_get(m, key);

	if (v)
		set_bool(&otherwise, v);
	return otherwise;
}

bool config_eve_wants(const struct config *c, const char *type)
{
	size_t len = strlen(type);
	char key[64];

	snprintf(key, sizeof(key), "%s.enabled", type);
	if (config_map_bool(&c->eve_types, key, config_map_bool(&c->eve_types, type, false)))
		return true;
	for (size_t i = 0; i < c->eve_files.count; i++) {
		const char *at = strstr(c->eve_files.keys[i], ".types.");

		if (at && strncmp(at + 7, type, len) == 0 && (!at[7 + len] || at[7 + len] == '.'))
			return true;
	}
	return false;
}

uint64_t config_map_size(const struct config_map *m, const char *key, uint64_t otherwise)
{
	const char *v = config_map_get(m, key);

	if (v)
		set_size(&otherwise, v);
	return otherwise;
}

static void write_row(const struct config *c, const struct config_row *row, FILE *f)
{
	const void *at = member(c, row);

	if (kind_is(row, "BOOL")) {
		fprintf(f, "%s: %s\n", row->path, *(const bool *)at ? "yes" : "no");
	} else if (kind_is(row, "UINT") || kind_is(row, "SIZE") || kind_is(row, "SECONDS")) {
		fprintf(f, "%s: %" PRIu64 "\n", row->path, *(const uint64_t *)at);
	} else if (kind_is(row, "TEXT")) {
		fprintf(f, "%s: %s\n", row->path, *(char *const *)at);
	} else if (kind_is(row, "LIST")) {
		const struct config_list *l = at;

		fprintf(f, "%s[]!\n", row->path);
		for (size_t i = 0; i < l->count; i++)
			fprintf(f, "%s[]: %s\n", row->path, l->items[i]);
	} else if (kind_is(row, "MAP")) {
		const struct config_map *m = at;

		for (size_t i = 0; i < m->count; i++)
			fprintf(f, "%s.%s: %s\n", row->path, m->keys[i], m->values[i]);
	} else {
		fprintf(f, "%s: %s\n", row->path, choice_word(row->kind, *(const unsigned *)at));
	}
}

int config_write(const struct config *c, int fd)
{
	int copy = dup(fd), err;
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

	if (!f) {
		err = -errno;
		if (copy >= 0)
			close(copy);
		return err;
	}
	for (const struct config_row *row = config_rows; row->path; row++)
		write_row(c, row, f);
	return fclose(f) == 0 ? 0 : -errno;
}

static int read_line(struct config *c, char *line)
{
	char error[256], *colon;
	size_t n = strlen(line);

	if (n && line[n - 1] == '\n')
		line[--n] = '\0';
	if (n > 3 && strcmp(line + n - 3, "[]!") == 0) {
		line[n - 3] = '\0';
		return config_list_clear(c, line);
	}
	colon = strstr(line, ": ");
	if (!colon)
		return -EPROTO;
	*colon = '\0';
	if (colon - line > 2 && strcmp(colon - 2, "[]") == 0) {
		colon[-2] = '\0';
		return config_append(c, line, colon + 2, error, sizeof(error));
	}
	return config_set(c, line, colon + 2, error, sizeof(error));
}

/* The whole file as text. By position: both processes inherit one file offset and read at once. */
static char *read_whole(int fd)
{
	struct stat st;
	size_t len = 0, size;
	char *text;

	if (fstat(fd, &st) != 0)
		return NULL;
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	while (text && len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (text)
		text[len] = '\0';
	return text;
}

struct config *config_read(int fd)
{
	struct config *c = config_new();
	char *text = read_whole(fd), *line = text;
	int err = c && text ? 0 : -ENOMEM;

	while (!err && line && *line) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		err = read_line(c, line);
		line = end ? end + 1 : NULL;
	}
	free(text);
	if (err) {
		config_free(c);
		errno = -err;
		return NULL;
	}
	return c;
}
