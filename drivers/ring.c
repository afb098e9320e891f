/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ring:NAME a port made of two rings of this process: NAME.rx, from which it takes, and NAME.tx,
 * into which it gives. For tests and generators inside the process; the other side finds the rings
 * by rte_ring_lookup. Two ports of one process are joined with ring:NAME and ring:NAME,side=b.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eth_ring.h>
#include <rte_ring.h>

#include "drivers/port_driver.h"

#define RING_FRAMES 1024

static struct rte_ring *ring_of(const char *name, const char *end)
{
	char full[RTE_RING_NAMESIZE];
	struct rte_ring *r;

	snprintf(full, sizeof(full), "%.20s.%s", name, end);
	r = rte_ring_lookup(full);
	return r ? r : rte_ring_create(full, RING_FRAMES, SOCKET_ID_ANY,
				       RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int ring_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		     char *error)
{
	const char *side = port_uri_option(u, "side");
	bool b = side && strcmp(side, "b") == 0;
	struct rte_ring *rx, *tx;
	struct port_config one = *c;
	char name[32], what[64];
	int eth_id;

	if (!u->target[0] || strlen(u->target) > 20)
		return port_fail(error, -EINVAL, "ring: needs a name of at most 20 letters");
	rx = ring_of(u->target, b ? "tx" : "rx");
	tx = ring_of(u->target, b ? "rx" : "tx");
	if (!rx || !tx)
		return port_fail(error, -ENOMEM, "no memory for the rings of port %s", p->uri);
	snprintf(name, sizeof(name), "metsuke_ring%u", c->index);
	snprintf(what, sizeof(what), "ring %s", u->target);
	eth_id = rte_eth_from_rings(name, &rx, 1, &tx, 1, 0);
	if (eth_id < 0)
		return port_fail(error, -EIO, "%s cannot be made a port", what);
	one.rx_queues = one.tx_queues = 1;
	return ethdev_open(p, &one, (uint16_t)eth_id, what, error);
}

const struct port_ops port_ring = {
	.scheme = "ring", .options = "side ", .open = ring_open, ETHDEV_OPS,
};
