/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/jobs/desk.h"
#include "control/rpc/engine.h"
#include "control/rpc/rpc_private.h"

#define OUTPUT_MAX (512u << 20) /* waiting for a client that does not read */
#define TICK_MS 200
#define GROUPS_MAX 256

struct client {
	int fd;           /* -1: free */
	uint64_t number;  /* never used twice: replies to one that is gone find nobody */
	uint64_t active_ns;
	uint64_t half_ns; /* when the unfinished line began; 0: there is none */
	struct text in, out;
	size_t sent;
	int file;         /* that came with the bytes of the line in hand; -1: none */
	bool closing;     /* when out is sent */
};

struct rpc_server {
	int listener, poller, wake;
	uid_t maker; /* whose socket it is; we may have become another since */
	gid_t group;
	bool has_group;
	char *path;
	struct rpc_context *ctx;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	uint64_t next_number, next_tick_ns;
	struct client client[RPC_CLIENTS_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int make_parent(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	strncpy(dir, path, sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static int bind_socket(struct rpc_server *s, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int err;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	err = make_parent(path);
	if (err)
		return err;
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return -errno;
	/* Left behind by a process that was killed. The supervisor runs one of us at a time. */
	unlink(path);
	mask = umask(0177);
	err = bind(s->listener, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : -errno;
	umask(mask);
	if (err)
		return err;
	if (s->has_group && chown(path, (uid_t)-1, s->group) != 0 && geteuid() == 0)
		return -errno;
	if (chmod(path, 0660) != 0 || listen(s->listener, 128) != 0)
		return -errno;
	return 0;
}

static int watch(struct rpc_server *s, int fd, uint32_t events, uint64_t tag, int op)
{
	struct epoll_event e = {.events = events, .data.u64 = tag};

	return epoll_ctl(s->poller, op, fd, &e) == 0 ? 0 : -errno;
}

enum { TAG_LISTENER = RPC_CLIENTS_MAX, TAG_WAKE, TAG_CHANNEL, TAG_JOBS };

int rpc_server_new(struct rpc_server **out, const char *path, const char *group)
{
	struct rpc_server *s = calloc(1, sizeof(*s));
	struct group *g = group && group[0] ? getgrnam(group) : NULL;
	int err = 0;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	for (int i = 0; i < RPC_CLIENTS_MAX; i++)
		s->client[i].fd = s->client[i].file = -1;
	s->listener = s->poller = s->wake = -1;
	s->maker = geteuid();
	s->has_group = g != NULL;
	s->group = g ? g->gr_gid : 0;
	s->path = strdup(path);
	s->poller = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!s->path || s->poller < 0 || s->wake < 0)
		err = -ENOMEM;
	if (!err)
		err = bind_socket(s, path);
	if (!err)
		err = watch(s, s->listener, EPOLLIN, TAG_LISTENER, EPOLL_CTL_ADD);
	if (!err)
		err = watch(s, s->wake, EPOLLIN, TAG_WAKE, EPOLL_CTL_ADD);
	if (err) {
		say("the control socket %s cannot be made: %s", path, strerror(-err));
		rpc_server_free(s);
		return err;
	}
	*out = s;
	return 0;
}

static void drop(struct rpc_server *s, struct client *c)
{
	if (c->fd < 0)
		return;
	epoll_ctl(s->poller, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	if (c->file >= 0)
		close(c->file);
	text_free(&c->in);
	text_free(&c->out);
	*c = (struct client){.fd = -1, .file = -1};
}

/* Sends what can be sent now. */
static void flush_out(struct rpc_server *s, struct client *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			drop(s, c);
			return;
		}
		c->sent += (size_t)n;
		c->active_ns = now_ns();
	}
	if (c->sent == c->out.len) {
		if (c->out.cap > 1u << 20)
			text_free(&c->out);
		text_clear(&c->out);
		c->sent = 0;
		if (c->closing) {
			drop(s, c);
			return;
		}
	}
	if (c->out.len - c->sent > OUTPUT_MAX || c->out.failed) {
		drop(s, c);
		return;
	}
	watch(s, c->fd, (c->closing ? 0u : EPOLLIN) | (c->sent < c->out.len ? EPOLLOUT : 0u),
	      (uint64_t)(c - s->client), EPOLL_CTL_MOD);
}

static bool may_talk(const struct rpc_server *s, int fd)
{
	struct ucred who;
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(who), groups_len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return false;
	/* The courier is our user, but what it has read came from the network. */
	if (s->ctx->boot &&
	    who.pid == __atomic_load_n(&s->ctx->boot->courier_pid, __ATOMIC_ACQUIRE))
		return false;
	if (who.uid == 0 || who.uid == s->maker)
		return true;
	if (!s->has_group || who.uid == geteuid())
		return false;
	if (who.gid == s->group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) != 0)
		return false;
	for (size_t i = 0; i < groups_len / sizeof(*groups); i++)
		if (groups[i] == s->group)
			return true;
	return false;
}

/* A free place, if need be that of the client that has been silent for longest. */
static struct client *place(struct rpc_server *s)
{
	struct client *oldest = &s->client[0];

	for (int i = 0; i < RPC_CLIENTS_MAX; i++) {
		if (s->client[i].fd < 0)
			return &s->client[i];
		if (s->client[i].active_ns < oldest->active_ns)
			oldest = &s->client[i];
	}
	drop(s, oldest);
	return oldest;
}

static void accept_clients(struct rpc_server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct client *c;

		if (!may_talk(s, fd)) {
			close(fd);
			continue;
		}
		c = place(s);
		*c = (struct client){.fd = fd, .file = -1, .number = ++s->next_number, .active_ns = now_ns()};
		if (watch(s, fd, EPOLLIN, (uint64_t)(c - s->client), EPOLL_CTL_ADD) != 0)
			drop(s, c);
	}
}

static void reply_error(struct client *c, const char *message)
{
	text_str(&c->out, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600");
	json_key_cstr(&c->out, "message", message);
	text_str(&c->out, "}}\n");
	c->closing = true;
	text_free(&c->in);
}

/* Every complete line in the buffer. */
static void run_lines(struct rpc_server *s, struct client *c)
{
	size_t start = 0;
	uint8_t *end;

	while (start < c->in.len && (end = memchr(c->in.data + start, '\n', c->in.len - start))) {
		size_t len = (size_t)(end - (c->in.data + start)), before = c->out.len;

		if (len && c->in.data[start + len - 1] == '\r')
			len--;
		if (len) {
			/* The method takes the file, or it is closed. */
			s->ctx->fd = c->file;
			c->file = -1;
			rpc_line(s->ctx, c->number, (const char *)c->in.data + start, len, &c->out);
			if (s->ctx->fd >= 0)
				close(s->ctx->fd);
			s->ctx->fd = -1;
			if (c->out.len > before)
				text_char(&c->out, '\n');
		}
		start = (size_t)(end - c->in.data) + 1;
	}
	if (start) {
		memmove(c->in.data, c->in.data + start, c->in.len - start);
		c->in.len -= start;
		c->half_ns = 0;
	}
	if (c->in.len && !c->half_ns)
		c->half_ns = now_ns();
}

/* recv, and a descriptor that rides along: the last one counts. */
static ssize_t receive(struct client *c, uint8_t *room, size_t size)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {room, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	for (struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL; h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= h->cmsg_len; at += sizeof(int)) {
			if (c->file >= 0)
				close(c->file);
			memcpy(&c->file, CMSG_DATA(h) + at, sizeof(int));
		}
	}
	return n;
}

static void read_client(struct rpc_server *s, struct client *c)
{
	uint8_t *room = text_room(&c->in, RPC_LINE_MAX + 1 - c->in.len);
	ssize_t n;

	if (!room) {
		drop(s, c);
		return;
	}
	n = receive(c, room, RPC_LINE_MAX + 1 - c->in.len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(s, c);
		return;
	}
	c->in.len += (size_t)n;
	c->active_ns = now_ns();
	run_lines(s, c);
	if (c->in.len > RPC_LINE_MAX)
		reply_error(c, "the line is longer than 65536 bytes");
	flush_out(s, c);
}

/* A reply that came later. */
static void send_later(void *arg, uint64_t number, struct text *reply)
{
	struct rpc_server *s = arg;

	for (int i = 0; i < RPC_CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || c->number != number)
			continue;
		text_bytes(&c->out, reply->data, reply->len);
		text_char(&c->out, '\n');
		flush_out(s, c);
		return;
	}
}

/* Jobs that are done, and what they left for the dataplane. */
static void finish_jobs(struct rpc_server *s)
{
	struct jobs *js = s->ctx->desk->jobs;
	const struct job *j;
	uint64_t count;

	if (read(jobs_fd(js), &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	while ((j = jobs_take_finished(js))) {
		struct text out = {0};

		rpc_job_reply(&out, j);
		send_later(s, j->client, &out);
		text_free(&out);
	}
	if (s->ctx->engine)
		rpc_engine_indicators(s->ctx->engine, s->ctx);
}

static void check_half_lines(struct rpc_server *s, uint64_t now)
{
	for (int i = 0; i < RPC_CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || !c->half_ns || c->closing ||
		    now < c->half_ns + RPC_HALF_LINE_S * 1000000000ull)
			continue;
		reply_error(c, "the line did not end within 5 seconds");
		flush_out(s, c);
	}
}

static void handle(struct rpc_server *s, const struct epoll_event *e)
{
	uint64_t tag = e->data.u64;

	if (tag == TAG_LISTENER) {
		accept_clients(s);
	} else if (tag == TAG_CHANNEL) {
		rpc_engine_receive(s->ctx->engine, s->ctx, send_later, s);
	} else if (tag == TAG_JOBS) {
		finish_jobs(s);
	} else if (tag < RPC_CLIENTS_MAX && s->client[tag].fd >= 0) {
		struct client *c = &s->client[tag];

		if (e->events & EPOLLOUT)
			flush_out(s, c);
		if (c->fd >= 0 && e->events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->closing)
			read_client(s, c);
		else if (c->fd >= 0 && e->events & (EPOLLHUP | EPOLLERR))
			drop(s, c);
	}
}

static void *serve(void *arg)
{
	struct rpc_server *s = arg;
	struct epoll_event events[32];

	while (!atomic_load(&s->stop)) {
		int n = epoll_wait(s->poller, events, 32, TICK_MS);
		uint64_t now = now_ns();

		for (int i = 0; i < n; i++)
			handle(s, &events[i]);
		check_half_lines(s, now);
		if (s->ctx->engine) {
			rpc_engine_blocks(s->ctx->engine, s->ctx);
			rpc_engine_captures(s->ctx->engine, s->ctx);
		}
		if (now < s->next_tick_ns)
			continue;
		s->next_tick_ns = now + 1000000000u;
		if (s->ctx->engine) {
			rpc_engine_tick(s->ctx->engine);
			rpc_engine_receive(s->ctx->engine, s->ctx, send_later, s);
			rpc_engine_indicators(s->ctx->engine, s->ctx);
		}
	}
	return NULL;
}

int rpc_server_start(struct rpc_server *s, struct rpc_context *ctx)
{
	int err = 0;

	s->ctx = ctx;
	if (ctx->engine && rpc_engine_channel(ctx->engine) >= 0)
		err = watch(s, rpc_engine_channel(ctx->engine), EPOLLIN, TAG_CHANNEL,
			    EPOLL_CTL_ADD);
	if (!err && ctx->desk && ctx->desk->jobs)
		err = watch(s, jobs_fd(ctx->desk->jobs), EPOLLIN, TAG_JOBS, EPOLL_CTL_ADD);
	if (!err)
		err = -pthread_create(&s->thread, NULL, serve, s);
	s->started = !err;
	return err;
}

void rpc_server_free(struct rpc_server *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (s->started) {
		atomic_store(&s->stop, true);
		if (write(s->wake, &one, sizeof(one)) < 0)
			say("the rpc thread ends with its next tick");
		pthread_join(s->thread, NULL);
	}
	for (int i = 0; i < RPC_CLIENTS_MAX; i++)
		drop(s, &s->client[i]);
	if (s->listener >= 0)
		close(s->listener);
	if (s->poller >= 0)
		close(s->poller);
	if (s->wake >= 0)
		close(s->wake);
	free(s->path);
	free(s);
}
