/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/control/outside.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct outside {
	outside_answer *answer;
	void *arg;
	int pair[2];
	pthread_t thread;
};

static void die(const char *what)
{
	perror(what);
	abort();
}

/* Texts only; "" without a body. */
static char *read_body(int fd)
{
	off_t n = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)n + 1);

	if (!text || pread(fd, text, (size_t)n, 0) != (fd < 0 ? -1 : n))
		die("body");
	return text;
}

static void answer(struct outside *x, const struct courier_order *o, int body)
{
	struct courier_answer a = {.body_fd = -1};
	char *given = read_body(body), *text;

	if (x->answer(x->arg, o, given, &a)) {
		text = message_of_answer(&a, o->id);
		message_send(x->pair[1], text, a.body_fd);
		free(text);
	}
	if (a.body_fd >= 0)
		close(a.body_fd);
	free(given);
}

static void *serve(void *arg)
{
	struct outside *x = arg;
	static _Thread_local char text[MESSAGE_BYTES_MAX];
	ssize_t n;

	for (;;) {
		struct courier_order o;
		int body;

		n = message_receive(x->pair[1], text, &body, -1);
		if (n <= 0)
			return NULL;
		if (!message_read_request(&o, text, (size_t)n))
			die("request");
		answer(x, &o, body);
		message_order_free(&o);
		if (body >= 0)
			close(body);
	}
}

struct outside *outside_new(outside_answer *answer, void *arg)
{
	struct outside *x = calloc(1, sizeof(*x));

	if (!x || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, x->pair) != 0)
		die("outside");
	x->answer = answer;
	x->arg = arg;
	if (pthread_create(&x->thread, NULL, serve, x) != 0)
		die("thread");
	return x;
}

int outside_say(struct outside *x, const char *text)
{
	return message_send(x->pair[1], text, -1);
}

void outside_die(struct outside *x)
{
	shutdown(x->pair[1], SHUT_RDWR);
}

void outside_free(struct outside *x)
{
	outside_die(x);
	pthread_join(x->thread, NULL);
	close(x->pair[0]);
	close(x->pair[1]);
	free(x);
}

int outside_channel(const struct outside *x)
{
	return x->pair[0];
}

void outside_body(struct courier_answer *a, const char *text)
{
	a->http = 200;
	a->bytes = strlen(text);
	a->body_fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (a->body_fd < 0 || write(a->body_fd, text, a->bytes) != (ssize_t)a->bytes ||
	    fcntl(a->body_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		die("memfd");
}
