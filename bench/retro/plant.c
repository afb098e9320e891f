/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/retro/plant.h"

#include <string.h>

#include "dataplane/event/contact.h"

#define DAY_US 86400000000ull
#define WHOLE_DAYS 365u
#define BELOW_MAX (YEAR_NAME_MAX + 32)

static const struct {
	const char *name;
	uint32_t count;
} types[] = {
	[CAMPAIGN_BEACON] = {"beacon", 60},     [CAMPAIGN_SLOW] = {"low-and-slow", 30},
	[CAMPAIGN_DGA] = {"dga", 20},           [CAMPAIGN_FLUX] = {"fast-flux", 20},
	[CAMPAIGN_TUNNEL] = {"dns-tunnel", 15}, [CAMPAIGN_IP] = {"ip-only", 25},
	[CAMPAIGN_SHARED] = {"shared", 15},     [CAMPAIGN_MISMATCH] = {"sni-mismatch", 15},
};

const char *campaign_type_name(enum campaign_type type)
{
	return types[type].name;
}

/* 185.number.x.y: nothing else of the year is in 185.0.0.0/8. */
static void campaign_addr(const struct campaign *c, uint64_t which, struct addr *out)
{
	if (c->ip_version == 6)
		*out = (struct addr){{0x2a, 0x0e, (uint8_t)c->number, 0, (uint8_t)(which >> 16),
				      (uint8_t)(which >> 8), [14] = 1, [15] = (uint8_t)which}};
	else
		*out = (struct addr){
			{185, (uint8_t)c->number, (uint8_t)(which >> 8), (uint8_t)which}};
}

static void pick_people(struct campaign *c, const struct year_setup *setup, struct dice *d)
{
	uint32_t want = dice_geometric(d, 4), people = 0, tries = 0, all[VICTIMS_MAX + DECOYS];

	want = want > VICTIMS_MAX ? VICTIMS_MAX : want;
	while (people < want + DECOYS && tries++ < 10000) {
		uint32_t one = dice_below(d, setup->clients);
		bool known = false;

		for (uint32_t i = 0; i < people && !known; i++)
			known = all[i] == one;
		if (!known)
			all[people++] = one;
	}
	/* In a very small year the decoys come first short. */
	for (uint32_t i = 0; i < DECOYS; i++)
		c->decoy[i] = people > want + i ? all[want + i] : UINT32_MAX;
	c->victims = people < want ? people : want;
	memcpy(c->victim, all, c->victims * sizeof(*all));
}

void campaign_make(struct campaign *c, const struct year_setup *setup, uint32_t i)
{
	struct dice d = dice_new(setup->seed, DICE_CAMPAIGN, i, 0);
	uint32_t at = i, len, type = 0;

	while (at >= types[type].count)
		at -= types[type++].count;
	*c = (struct campaign){.number = (uint16_t)i, .type = (enum campaign_type)type};
	c->days = 1 + dice_below(&d, 120);
	if (type == CAMPAIGN_TUNNEL)
		c->days = 1 + c->days % 5;
	/* A year cut short (--days) has those of its days: what is planted keeps its share. */
	c->first_day =
		dice_below(&d, (setup->days > WHOLE_DAYS ? setup->days : WHOLE_DAYS) - c->days + 1);
	c->interval_s = (uint32_t)(60 * pow(1440, dice_unit(&d)));
	c->jitter = dice_below(&d, 41);
	c->ip_version = dice_hit(&d, 0.08) && type != CAMPAIGN_SHARED ? 6 : 4;
	c->port = dice_hit(&d, 0.7) ? 443 : (uint16_t)(1024 + dice_below(&d, 60000));
	c->below = type == CAMPAIGN_TUNNEL || dice_hit(&d, 0.4);
	if (type != CAMPAIGN_IP) {
		len = syllables((uint32_t)dice_next(&d) & 0x1fffff, c->domain);
		snprintf(c->domain + len, sizeof(c->domain) - len, "%u%s", i,
			 suffix(dice_next(&d)));
	}
	if (type == CAMPAIGN_SHARED)
		c->server = cdn_addr(dice_below(&d, 5000));
	else
		campaign_addr(c, dice_next(&d) & 0xffff, &c->server);
	pick_people(c, setup, &d);
}

/* What the rows of one victim's day have in common. */
struct deed {
	const struct campaign *c;
	const struct addr *client; /* IPv4, IPv6 */
	int (*call)(void *arg, const struct year_row *row);
	void *arg;
	uint64_t first_us, last_us, count;
	struct dice dice;
};

static int put_name(struct deed *e, int kind, const char *name, const char *indicator)
{
	struct year_row row = {
		.kind = (uint8_t)kind,
		.ip_version = 4,
		.client = e->client[0],
		.name = name,
		.name_len = (uint32_t)strlen(name),
		.first_us = e->first_us,
		.last_us = e->last_us,
		.count = e->count,
		.campaign = (uint16_t)(e->c->number + 1),
		.indicator = indicator,
	};

	return e->call(e->arg, &row);
}

static int put_server(struct deed *e, const struct addr *server, bool told)
{
	char text[ADDR_TEXT_MAX];
	int version = e->c->ip_version;
	struct year_row row = {
		.kind = CONTACT_IP,
		.ip_version = (uint8_t)version,
		.client = e->client[version == 6],
		.server = *server,
		.port = e->c->port,
		.first_us = e->first_us,
		.last_us = e->last_us,
		.count = e->count,
		.bytes_out = e->count * (300 + dice_below(&e->dice, 700)),
		.bytes_in = e->count * (200 + dice_below(&e->dice, 2000)),
		.campaign = (uint16_t)(e->c->number + 1),
		.indicator = told ? addr_format(server, version, text) : NULL,
	};

	return e->call(e->arg, &row);
}

/* The name that its victims use, and the server. */
static int put_channel(struct deed *e, bool server_told)
{
	char name[BELOW_MAX];
	int err = 0;

	snprintf(name, sizeof(name), "%s%s", e->c->below ? "gate." : "", e->c->domain);
	if (e->c->type == CAMPAIGN_MISMATCH) {
		char front[BELOW_MAX];

		snprintf(front, sizeof(front), "front%u.content.example", e->c->number);
		err = put_name(e, CONTACT_SNI, front, NULL);
	}
	if (!err && e->c->domain[0])
		err = put_name(e, CONTACT_DOMAIN, name, e->c->domain);
	/* The connection follows the question. */
	e->first_us += 30000;
	e->last_us += 30000;
	return err ? err : put_server(e, &e->c->server, server_told);
}

static int put_beacon(struct deed *e)
{
	uint64_t every = e->c->interval_s * 1000000ull, n, span;

	n = (DAY_US - 1000000) / every;
	n = n ? 1 + dice_below(&e->dice, (uint32_t)n) : 1;
	span = (n - 1) * every;
	/* The jitter moves single contacts, at the ends at most by its share of the interval. */
	e->first_us = (uint64_t)(dice_unit(&e->dice) * (double)(DAY_US - 1000000 - span));
	e->last_us = e->first_us + span;
	if (n > 1)
		e->last_us -= (uint64_t)((double)every * e->c->jitter / 100 * dice_unit(&e->dice));
	e->count = n;
	return put_channel(e, true);
}

static void once(struct deed *e)
{
	e->first_us = e->last_us = (uint64_t)(dice_unit(&e->dice) * (double)(DAY_US - 2000000000));
	e->count = 1;
}

static int put_dga(struct deed *e, uint32_t day)
{
	/* The same names for every victim: they are made from the day. */
	struct dice names = dice_new(e->c->number, DICE_CAMPAIGN, day, 1);
	char name[BELOW_MAX];
	int err = 0;

	for (uint32_t i = 0; i <= 50 && !err; i++) {
		uint32_t len = syllables((uint32_t)dice_next(&names) & 0x1fffff, name);

		snprintf(name + len, sizeof(name) - len, "%ud%un%u.com", e->c->number, day, i);
		once(e);
		err = put_name(e, CONTACT_DOMAIN, name, i == 50 ? name : NULL);
	}
	return err ? err : put_server(e, &e->c->server, true);
}

static int put_flux(struct deed *e, uint32_t day)
{
	int err;

	once(e);
	err = put_name(e, CONTACT_DOMAIN, e->c->domain, e->c->domain);
	/* Once an hour, to one of the five addresses of that hour. */
	for (uint32_t hour = 0; hour < 24 && !err; hour++) {
		uint32_t number = day * 120u + hour * 5u + dice_below(&e->dice, 5);
		struct addr server;

		campaign_addr(e->c, number, &server);
		e->first_us = hour * 3600000000ull + dice_below(&e->dice, 3500000) * 1000ull;
		e->last_us = e->first_us;
		err = put_server(e, &server, true);
	}
	return err;
}

static int put_tunnel(struct deed *e, uint32_t victim)
{
	uint64_t start;
	char name[BELOW_MAX];
	int err = 0;

	once(e);
	start = e->first_us;
	for (uint32_t i = 0; i < 2400 && !err; i++) {
		snprintf(name, sizeof(name), "%08x%02x%03x.t.%s", (uint32_t)dice_next(&e->dice),
			 victim, i, e->c->domain);
		e->first_us = e->last_us = start + i * 500000ull;
		err = put_name(e, CONTACT_DOMAIN, name, e->c->domain);
	}
	return err;
}

/* Names that contain the campaign's and are not it. */
static int put_decoy(struct deed *e)
{
	char name[BELOW_MAX];
	int err;

	once(e);
	snprintf(name, sizeof(name), "not%s", e->c->domain);
	err = put_name(e, CONTACT_DOMAIN, name, NULL);
	snprintf(name, sizeof(name), "%s.example.net", e->c->domain);
	if (!err)
		err = put_name(e, CONTACT_DOMAIN, name, NULL);
	snprintf(name, sizeof(name), "gate-%s", e->c->domain);
	return err ? err : put_name(e, CONTACT_SNI, name, NULL);
}

int campaign_day(const struct campaign *c, const struct year_setup *setup, uint32_t victim,
		 uint32_t day, const struct addr client[2],
		 int (*call)(void *arg, const struct year_row *row), void *arg)
{
	struct deed e = {.c = c, .client = client, .call = call, .arg = arg};
	bool off;

	if (day < c->first_day || day - c->first_day >= c->days)
		return 0;
	e.dice = dice_new(setup->seed, DICE_VICTIM, c->number * 256ull + victim, day);
	/* A machine that is off some days; nobody misses the first. */
	off = dice_hit(&e.dice, year_weekend(day) ? 0.5 : 0.1) && day != c->first_day;
	if (victim >= VICTIMS_MAX)
		return c->domain[0] ? put_decoy(&e) : 0;
	if (off)
		return 0;
	switch (c->type) {
	case CAMPAIGN_BEACON:
	case CAMPAIGN_IP:
		return put_beacon(&e);
	case CAMPAIGN_SLOW:
		once(&e);
		return dice_hit(&e.dice, 0.6) || day == c->first_day ? put_channel(&e, true) : 0;
	case CAMPAIGN_DGA:
		return put_dga(&e, day);
	case CAMPAIGN_FLUX:
		return put_flux(&e, day);
	case CAMPAIGN_TUNNEL:
		return put_tunnel(&e, victim);
	case CAMPAIGN_SHARED:
	case CAMPAIGN_MISMATCH:
		once(&e);
		e.count = 1 + dice_below(&e.dice, 20);
		e.last_us = e.first_us + (e.count - 1) * 60000000;
		return put_channel(&e, c->type == CAMPAIGN_MISMATCH);
	}
	return 0;
}
