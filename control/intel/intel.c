/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/intel/intel.h"

#include <errno.h>

#include "control/store/bytes.h"
#include "dataplane/base/addr.h"

static const char version_key[] = "intel/version";

size_t intel_key(int kind, const char *value, uint8_t *key)
{
	struct addr_prefix p;
	size_t n, bytes;

	key[0] = (uint8_t)kind;
	if (kind != INDICATOR_CIDR) {
		n = value_key(kind, value, strlen(value), key + 1);
		return n ? n + 1 : 0;
	}
	if (addr_prefix_parse(value, &p) != 0)
		return 0;
	bytes = p.ip_version == 4 ? 4 : 16;
	n = value_key_addr(p.addr.b, bytes, key + 1);
	key[1 + n] = p.bits;
	return n + 2;
}

void intel_print(struct text *out, int kind, struct slice key)
{
	const uint8_t *k = key.data;

	if (kind != INDICATOR_CIDR) {
		value_print(out, kind, k, key.len);
	} else if (key.len == 6 || key.len == 18) {
		value_print(out, CONTACT_IP, k, key.len - 1);
		text_format(out, "/%u", k[key.len - 1]);
	}
}

uint64_t intel_version(struct store *s)
{
	struct text value = {0};
	uint64_t version = 0;

	if (store_get(s, STORE_meta, version_key, sizeof(version_key) - 1, NULL, &value) == 1 &&
	    value.len == 8)
		version = read_be64(value.data);
	text_free(&value);
	return version;
}

static void put_version(struct store *s, struct store_batch *b, uint64_t version)
{
	uint8_t value[8];

	put_be64(value, version);
	store_batch_put(s, b, STORE_meta, version_key, sizeof(version_key) - 1, value,
			sizeof(value));
}

static void put_row(struct text *out, int kind, struct slice key, const char *note,
		    const char *source, uint64_t now_ns, uint64_t version)
{
	struct text value = {0};

	intel_print(&value, kind, key);
	text_char(out, '{');
	json_key_cstr(out, "kind", indicator_kind_name(kind));
	json_key(out, "value");
	json_put_string(out, value.data, value.len);
	if (note)
		json_key_cstr(out, "note", note);
	if (source)
		json_key_cstr(out, "source", source);
	json_key_time(out, "added", now_ns);
	json_key_uint(out, "version", version);
	text_char(out, '}');
	text_free(&value);
}

int intel_add(struct store *s, int kind, const char *value, const char *note, const char *source,
	      uint64_t now_ns, uint64_t *version)
{
	uint8_t key[INTEL_KEY_MAX + 2];
	size_t len = intel_key(kind, value, key);
	struct text row = {0};
	struct store_batch *b;
	int found, err;

	if (!len)
		return -EINVAL;
	found = store_get(s, STORE_intel, key, len, NULL, &row);
	if (found < 0)
		return found;
	text_clear(&row);
	*version = intel_version(s) + 1;
	put_row(&row, kind, (struct slice){key + 1, len - 1}, note, source, now_ns, *version);
	b = store_batch_new();
	store_batch_put(s, b, STORE_intel, key, len, row.data, row.len);
	put_version(s, b, *version);
	err = row.failed ? -ENOMEM : store_write(s, b, true);
	store_batch_free(b);
	text_free(&row);
	return err ? err : !found;
}

int intel_del(struct store *s, int kind, const char *value, uint64_t *version)
{
	uint8_t key[INTEL_KEY_MAX + 2];
	size_t len = intel_key(kind, value, key);
	struct text row = {0};
	struct store_batch *b;
	int found, err;

	if (!len)
		return -EINVAL;
	found = store_get(s, STORE_intel, key, len, NULL, &row);
	text_free(&row);
	*version = intel_version(s);
	if (found <= 0)
		return found;
	++*version;
	b = store_batch_new();
	store_batch_delete(s, b, STORE_intel, key, len);
	put_version(s, b, *version);
	/* Its findings: 4 or 6 and the client come after the key. */
	key[len] = 0xff;
	store_batch_delete_range(s, b, STORE_finding, key, len, key, len + 1);
	err = store_write(s, b, true);
	store_batch_free(b);
	return err ? err : 1;
}

int intel_each(struct store *s, int kind,
	       int (*call)(void *arg, int kind, struct slice key, struct slice json), void *arg)
{
	uint8_t from = (uint8_t)kind, to = (uint8_t)(kind + 1);
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it =
		store_iter_new(s, STORE_intel, NULL, kind ? &low : NULL, kind ? &high : NULL);
	int err = it ? 0 : -ENOMEM;

	for (it ? store_iter_first(it) : (void)0; !err && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		const uint8_t *p = k.data;

		if (k.len > 1 && k.len <= INTEL_KEY_MAX + 1)
			err = call(arg, p[0], (struct slice){p + 1, k.len - 1},
				   store_iter_value(it));
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

struct lookup {
	struct store *s;
	int (*call)(void *, int, struct slice, struct slice);
	void *arg;
	const uint8_t *addr; /* 4 or 6 and the address, for networks */
	size_t addr_len;
};

static int look_up(const struct lookup *l, int kind, const uint8_t *key, size_t len)
{
	uint8_t full[INTEL_KEY_MAX + 2];
	struct text row = {0};
	int found, err = 0;

	full[0] = (uint8_t)kind;
	memcpy(full + 1, key, len);
	found = store_get(l->s, STORE_intel, full, len + 1, NULL, &row);
	if (found == 1)
		err = l->call(l->arg, kind, (struct slice){key, len},
			      (struct slice){row.data, row.len});
	text_free(&row);
	return found < 0 ? found : err;
}

/* The name and every domain above it. */
static int look_up_domains(const struct lookup *l, const uint8_t *key, size_t len)
{
	uint8_t above[VALUE_KEY_MAX + 1];
	int err = 0;

	for (size_t i = 0; i < len && !err; i++) {
		if (key[i] > 1)
			continue;
		memcpy(above, key, i);
		above[i] = 0;
		err = look_up(l, CONTACT_DOMAIN, above, i + 1);
	}
	return err;
}

static int check_network(void *arg, int kind, struct slice key, struct slice json)
{
	const struct lookup *l = arg;
	const uint8_t *k = key.data;
	struct addr_prefix p = {.ip_version = k[0]};
	struct addr a = {{0}};

	if (key.len != l->addr_len + 1 || k[0] != l->addr[0])
		return 0;
	memcpy(p.addr.b, k + 1, l->addr_len - 1);
	memcpy(a.b, l->addr + 1, l->addr_len - 1);
	p.bits = k[key.len - 1];
	return addr_prefix_covers(&p, &a, k[0]) ? l->call(l->arg, kind, key, json) : 0;
}

int intel_match(struct store *s, int kind, const uint8_t *key, size_t len,
		int (*call)(void *arg, int kind, struct slice key, struct slice json), void *arg)
{
	struct lookup l = {.s = s, .call = call, .arg = arg, .addr = key, .addr_len = len};
	int err = 0;

	if (kind == CONTACT_DOMAIN || kind == CONTACT_SNI)
		err = look_up_domains(&l, key, len);
	if (!err && kind != CONTACT_DOMAIN)
		err = look_up(&l, kind, key, len);
	if (!err && kind == CONTACT_IP)
		err = intel_each(s, INDICATOR_CIDR, check_network, &l);
	return err;
}
