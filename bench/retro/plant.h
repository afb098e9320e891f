/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control channels planted in a synthetic year, and the truth about them. 200 campaigns of
 * eight types, each with 1 to 60 victims (geometric, 4 in the mean) over 1 to 120 days. Near each
 * stand decoys: clients that are no victims and contacted names which only contain the campaign's.
 * Any thread.
 */
#ifndef BENCH_RETRO_PLANT_H
#define BENCH_RETRO_PLANT_H

#include "bench/retro/names.h"
#include "bench/retro/year.h"

#define CAMPAIGNS 200u
#define VICTIMS_MAX 60u
#define DECOYS 3u

enum campaign_type {
	CAMPAIGN_BEACON,   /* every 60 s to 24 h, jitter 0 to 40 % */
	CAMPAIGN_SLOW,     /* once a day or less */
	CAMPAIGN_DGA,      /* fifty names a day that are not there, one that is */
	CAMPAIGN_FLUX,     /* five new addresses an hour */
	CAMPAIGN_TUNNEL,   /* two questions a second for twenty minutes, each another name */
	CAMPAIGN_IP,       /* no name */
	CAMPAIGN_SHARED,   /* at an address that many harmless names share */
	CAMPAIGN_MISMATCH, /* a harmless name in TLS, another in the request */
};

struct campaign {
	uint16_t number;
	enum campaign_type type;
	uint32_t first_day, days;
	uint32_t interval_s, jitter; /* beacons; percent */
	char domain[YEAR_NAME_MAX];  /* "": none */
	bool below;                  /* its victims contact a host below the domain */
	struct addr server;
	int ip_version;
	uint16_t port;
	uint32_t victims, victim[VICTIMS_MAX];
	uint32_t decoy[DECOYS];
};

/* Campaign number i of the year. A year of fewer clients has all of them; one of fewer days those
 * that fall into it. */
void campaign_make(struct campaign *c, const struct year_setup *setup, uint32_t i);
const char *campaign_type_name(enum campaign_type type);

/* What a victim, or a decoy (victim: VICTIMS_MAX + its number), did because of the campaign on
 * that day. */
int campaign_day(const struct campaign *c, const struct year_setup *setup, uint32_t victim,
		 uint32_t day, const struct addr client[2],
		 int (*call)(void *arg, const struct year_row *row), void *arg);

/* One client and one indicator of a campaign, over the whole year. */
struct truth {
	struct addr client;
	uint8_t ip_version;
	uint8_t kind; /* CONTACT_DOMAIN: the name and all below; CONTACT_IP */
	uint16_t campaign;
	uint16_t port;
	char indicator[YEAR_NAME_MAX];
	uint64_t first_ns, last_ns, count;
	uint32_t days;
};

struct truths {
	struct truth *rows; /* sorted by campaign, kind, indicator, client */
	size_t count, cap;
};

/* Of the days from `from` on (0: all). 0 or -ENOMEM. */
int truths_of_year(const struct year *y, uint32_t from, struct truths *out);
void truths_free(struct truths *t);
/* A line of JSON for each. */
void truths_print(const struct truths *t, const struct year *y, FILE *out);

/* Of the year: its campaigns. */
const struct campaign *year_campaign(const struct year *y, uint32_t i);

#endif
