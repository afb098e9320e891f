/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/descriptor.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union room_for_one {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int descriptor_send(int channel, const void *message, size_t len, int fd)
{
	struct iovec v = {(void *)(uintptr_t)message, len};
	union room_for_one room = {0};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof(room.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

ssize_t descriptor_receive(int channel, void *message, size_t room_bytes, int flags, int *fd)
{
	struct iovec v = {message, room_bytes};
	union room_for_one room;
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof(room.bytes)};
	ssize_t n = recvmsg(channel, &m, flags | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n >= 0 ? n : -errno;
}
