/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages with one descriptor (SCM_RIGHTS) over sockets of whole messages (SOCK_SEQPACKET). Any thread.
 */
#ifndef CONTROL_BASE_DESCRIPTOR_H
#define CONTROL_BASE_DESCRIPTOR_H

#include <stddef.h>
#include <sys/types.h>

/* Without waiting. fd stays the caller's. 0 or -errno. */
int descriptor_send(int channel, const void *message, size_t len, int fd);
/* flags: of recvmsg. Its length, 0: the other end is gone, -errno. *fd: a new descriptor for the caller, or -1. */
ssize_t descriptor_receive(int channel, void *message, size_t room, int flags, int *fd);

#endif
