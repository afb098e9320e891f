/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/courier/messenger.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "control/base/say.h"
#include "control/base/when.h"
#include "control/courier/notify.h"

#define FLUSH_S 2

struct messenger {
	struct notifier *notifier;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	bool said; /* that the store fails */
};

static void *run(void *arg)
{
	struct messenger *m = arg;

	pthread_mutex_lock(&m->lock);
	while (!atomic_load(&m->stop)) {
		struct timespec until;
		int err;

		pthread_mutex_unlock(&m->lock);
		err = notifier_flush(m->notifier, wall_clock_ns(), &m->stop);
		if (err && err != -ECANCELED && !m->said)
			say("%s; messages are sent later", store_error());
		m->said = err && err != -ECANCELED;
		pthread_mutex_lock(&m->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += FLUSH_S;
		if (!atomic_load(&m->stop))
			pthread_cond_timedwait(&m->wake, &m->lock, &until);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

int messenger_start(struct messenger **out, struct store *s, const struct config *c,
		    struct courier *k)
{
	struct messenger *m = calloc(1, sizeof(*m));
	int err;

	*out = NULL;
	if (m)
		m->notifier = notifier_new(s, c, k);
	if (!m || !m->notifier) {
		free(m);
		return -ENOMEM;
	}
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->wake, NULL);
	err = -pthread_create(&m->thread, NULL, run, m);
	if (err) {
		notifier_free(m->notifier);
		free(m);
		return err;
	}
	*out = m;
	return 0;
}

void messenger_stop(struct messenger *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->stop, true);
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	notifier_free(m->notifier);
	pthread_cond_destroy(&m->wake);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
