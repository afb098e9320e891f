/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pci:0000:3b:00.0 a network card, bound to vfio-pci (or to its own driver, where DPDK shares it).
 * EAL has probed the addresses that were named at its start.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "drivers/port_driver.h"

static int pci_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		    char *error)
{
	char path[320], what[64];
	uint16_t eth_id;

	snprintf(what, sizeof(what), "network card %.32s", u->target);
	if (rte_eth_dev_get_port_by_name(u->target, &eth_id) == 0)
		return ethdev_open(p, c, eth_id, what, error);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.200s", u->target);
	if (access(path, F_OK) != 0)
		return port_fail(error, -ENODEV, "there is no PCI device %s; lspci -D shows the "
				 "addresses", u->target);
	return port_fail(error, -ENODEV, "%s cannot be used by DPDK; bind it to vfio-pci first: "
			 "driverctl set-override %s vfio-pci", what, u->target);
}

const struct port_ops port_pci = {
	.scheme = "pci", .options = "", .spreads_flows = true, .open = pci_open, ETHDEV_OPS,
};
