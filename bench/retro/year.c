/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/retro/year.h"

#include <stdlib.h>
#include <string.h>

#include "bench/retro/names.h"
#include "bench/retro/plant.h"
#include "dataplane/event/contact.h"

#define POOL 400u
#define NAMES_A_DAY 180.0
#define NAMES_MAX 900u
#define SEEN_SLOTS 4096u /* more than twice the rows of a day */
#define SEEN_MAX 3000u
#define DAY_NAMES 3000u /* domains that live one day */
#define HOUR_US 3600000000ull

/* A client's part in a campaign. */
struct part {
	uint32_t client, victim;
	uint16_t campaign;
};

struct year {
	struct year_setup setup;
	struct names names;
	uint8_t hour[256]; /* a random byte to an hour of the day */
	struct campaign campaign[CAMPAIGNS];
	struct part *parts; /* sorted by client */
	uint32_t part_count;
};

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->client != y->client)
		return x->client < y->client ? -1 : 1;
	return (x->campaign > y->campaign) - (x->campaign < y->campaign);
}

static void make_hours(struct year *y)
{
	static const double weight[24] = {.25, .18, .15, .14, .15, .22, .45, .9,
					  1.6, 2.1, 2.2, 2.1, 1.7, 2.0, 2.1, 2.1,
					  1.9, 1.6, 1.1, .8,  .65, .55, .45, .35};
	double sum = 0, done = 0;
	unsigned at = 0;

	for (int i = 0; i < 24; i++)
		sum += weight[i];
	for (int i = 0; i < 24; i++)
		for (done += weight[i]; at < 256 && at < done / sum * 256; at++)
			y->hour[at] = (uint8_t)i;
	while (at < 256)
		y->hour[at++] = 23;
}

struct year *year_new(const struct year_setup *setup)
{
	struct year *y = calloc(1, sizeof(*y));
	uint32_t n = 0;

	if (!y)
		return NULL;
	y->setup = *setup;
	names_init(&y->names, setup->seed);
	make_hours(y);
	y->parts = calloc(CAMPAIGNS * (VICTIMS_MAX + DECOYS), sizeof(*y->parts));
	if (!y->parts) {
		year_free(y);
		return NULL;
	}
	for (uint32_t i = 0; i < CAMPAIGNS; i++) {
		struct campaign *c = &y->campaign[i];

		campaign_make(c, setup, i);
		for (uint32_t k = 0; k < c->victims; k++)
			y->parts[n++] = (struct part){c->victim[k], k, (uint16_t)i};
		for (uint32_t k = 0; k < DECOYS; k++)
			if (c->decoy[k] != UINT32_MAX)
				y->parts[n++] =
					(struct part){c->decoy[k], VICTIMS_MAX + k, (uint16_t)i};
	}
	y->part_count = n;
	qsort(y->parts, n, sizeof(*y->parts), compare_parts);
	return y;
}

void year_free(struct year *y)
{
	if (!y)
		return;
	free(y->parts);
	free(y);
}

const struct year_setup *year_setup(const struct year *y)
{
	return &y->setup;
}

const struct campaign *year_campaign(const struct year *y, uint32_t i)
{
	return &y->campaign[i];
}

bool year_weekend(uint32_t day)
{
	return (day + YEAR_FIRST_DAY + 3) % 7 >= 5; /* day 0 of 1970 was a Thursday */
}

/* Sites by a client's number, evenly mixed: 0 to 2. */
static unsigned site_of(uint32_t client)
{
	return client % 25 < 20 ? 0 : client % 25 < 23 ? 1 : 2;
}

struct addr year_client_addr(const struct year *y, uint32_t client, int ip_version)
{
	uint8_t site = (uint8_t)(1 + site_of(client)), high = (uint8_t)(client >> 8);

	if (ip_version == 6)
		return (struct addr){
			{0xfd, 0, 0, 0, 0, 0, 0, site, [14] = high, [15] = (uint8_t)client}};
	return (struct addr){{10, site, high, (uint8_t)client}};
}

/* One client's day in the making. */
struct making {
	const struct year *y;
	uint32_t client, day;
	struct addr addr[2];
	struct dice dice;
	int (*call)(void *arg, const struct year_row *row);
	void *arg;
	uint64_t seen[SEEN_SLOTS];
	uint32_t seen_count;
};

/* Whether the value is new to this day; it is not from now on. */
static bool is_new(struct making *m, const void *value, size_t len, unsigned kind)
{
	uint64_t h = kind * GOLDEN, word;
	const uint8_t *p = value;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word) + GOLDEN;
	}
	word = 0;
	memcpy(&word, p, len);
	h = mix(h ^ word ^ (uint64_t)len << 56) | 1;
	if (m->seen_count >= SEEN_MAX)
		return false;
	for (uint32_t at = h >> 32 & (SEEN_SLOTS - 1);; at = (at + 1) & (SEEN_SLOTS - 1)) {
		if (m->seen[at] == h)
			return false;
		if (!m->seen[at]) {
			m->seen[at] = h;
			m->seen_count++;
			return true;
		}
	}
}

static uint64_t moment(struct making *m)
{
	static const unsigned behind[] = {24 - 9, 24 - 1, 5}; /* hours to add for UTC */
	uint64_t v = dice_next(&m->dice);
	unsigned hour = (m->y->hour[v & 0xff] + behind[site_of(m->client)]) % 24;

	return hour * HOUR_US + (v >> 32) * HOUR_US / (1ull << 32);
}

/* First and last of so many; beyond four the ends hardly move further. */
static void times(struct making *m, struct year_row *row, uint32_t count)
{
	uint32_t draws = count < 4 ? count : 4;

	row->count = count;
	row->first_us = row->last_us = moment(m);
	for (uint32_t i = 1; i < draws; i++) {
		uint64_t t = moment(m);

		row->first_us = t < row->first_us ? t : row->first_us;
		row->last_us = t > row->last_us ? t : row->last_us;
	}
}

static int put_server(struct making *m, int version, const struct addr *server, uint16_t port)
{
	struct year_row row = {.kind = CONTACT_IP,
			       .ip_version = (uint8_t)version,
			       .client = m->addr[version == 6],
			       .server = *server,
			       .port = port};

	if (!is_new(m, server->b, sizeof(server->b), CONTACT_IP))
		return 0;
	times(m, &row, dice_geometric(&m->dice, 10.8));
	row.bytes_out = row.count * (200 + dice_below(&m->dice, 3000));
	row.bytes_in = row.count * (500 + dice_below(&m->dice, 60000));
	return m->call(m->arg, &row);
}

/* The servers behind a name: one, for two names in three another. */
static int put_servers(struct making *m, uint32_t rank)
{
	static const uint16_t ports[16] = {443, 443, 443, 443, 443, 443, 443,  443,
					   443, 443, 443, 443, 80,  80,  8443, 993};
	unsigned n = dice_hit(&m->dice, 0.65) ? 2 : 1;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		uint64_t which = dice_next(&m->dice);
		struct addr server = {{10, 255, 0, (uint8_t)(which & 3)}};
		int version = 4;
		uint16_t port = 3128; /* a proxy: 5 % */

		if (which % 100 >= 5) {
			version = server_of_domain(&m->y->names, rank, m->day, which >> 8, &server);
			port = ports[mix(rank) & 15];
		}
		err = put_server(m, version, &server, port);
	}
	return err;
}

/* The name in one place of a client's pool. One place in a hundred is renewed a day. */
static uint32_t pool_rank(const struct making *m, uint32_t place, uint64_t *which)
{
	const struct year *y = m->y;
	uint32_t phase = (uint32_t)(mix(y->setup.seed + m->client * 1000ull + place) % 100);
	struct dice d = dice_new(y->setup.seed, DICE_POOL, m->client * 1000ull + place,
				 (m->day + phase) / 100);
	uint32_t rank = zipf_draw(&y->names.domain, &d);

	*which = dice_next(&d);
	return rank;
}

static int put_name(struct making *m)
{
	struct year_row row = {.ip_version = 4, .client = m->addr[0]};
	char name[YEAR_NAME_MAX];
	double mean = 11.5;
	uint64_t which;
	uint32_t rank;

	if (dice_hit(&m->dice, 0.8)) {
		double u = dice_unit(&m->dice);

		rank = pool_rank(m, (uint32_t)(u * sqrt(u) * POOL), &which);
	} else {
		rank = zipf_draw(&m->y->names.domain, &m->dice);
		which = dice_next(&m->dice);
		mean = 4;
	}
	if (dice_hit(&m->dice, 0.0015))
		row.name_len =
			name_of_day(&m->y->names, m->day, dice_below(&m->dice, DAY_NAMES), name);
	else
		row.name_len = name_of_host(&m->y->names, rank, which, name);
	row.name = name;
	/* A third is seen in TLS only: resolved earlier, or out of sight. */
	row.kind = mix(which) % 3 ? CONTACT_DOMAIN : CONTACT_SNI;
	if (!is_new(m, name, row.name_len, 0))
		return -1;
	times(m, &row, dice_geometric(&m->dice, mean));
	if (m->call(m->arg, &row) != 0)
		return 1;
	return put_servers(m, rank) != 0;
}

/* A planted row: known to is_new, so that none of the background is the same. */
static int put_planted(void *arg, const struct year_row *row)
{
	struct making *m = arg;
	bool fresh = row->kind == CONTACT_IP ? is_new(m, row->server.b, 16, CONTACT_IP)
					     : is_new(m, row->name, row->name_len, 0);

	return fresh ? m->call(m->arg, row) : 0;
}

static int put_parts(struct making *m)
{
	const struct year *y = m->y;
	uint32_t low = 0, high = y->part_count;
	int err = 0;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (y->parts[middle].client < m->client)
			low = middle + 1;
		else
			high = middle;
	}
	for (; !err && low < y->part_count && y->parts[low].client == m->client; low++)
		err = campaign_day(&y->campaign[y->parts[low].campaign], &y->setup,
				   y->parts[low].victim, m->day, m->addr, put_planted, m);
	return err;
}

int year_client_day(const struct year *y, uint32_t client, uint32_t day,
		    int (*call)(void *arg, const struct year_row *row), void *arg)
{
	struct making m;
	uint32_t names, tries;
	double size;
	int err;

	m.y = y;
	m.client = client;
	m.day = day;
	m.addr[0] = year_client_addr(y, client, 4);
	m.addr[1] = year_client_addr(y, client, 6);
	m.call = call;
	m.arg = arg;
	m.dice = dice_new(y->setup.seed, DICE_DAY, client, day);
	memset(m.seen, 0, sizeof(m.seen));
	m.seen_count = 0;
	err = put_parts(&m);
	if (err || !dice_hit(&m.dice, year_weekend(day) ? 0.25 : 0.92))
		return err;
	/* Log-normal with a mean of 1. The queries' sigma of 0.9 becomes less in distinct names. */
	size = exp(0.6 * dice_normal(&m.dice) - 0.18);
	names = (uint32_t)(NAMES_A_DAY * size);
	names = names < 3 ? 3 : names > NAMES_MAX ? NAMES_MAX : names;
	for (tries = 4 * names; names && tries; tries--) {
		int done = put_name(&m);

		if (done > 0)
			return done;
		names -= done == 0;
	}
	return 0;
}

uint32_t year_domain(const struct year *y, uint32_t rank, char *out)
{
	return name_of_domain(&y->names, rank, out);
}

uint32_t year_absent_name(const struct year *y, uint64_t i, char *out)
{
	struct dice d = dice_new(y->setup.seed, DICE_ABSENT, i, 0);
	uint32_t len = syllables((uint32_t)dice_next(&d) & 0x1fffff, out);

	len += (uint32_t)snprintf(out + len, YEAR_NAME_MAX - len, "q%llx%s", (unsigned long long)i,
				  suffix(dice_next(&d)));
	return len;
}

struct addr year_absent_addr(const struct year *y, uint64_t i)
{
	struct dice d = dice_new(y->setup.seed, DICE_ABSENT, i, 1);
	uint64_t v = dice_next(&d);

	/* As the background's, but the last byte is odd. */
	return (struct addr){{(uint8_t)(13 + (v & 0xffff) % 88), (uint8_t)(v >> 16 & 0xfe),
			      (uint8_t)(v >> 24), (uint8_t)(v >> 32 | 1)}};
}

struct addr year_absent_network(const struct year *y, uint64_t i, uint8_t *bits)
{
	struct dice d = dice_new(y->setup.seed, DICE_ABSENT, i, 2);
	uint64_t v = dice_next(&d);
	struct addr a;

	*bits = (uint8_t)(24 + (v >> 40) % 5);
	/* The second byte is odd, the background's even. */
	a = (struct addr){{(uint8_t)(13 + (v & 0xffff) % 88), (uint8_t)(v >> 16 | 1),
			   (uint8_t)(v >> 24), (uint8_t)(v >> 32)}};
	a.b[3] &= (uint8_t)(0xff << (32 - *bits));
	return a;
}
