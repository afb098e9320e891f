/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/process/keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "control/base/say.h"
#include "control/process/budget.h"
#include "control/store/bytes.h"
#include "control/store/days.h"

#define EXPIRY_S 3600
#define BUDGET_S 60

struct keeper {
	struct store *store;
	struct contacts *contacts;
	struct hosts *hosts;
	const struct ingest *ingest;
	uint64_t retention_days;
	bool expires, stop, said;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct budget budget;
	bool has_budget;
};

static int expire(struct keeper *k)
{
	static const enum store_family families[] = {STORE_alert, STORE_event};
	uint64_t today = (uint64_t)time(NULL) / 86400;
	uint8_t from[2] = {0}, to[2];
	int err = 0;

	if (!k->retention_days || today <= k->retention_days)
		return 0;
	put_be16(to, (uint16_t)(today - k->retention_days));
	for (size_t i = 0; i < 2 && !err; i++)
		err = store_drop_range(k->store, families[i], from, 2, to, 2);
	if (!err && k->contacts)
		err = contacts_expire(k->contacts, (uint16_t)(today - k->retention_days));
	if (!err && k->hosts)
		err = hosts_expire(k->hosts, (today - k->retention_days) * DAY_NS);
	return err;
}

static void work(struct keeper *k, bool expiry_due, bool budget_due)
{
	int err = 0;

	if (!store_enter(k->store))
		return;
	if (k->contacts) {
		contacts_seal_old(k->contacts, ingest_figures(k->ingest)->newest_packet_ns);
		do
			err = contacts_keep(k->contacts);
		while (err == 1);
	}
	if (!err && expiry_due && k->expires)
		err = expire(k);
	if (!err && budget_due && k->expires)
		err = budget_keep(&k->budget);
	store_leave(k->store);
	if (err && !k->said)
		say("%s; it is tried again", store_error());
	k->said = err != 0;
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	uint64_t turns = 0;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		bool budget_due = k->has_budget && turns % BUDGET_S == 0;
		struct timespec until;

		pthread_mutex_unlock(&k->lock);
		work(k, turns % EXPIRY_S == 0, budget_due);
		turns++;
		pthread_mutex_lock(&k->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		/* A table may be sealed for want of memory at any time, and ingestion wait. */
		until.tv_sec += 1;
		if (!k->stop)
			pthread_cond_timedwait(&k->wake, &k->lock, &until);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

struct keeper *keeper_start(struct store *s, struct contacts *c, struct hosts *h,
			    const struct ingest *in, uint64_t retention_days, bool expires)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->store = s;
	k->contacts = c;
	k->hosts = h;
	k->ingest = in;
	k->retention_days = retention_days;
	k->expires = expires;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	if (c)
		contacts_has_keeper(c, true);
	if (pthread_create(&k->thread, NULL, run, k) != 0) {
		if (c)
			contacts_has_keeper(c, false);
		free(k);
		return NULL;
	}
	return k;
}

void keeper_budget(struct keeper *k, const struct config *config)
{
	pthread_mutex_lock(&k->lock);
	/* Not looked at by the thread before has_budget is set. */
	budget_init(&k->budget, k->store, k->contacts, config);
	k->has_budget = true;
	pthread_mutex_unlock(&k->lock);
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	if (k->contacts)
		contacts_has_keeper(k->contacts, false);
	free(k);
}
