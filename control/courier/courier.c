/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The asker's side. See courier.h.
 */
#include "control/courier/courier.h"

#include <errno.h>
#include <fcntl.h>
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

struct courier {
	const struct config *config;
	int channel;
	bool ours;    /* we made it, and its process */
	pid_t pid;
	uint64_t next_id;
	char text[MESSAGE_BYTES_MAX];
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

/* The answer with our id; those to others are thrown away. */
static int receive(struct courier *c, uint64_t id, uint64_t deadline_ns, const atomic_bool *stop,
		   struct courier_answer *out)
{
	for (;;) {
		uint64_t answered;
		int fd;
		ssize_t n = message_receive(c->channel, c->text, &fd, SLICE_MS);

		if (n > 0 && message_read_answer(out, &answered, c->text, (size_t)n) &&
		    answered == id) {
			out->body_fd = fd;
			return 0;
		}
		if (fd >= 0)
			close(fd);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (stop && atomic_load(stop))
			return -ECANCELED;
		if (monotonic_ns() > deadline_ns)
			return -ETIMEDOUT;
	}
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
	uint64_t id = ++c->next_id, deadline_ns;
	char *text;
	int body, err;

	memset(out, 0, sizeof(*out));
	out->body_fd = -1;
	r.timeout_s = r.timeout_s ? r.timeout_s : TIMEOUT_S;
	r.max_bytes = r.max_bytes ? r.max_bytes : MAX_BYTES;
	deadline_ns = monotonic_ns() + (r.timeout_s + PATIENCE_S) * 1000000000ull;
	text = message_of_request(&r, id, c->config->courier_ca);
	body = body_memfd(&r);
	if (!text || (r.body && body < 0))
		err = -E2BIG;
	else
		err = message_send(c->channel, text, body);
	if (body >= 0)
		close(body);
	free(text);
	if (!err)
		err = receive(c, id, deadline_ns, stop, out);
	if (!err)
		check_body(out, r.max_bytes);
	if (err && !out->error[0])
		snprintf(out->error, sizeof(out->error), "the courier process did not answer (%s)",
			 strerror(-err));
	return err;
}
