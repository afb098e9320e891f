/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names that machines give themselves when they ask for an address (DHCP). The request names the
 * MAC, the acknowledgement the address; they come from different workers, in any order, in the
 * same batch or not. An acknowledgement without a name gets that of the request just before it; a
 * request that comes late gives its name to the interval that its acknowledgement began.
 * Ingest thread.
 */
#include <errno.h>
#include <string.h>

#include "control/hosts/hosts_private.h"
#include "control/store/bytes.h"

#define BEFORE_NS (600 * 1000000000ull) /* a request is answered within that time */
#define AFTER_NS (60 * 1000000000ull)   /* what comes from another worker may be so late */

static size_t machine_key(uint8_t *key, const uint8_t *mac)
{
	key[0] = 'k';
	memcpy(key + 1, mac, 6);
	return MACHINE_KEY_BYTES;
}

bool machine_read(struct slice value, uint64_t *ts_ns, struct host_text *name)
{
	const uint8_t *v = value.data;

	if (value.len < 8 || value.len > 8 + HOST_NAME_MAX_BYTES)
		return false;
	*ts_ns = read_be64(v);
	name->len = (uint8_t)(value.len - 8);
	memcpy(name->text, v + 8, name->len);
	return true;
}

static void put_machine(struct hosts *h, struct store_batch *b, const struct host_said *said)
{
	uint8_t key[MACHINE_KEY_BYTES], value[8 + HOST_NAME_MAX_BYTES];

	put_be64(value, said->ts_ns);
	memcpy(value + 8, said->name.text, said->name.len);
	store_batch_put(h->store, b, STORE_host, key, machine_key(key, said->mac), value,
			8u + said->name.len);
}

static bool is_answer(uint64_t asked_ns, uint64_t answered_ns)
{
	return asked_ns + BEFORE_NS >= answered_ns && asked_ns <= answered_ns + AFTER_NS;
}

/* The newest interval that begins with the MAC. 1, 0, -errno. */
static int newest_of(struct hosts *h, const uint8_t *mac, struct host_said *place,
		     struct host_row *row)
{
	uint8_t from[7] = {'m'}, to[HOST_KEY_MAX], key[HOST_KEY_MAX];
	struct slice low = {from, sizeof(from)}, high = {to, sizeof(to)};
	struct text value = {0};
	struct store_iter *it;
	uint64_t from_ns = 0;
	int found = 0;

	memcpy(from + 1, mac, 6);
	memcpy(to, from, sizeof(from));
	memset(to + sizeof(from), 0xff, sizeof(to) - sizeof(from));
	it = store_iter_new(h->store, STORE_host, NULL, &low, &high);
	if (!it)
		return -ENOMEM;
	store_iter_last(it);
	if (store_iter_valid(it)) {
		struct slice k = store_iter_key(it);

		found = place_read((const uint8_t *)k.data + sizeof(from), k.len - sizeof(from),
				   &place->addr, &place->ip_version, &from_ns);
	} else {
		found = store_iter_status(it);
	}
	store_iter_free(it);
	if (found != 1)
		return found;
	found = store_get(h->store, STORE_host, key,
			  address_key(key, &place->addr, place->ip_version, from_ns), NULL, &value);
	if (found == 1)
		found = row_decode(row, from_ns, (struct slice){value.data, value.len});
	text_free(&value);
	return found;
}

/* A request whose acknowledgement was there before it: the fact that its interval lacks. */
static int late_name(struct hosts *h, const struct host_said *said, struct host_said *fact)
{
	struct host_row row;
	int found;

	*fact = (struct host_said){.source = HOST_DHCP, .name = said->name};
	found = newest_of(h, said->mac, fact, &row);
	if (found != 1)
		return found;
	if (row.mac_source != HOST_DHCP || row.name_source == HOST_DHCP ||
	    !is_answer(said->ts_ns, row.from_ns))
		return 0;
	fact->ts_ns = row.from_ns;
	return 1;
}

int names_record(struct hosts *h, struct store_batch *b)
{
	const size_t named = h->named_count;
	int err = 0;

	for (size_t i = 0; i < named && !err; i++) {
		struct host_said fact;
		int late;

		/* the last word of each machine */
		if (i + 1 < named && addr_equal(&h->staged[i].addr, &h->staged[i + 1].addr))
			continue;
		put_machine(h, b, &h->staged[i]);
		late = late_name(h, &h->staged[i], &fact);
		if (late == 1)
			late = hosts_add(h, &fact);
		err = late < 0 ? late : 0;
	}
	return err;
}

void name_fill(struct hosts *h, struct host_said *said)
{
	uint8_t key[MACHINE_KEY_BYTES];
	struct host_text name;
	struct text value = {0};
	uint64_t ts_ns;

	if (said->source != HOST_DHCP || !said->has_mac || said->name.len)
		return;
	for (size_t i = 0; i < h->named_count; i++) {
		const struct host_said *asked = &h->staged[i];

		if (memcmp(asked->mac, said->mac, 6) != 0 || !is_answer(asked->ts_ns, said->ts_ns))
			continue;
		if (!said->name.len || asked->ts_ns <= said->ts_ns)
			said->name = asked->name;
	}
	if (said->name.len)
		return;
	if (store_get(h->store, STORE_host, key, machine_key(key, said->mac), NULL, &value) == 1 &&
	    machine_read((struct slice){value.data, value.len}, &ts_ns, &name) &&
	    is_answer(ts_ns, said->ts_ns))
		said->name = name;
	text_free(&value);
}
