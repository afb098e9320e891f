/* SPDX-License-Identifier: BSD-3-Clause
 *
 * null: gives frames of zeros as fast as they are taken (copy=0), swallows what is sent. For tests
 * and to measure the loop itself. rx=no: never gives anything.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/port_driver.h"

static int null_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		     char *error)
{
	const char *size = port_uri_option(u, "size"), *rx = port_uri_option(u, "rx");
	char name[32], args[64];

	snprintf(name, sizeof(name), "net_null%u", c->index);
	snprintf(args, sizeof(args), "size=%.8s,copy=0,no-rx=%d", size ? size : "64",
		 rx && strcmp(rx, "no") == 0);
	return ethdev_create(p, c, name, args, "the null port", "size is a number of bytes", error);
}

const struct port_ops port_null = {
	.scheme = "null", .options = "size rx ", .open = null_open, ETHDEV_OPS,
};
