/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/courier/request.h"

#define SYSLOG_BYTES_MAX 32768

/* "udp://host:514", "tcp://[2001:db8::1]:6514". */
static bool read_url(const char *url, int *type, char *host, size_t host_size, char *port,
		     size_t port_size)
{
	const char *at = url + 6, *colon = strrchr(url, ':');
	size_t n;

	*type = strncmp(url, "udp://", 6) == 0 ? SOCK_DGRAM
	      : strncmp(url, "tcp://", 6) == 0 ? SOCK_STREAM : 0;
	if (!*type)
		return false;
	if (!colon || colon < at || strchr(colon, ']'))
		colon = url + strlen(url);
	n = (size_t)(colon - at);
	if (n >= 2 && at[0] == '[' && at[n - 1] == ']') {
		at++;
		n -= 2;
	}
	if (!n || n >= host_size)
		return false;
	memcpy(host, at, n);
	host[n] = '\0';
	snprintf(port, port_size, "%s", *colon ? colon + 1 : "514");
	return true;
}

static int connect_within(const struct addrinfo *a, unsigned timeout_s)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err = 0;
	socklen_t len = sizeof(err);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)
		err = errno;
	else if (poll(&p, 1, (int)timeout_s * 1000) <= 0)
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		close(fd);
		return -err;
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t n, unsigned timeout_s)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (n) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0 && poll(&p, 1, (int)timeout_s * 1000) <= 0)
			return -ETIMEDOUT;
		data += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

void syslog_send(const char *url, int body, unsigned timeout_s, struct courier_answer *a)
{
	char message[SYSLOG_BYTES_MAX + 16], host[256], port[16];
	struct addrinfo hints = {0}, *found = NULL;
	int type, fd = -1, head = 0, err;
	ssize_t n = body < 0 ? -1 : read(body, message + 16, SYSLOG_BYTES_MAX);
	char *start = message + 16;

	if (n <= 0 || !read_url(url, &type, host, sizeof(host), port, sizeof(port))) {
		a->status = -EINVAL;
		snprintf(a->error, sizeof(a->error), "%.200s is not udp://HOST:PORT or tcp://HOST:PORT",
			 url);
		return;
	}
	hints.ai_socktype = type;
	err = getaddrinfo(host, port, &hints, &found);
	if (err) {
		a->status = -EHOSTUNREACH;
		snprintf(a->error, sizeof(a->error), "%s: %s", host, gai_strerror(err));
		return;
	}
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = connect_within(at, timeout_s ? timeout_s : 10);
	freeaddrinfo(found);
	if (type == SOCK_STREAM) {
		char count[16];

		head = snprintf(count, sizeof(count), "%zd ", n);
		start -= head;
		memcpy(start, count, (size_t)head);
	}
	a->status = fd < 0 ? fd : send_all(fd, start, (size_t)(n + head), timeout_s ? timeout_s : 10);
	if (a->status)
		snprintf(a->error, sizeof(a->error), "%s: %s", url, strerror(-a->status));
	if (fd >= 0)
		close(fd);
}
