/* SPDX-License-Identifier: BSD-3-Clause
 *
 * memif:SOCKET shared memory with another process on this machine (VPP, Pktgen, testpmd). One side
 * is the server, which makes the socket; the other the client. Frames flow once both are there, whichever came first,
 * and again when one was started anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "drivers/port_driver.h"

/* A process that was killed leaves its socket, and DPDK binds no path that is there. One that nobody listens at is
 * taken away. */
static void remove_stale_socket(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(to.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno == ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

static int memif_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		      char *error)
{
	const char *role = port_uri_option(u, "role"), *id = port_uri_option(u, "id");
	const char *secret = port_uri_option(u, "secret");
	char name[32], args[320], what[160];

	if (u->target[0] != '/' || strlen(u->target) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return port_fail(error, -EINVAL, "memif: needs the whole path of a socket: "
				 "memif:/run/metsuke/memif.sock,role=server,id=0");
	if (role && strcmp(role, "server") != 0 && strcmp(role, "client") != 0)
		return port_fail(error, -EINVAL, "port %s: role is server or client, not %s",
				 p->uri, role);
	if (id && strspn(id, "0123456789") != strlen(id))
		return port_fail(error, -EINVAL, "port %s: id is a number, not %s", p->uri, id);
	if (role && strcmp(role, "server") == 0)
		remove_stale_socket(u->target);
	else
		p->own = p;
	snprintf(name, sizeof(name), "net_memif%u", c->index);
	snprintf(args, sizeof(args), "socket=%s,socket-abstract=no,role=%s,id=%.10s%s%.24s",
		 u->target, role ? role : "client", id ? id : "0", secret ? ",secret=" : "",
		 secret ? secret : "");
	snprintf(what, sizeof(what), "memif %s", u->target);
	return ethdev_create(p, c, name, args, what, "the folder of the socket must be there and "
			     "writable, and each id used once", error);
}

/* DPDK's client meets its server once, when it is started: not one that is there later, nor one that was started anew.
 * A server waits for as many clients as come. */
static void memif_mend(struct port *p)
{
	struct rte_eth_link link;

	if (!p->own || (p->ready && rte_eth_link_get_nowait(p->eth_id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP))
		return;
	ethdev_restart(p);
}

const struct port_ops port_memif = {
	.scheme = "memif", .options = "role id secret ", .open = memif_open, .mend = memif_mend, ETHDEV_OPS,
};
