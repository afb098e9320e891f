/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/process/budget.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "control/base/say.h"
#include "control/store/bytes.h"
#include "control/store/days.h"

#define MIB (1024.0 * 1024.0)

/* Rows of a day begin with prefix (if there is one) and the day (2, big endian). */
static const struct class_row {
	const char *what, *key;
	enum store_family family;
	uint8_t prefix; /* 0: none */
} rows[BUDGET_CLASS_COUNT] = {
	[BUDGET_CONTACTS] = {"contacts", "store.share.contacts", STORE_contact, 'p'},
	[BUDGET_ALERTS] = {"alerts", "store.share.alerts", STORE_alert, 0},
	[BUDGET_EVENTS] = {"protocol records", "store.share.events", STORE_event, 0},
};

void budget_init(struct budget *b, struct store *s, struct contacts *c, const struct config *config)
{
	*b = (struct budget){.store = s, .contacts = c, .bytes = config->store_budget};
	b->percent[BUDGET_CONTACTS] = config->store_share_contacts;
	b->percent[BUDGET_ALERTS] = config->store_share_alerts;
	b->percent[BUDGET_EVENTS] = config->store_share_events;
}

/* The least key of the day, or of the end of all days (DAYS_MAX). Returns its length. */
static size_t day_key(const struct class_row *row, uint32_t day, uint8_t *key)
{
	size_t n = 0;

	if (row->prefix)
		key[n++] = (uint8_t)(row->prefix + (day == DAYS_MAX));
	if (day == DAYS_MAX && row->prefix)
		return n;
	put_be16(key + n, day == DAYS_MAX ? UINT16_MAX : (uint16_t)day);
	n += 2;
	/* Keys of the last day that there can be are longer than this, and below it. */
	if (day == DAYS_MAX)
		memset(key + n, 0xff, 8);
	return day == DAYS_MAX ? n + 8 : n;
}

/* In files, of the days [from, to). */
static uint64_t days_bytes(const struct budget *b, const struct class_row *row, uint32_t from,
			   uint32_t to)
{
	uint8_t low[16], high[16];
	size_t low_len = day_key(row, from, low), high_len = day_key(row, to, high);

	return store_range_bytes(b->store, row->family, low, low_len, high, high_len);
}

/* The day of the row under the iterator; DAYS_MAX: there is none. */
static uint32_t day_at(const struct class_row *row, const struct store_iter *it)
{
	size_t skip = row->prefix ? 1 : 0;
	struct slice k;

	if (!store_iter_valid(it))
		return DAYS_MAX;
	k = store_iter_key(it);
	return k.len < skip + 2 ? DAYS_MAX : read_be16((const uint8_t *)k.data + skip);
}

static struct store_iter *days_iter(const struct budget *b, const struct class_row *row)
{
	uint8_t from[16], to[16];
	struct slice low = {from, day_key(row, 0, from)};
	struct slice high = {to, day_key(row, DAYS_MAX, to)};

	return store_iter_new(b->store, row->family, NULL, &low, &high);
}

/* Keys that belong to no day, and lie before those that do: a class pays for them too. */
static uint64_t other_bytes(const struct budget *b, const struct class_row *row)
{
	uint8_t first[16];
	size_t len = day_key(row, 0, first);

	return row->prefix ? store_range_bytes(b->store, row->family, "", 1, first, len) : 0;
}

/* The first day that may stay, so that the class is within the limit; *first: the first there is.
 * 0 or -errno. */
static int choose_day(const struct budget *b, const struct class_row *row, uint64_t limit,
		      uint32_t *first, uint32_t *keep, uint64_t *bytes)
{
	struct store_iter *it = days_iter(b, row);
	uint32_t newest, day;
	uint8_t key[16];
	uint64_t left;
	int err;

	if (!it)
		return -ENOMEM;
	store_iter_last(it);
	newest = day_at(row, it);
	store_iter_first(it);
	*first = *keep = day = day_at(row, it);
	left = *bytes =
		day == DAYS_MAX ? 0 : other_bytes(b, row) + days_bytes(b, row, day, DAYS_MAX);
	while (left > limit && day < newest) {
		uint64_t of_day = days_bytes(b, row, day, day + 1);

		left -= of_day < left ? of_day : left;
		store_iter_seek(it, key, day_key(row, day + 1, key));
		*keep = day = day_at(row, it);
	}
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static int drop_before(struct budget *b, const struct class_row *row, uint32_t day)
{
	uint8_t from[16], to[16];
	size_t from_len = day_key(row, 0, from), to_len = day_key(row, day, to);

	if (row->family == STORE_contact)
		return contacts_expire(b->contacts, (uint16_t)day);
	return store_drop_range(b->store, row->family, from, from_len, to, to_len);
}

static void print_day(char *to, size_t size, uint32_t day)
{
	time_t at = (time_t)(day * (DAY_NS / 1000000000u));
	struct tm tm;

	strftime(to, size, "%Y-%m-%d", gmtime_r(&at, &tm));
}

static void say_dropped(struct budget *b, enum budget_class class, uint64_t bytes, uint64_t limit,
			uint32_t day)
{
	char date[16];

	if (b->said[class])
		return;
	b->said[class] = true;
	print_day(date, sizeof(date), day);
	say("the store's %s take %.1f MiB of the %.1f MiB that are theirs: days before %s are "
	    "dropped, and later ones when it is needed; to keep more days give more by "
	    "store.budget or %s",
	    rows[class].what, (double)bytes / MIB, (double)limit / MIB, date, rows[class].key);
}

static int keep_class(struct budget *b, enum budget_class class, uint64_t total)
{
	const struct class_row *row = &rows[class];
	uint64_t limit = total / 100 * b->percent[class], bytes;
	uint32_t first, keep;
	int err;

	if (class == BUDGET_CONTACTS && !b->contacts)
		return 0;
	/* What dropped days still take is in here: only an upper bound, but a cheap one. */
	if (store_family_bytes(b->store, row->family) <= limit)
		return 0;
	err = choose_day(b, row, limit, &first, &keep, &bytes);
	if (err || keep == first || keep == DAYS_MAX)
		return err;
	err = drop_before(b, row, keep);
	if (!err)
		say_dropped(b, class, bytes, limit, keep);
	return err;
}

/* What the store may take in all; 0 and errno when that cannot be told. */
static uint64_t total_bytes(const struct budget *b)
{
	struct statvfs fs;

	if (b->bytes)
		return b->bytes;
	if (statvfs(store_dir(b->store), &fs) != 0)
		return 0;
	return (uint64_t)fs.f_blocks * fs.f_frsize / 10 * 9;
}

int budget_keep(struct budget *b)
{
	uint64_t total = total_bytes(b);
	int err = 0;

	if (!total) {
		if (!b->said_size)
			say("the size of the file system of %s cannot be told: %s; name what the "
			    "store may take by store.budget",
			    store_dir(b->store), strerror(errno));
		b->said_size = true;
		return 0;
	}
	for (int class = 0; class < BUDGET_CLASS_COUNT && !err; class ++)
		err = keep_class(b, (enum budget_class) class, total);
	return err;
}

static void put_class(const struct budget *b, enum budget_class class, uint64_t total,
		      struct text *out)
{
	const struct class_row *row = &rows[class];
	uint32_t first = DAYS_MAX, keep;
	uint64_t used = 0;
	char date[16];

	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "class", row->what);
	json_key_cstr(out, "key", row->key);
	json_key_uint(out, "percent", b->percent[class]);
	json_key_uint(out, "allowed_bytes", total / 100 * b->percent[class]);
	if (choose_day(b, row, UINT64_MAX, &first, &keep, &used) == 0)
		json_key_uint(out, "used_bytes", used);
	if (first != DAYS_MAX) {
		print_day(date, sizeof(date), first);
		json_key_cstr(out, "oldest_day", date);
	}
	text_char(out, '}');
}

void budget_put(const struct budget *b, struct text *out)
{
	uint64_t total = total_bytes(b);

	text_char(out, '{');
	json_key_uint(out, "bytes", total);
	json_key(out, "classes");
	text_char(out, '[');
	for (int class = 0; class < BUDGET_CLASS_COUNT; class ++)
		put_class(b, (enum budget_class) class, total, out);
	text_str(out, "]}");
}
