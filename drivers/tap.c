/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tap:NAME makes a kernel interface of that name; what is sent to it comes in here.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "drivers/port_driver.h"

static int tap_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		    char *error)
{
	char name[32], args[64], what[64];

	if (!u->target[0] || strlen(u->target) >= IFNAMSIZ)
		return port_fail(error, -EINVAL, "tap: needs the name of an interface to be made, at "
				 "most %d letters: tap:metsuke0", IFNAMSIZ - 1);
	snprintf(name, sizeof(name), "net_tap%u", c->index);
	snprintf(args, sizeof(args), "iface=%s", u->target);
	snprintf(what, sizeof(what), "tap interface %s", u->target);
	return ethdev_create(p, c, name, args, what, "making interfaces takes root "
			     "(CAP_NET_ADMIN), /dev/net/tun, and a name that is free", error);
}

const struct port_ops port_tap = {
	.scheme = "tap", .options = "", .open = tap_open, ETHDEV_OPS,
};
