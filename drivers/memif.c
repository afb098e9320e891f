/* SPDX-License-Identifier: BSD-3-Clause
 *
 * memif:SOCKET shared memory with another process on this machine (VPP, Pktgen, testpmd). One side
 * is the server, which makes the socket; the other the client. Frames flow once both are there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "drivers/port_driver.h"

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
	snprintf(name, sizeof(name), "net_memif%u", c->index);
	snprintf(args, sizeof(args), "socket=%s,socket-abstract=no,role=%s,id=%.10s%s%.24s",
		 u->target, role ? role : "client", id ? id : "0", secret ? ",secret=" : "",
		 secret ? secret : "");
	snprintf(what, sizeof(what), "memif %s", u->target);
	return ethdev_create(p, c, name, args, what, "the folder of the socket must be there and "
			     "writable, and each id used once", error);
}

const struct port_ops port_memif = {
	.scheme = "memif", .options = "role id secret ", .open = memif_open, ETHDEV_OPS,
};
