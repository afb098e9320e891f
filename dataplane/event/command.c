/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/command.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const names[COMMAND_COUNT] = {
	"none",
#define COMMAND(name, doc) #name,
	COMMANDS
#undef COMMAND
};

const char *command_name(unsigned type)
{
	return type < COMMAND_COUNT ? names[type] : "unknown";
}

int command_send(int channel, const struct command *cmd, int fd)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)cmd, .iov_len = sizeof(*cmd)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} extra;
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&extra, 0, sizeof(extra));
		msg.msg_control = &extra;
		msg.msg_controllen = sizeof(extra);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(channel, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*cmd) ? 0 : -errno;
}

/* The first descriptor that came along; any more are closed. */
static int take_fd(struct msghdr *msg)
{
	int first = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (first < 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

int command_receive(int channel, struct command *cmd, int *fd, int timeout_ms)
{
	struct pollfd ready = {.fd = channel, .events = POLLIN};
	struct iovec part = {.iov_base = cmd, .iov_len = sizeof(*cmd)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} extra;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = &extra,
			     .msg_controllen = sizeof(extra)};
	ssize_t n;

	*fd = -1;
	n = poll(&ready, 1, timeout_ms);
	if (n <= 0)
		return n == 0 || errno == EINTR ? 0 : -errno;
	n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	*fd = take_fd(&msg);
	if (n != (ssize_t)sizeof(*cmd) || cmd->magic != COMMAND_MAGIC) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return -EPROTO;
	}
	cmd->text[sizeof(cmd->text) - 1] = '\0';
	return 1;
}
