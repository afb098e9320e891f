/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The asker's side. See courier.h.
 */
#include "control/courier/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/base/program.h"
#include "control/courier/message.h"

#define TIMEOUT_S 60
#define PATIENCE_S 5 /* beyond the courier's own time limit */
#define SLICE_MS 200
#define MAX_BYTES (64ull << 20)

/* One that waits; it stands on the stack of who asks. */
struct asker {
	uint64_t id;
	struct courier_answer *out;
	bool done;
	int err;
	struct asker *next;
};

struct courier {
	const struct config *config;
	int channel;
	bool ours;    /* we made it, and its process */
	pid_t pid;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t came;
	struct asker *askers;
	bool reading; /* one of the askers is at the channel, without the lock */
	uint64_t next_id;
	char text[MESSAGE_BYTES_MAX]; /* of who reads */
};

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Offline: a courier of our own, without a sandbox, which ends with us. */
static int start(struct courier *c)
{
	char program[4200], number[16];
	int pair[2];

	program_find("metsuke-courier", program, sizeof(program));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	c->pid = fork();
	if (c->pid == 0) {
		snprintf(number, sizeof(number), "%d", dup(pair[1]));
		execl(program, program, "--channel", number, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	c->channel = pair[0];
	c->ours = true;
	return c->pid < 0 ? -errno : 0;
}

struct courier *courier_open(int channel, const struct config *config)
{
	struct courier *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return NULL;
	c->config = config;
	c->channel = channel;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->came, NULL);
	/* Answers to an earlier process must not look like ours. */
	c->next_id = monotonic_ns() >> 1;
	err = channel < 0 ? start(c) : 0;
	if (err) {
		courier_close(c);
		errno = -err;
		return NULL;
	}
	return c;
}

void courier_close(struct courier *c)
{
	if (!c)
		return;
	if (c->ours && c->channel >= 0)
		close(c->channel);
	if (c->pid > 0) {
		kill(c->pid, SIGTERM);
		waitpid(c->pid, NULL, 0);
	}
	pthread_cond_destroy(&c->came);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int body_memfd(const struct courier_request *r)
{
	int fd = r->body ? memfd_create("metsuke-body", MFD_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, r->body, r->body_bytes) != (ssize_t)r->body_bytes) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- answers ---- */

/* Held: c->lock. */
static void end_all(struct courier *c, int err, const char *why)
{
	for (struct asker *k = c->askers; k; k = k->next) {
		if (k->done)
			continue;
		k->done = true;
		k->err = err;
		snprintf(k->out->error, sizeof(k->out->error), "%s", why);
	}
}

/* One message to whom it is for; what was asked by nobody here, or no longer, is thrown away.
 * Held: c->lock. */
static void hand_out(struct courier *c, ssize_t n, int fd)
{
	struct courier_answer a;
	struct asker *k;
	uint64_t id;

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		end_all(c, n ? (int)n : -EPIPE, "the courier process is gone");
		return;
	}
	if (!message_read_answer(&a, &id, c->text, (size_t)n)) {
		k = NULL;
	} else if (id == MESSAGE_GONE_ID) {
		end_all(c, -EPIPE, a.error);
		k = NULL;
	} else {
		for (k = c->askers; k && (k->id != id || k->done); k = k->next)
			;
	}
	if (k) {
		*k->out = a;
		k->out->body_fd = fd;
		k->done = true;
	} else if (fd >= 0) {
		close(fd);
	}
}

/* Held: c->lock, which is let go while it waits. */
static void wait_a_while(struct courier *c)
{
	struct timespec until;
	ssize_t n;
	int fd;

	if (c->reading) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SLICE_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&c->came, &c->lock, &until);
		return;
	}
	/* One of those who wait reads for all. */
	c->reading = true;
	pthread_mutex_unlock(&c->lock);
	n = message_receive(c->channel, c->text, &fd, SLICE_MS);
	pthread_mutex_lock(&c->lock);
	c->reading = false;
	hand_out(c, n, fd);
	pthread_cond_broadcast(&c->came);
}

/* What came while nobody waited, the end of an earlier courier for one, says nothing of what is
 * asked now. Held: c->lock. */
static void throw_away(struct courier *c)
{
	ssize_t n;
	int fd;

	while (!c->askers && !c->reading &&
	       (n = message_receive(c->channel, c->text, &fd, 0)) > 0)
		if (fd >= 0)
			close(fd);
}

static int send_request(struct courier *c, const struct courier_request *r, struct asker *k,
			const char *text)
{
	struct pollfd p = {.fd = c->channel, .events = POLLOUT};
	int body = body_memfd(r), err;

	if (r->body && body < 0) {
		err = -E2BIG;
	} else if (poll(&p, 1, 0) == 0) {
		err = -EBUSY;
		snprintf(k->out->error, sizeof(k->out->error),
			 "the courier process does not take what is asked of it");
	} else {
		err = message_send(c->channel, text, body);
		if (err == -EPIPE)
			snprintf(k->out->error, sizeof(k->out->error),
				 "the courier process is gone");
	}
	if (body >= 0)
		close(body);
	return err;
}

/* Sends and waits. Held: c->lock. */
static int ask(struct courier *c, const struct courier_request *r, const atomic_bool *stop,
	       struct courier_answer *out)
{
	const uint64_t deadline_ns = monotonic_ns() + (r->timeout_s + PATIENCE_S) * 1000000000ull;
	struct asker me = {.id = ++c->next_id, .out = out}, **at = &c->askers;
	char *text = message_of_request(r, me.id, c->config->courier_ca);
	int err;

	throw_away(c);
	err = text ? send_request(c, r, &me, text) : -E2BIG;
	free(text);
	if (err)
		return err;
	me.next = c->askers;
	c->askers = &me;
	while (!me.done && !err) {
		if (stop && atomic_load(stop))
			err = -ECANCELED;
		else if (monotonic_ns() > deadline_ns)
			err = -ETIMEDOUT;
		else
			wait_a_while(c);
	}
	while (*at != &me)
		at = &(*at)->next;
	*at = me.next;
	return me.done ? me.err : err;
}

static void refuse_body(struct courier_answer *a, const char *why)
{
	if (a->body_fd >= 0)
		close(a->body_fd);
	a->body_fd = -1;
	a->bytes = 0;
	a->status = -EPROTO;
	snprintf(a->error, sizeof(a->error), "the courier's answer came %s", why);
}

/* The courier talks to strangers: what it hands over is mapped by us, so that it may neither be
 * shorter than it says nor become so. */
static void check_body(struct courier_answer *a, uint64_t max_bytes)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = a->body_fd < 0 ? 0 : fcntl(a->body_fd, F_GET_SEALS);
	struct stat st;

	if (a->body_fd < 0) {
		if (a->bytes)
			refuse_body(a, "without a body");
	} else if (seals < 0 || (seals & sealed) != sealed) {
		refuse_body(a, "with a body that is not sealed");
	} else if (fstat(a->body_fd, &st) != 0 || (uint64_t)st.st_size != a->bytes) {
		refuse_body(a, "with a body that is not as long as it says");
	} else if (a->bytes > max_bytes) {
		refuse_body(a, "with a body that is longer than was asked for");
	}
}

int courier_ask(struct courier *c, const struct courier_request *asked, const atomic_bool *stop,
		struct courier_answer *out)
{
	struct courier_request r = *asked;
	int err;

	memset(out, 0, sizeof(*out));
	out->body_fd = -1;
	r.timeout_s = r.timeout_s ? r.timeout_s : TIMEOUT_S;
	r.max_bytes = r.max_bytes ? r.max_bytes : MAX_BYTES;
	pthread_mutex_lock(&c->lock);
	err = ask(c, &r, stop, out);
	pthread_mutex_unlock(&c->lock);
	if (!err)
		check_body(out, r.max_bytes);
	/* These say something of ourselves: that a job is stopped, or to be run again. */
	if (out->status == -EAGAIN || out->status == -ECANCELED)
		out->status = -EIO;
	if (err && !out->error[0])
		snprintf(out->error, sizeof(out->error), "the courier process did not answer (%s)",
			 strerror(-err));
	return err;
}
