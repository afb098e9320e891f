/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pcap:FILE a capture played into a live port, as fast as it is taken; loops=N plays it N times
 * (0: for ever). Receives only. Frames get the time of their arrival, as from any live port;
 * inspection with the capture's own times is metsuke inspect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "drivers/capture.h"
#include "drivers/frame.h"
#include "drivers/port_driver.h"

struct player {
	struct capture *capture; /* NULL: played to its end */
	char path[512];
	unsigned long loops;     /* still to be played after this one */
	bool for_ever;
	struct port_stats stats;
};

static int player_open(struct port *p, const struct port_uri *u, const struct port_config *c,
		       char *error)
{
	const char *loops = port_uri_option(u, "loops");
	struct player *own;

	if (c->tx_queues)
		return port_fail(error, -EINVAL, "port %s is a capture and cannot send; it may stand "
				 "under ports:, not in a pair", p->uri);
	own = calloc(1, sizeof(*own));
	if (!own)
		return port_fail(error, -ENOMEM, "no memory for port %s", p->uri);
	snprintf(own->path, sizeof(own->path), "%s", u->target);
	own->loops = loops ? strtoul(loops, NULL, 10) : 1;
	own->for_ever = own->loops == 0;
	own->capture = capture_open(own->path, error);
	if (!own->capture) {
		free(own);
		return -ENOENT;
	}
	own->loops -= !own->for_ever;
	p->own = own;
	p->link_type = (uint16_t)capture_link_type(own->capture);
	p->rx_queues = 1;
	return 0;
}

static void player_close(struct port *p)
{
	struct player *own = p->own;

	capture_close(own->capture);
	free(own);
}

static void player_rewind(struct player *own)
{
	char error[CAPTURE_ERROR_BYTES];

	capture_close(own->capture);
	own->capture = NULL;
	if (!own->for_ever && own->loops == 0)
		return;
	own->loops -= !own->for_ever;
	own->capture = capture_open(own->path, error);
}

static uint16_t player_rx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	struct player *own = p->own;
	char error[CAPTURE_ERROR_BYTES];
	uint16_t got = 0;

	while (got < n && own->capture) {
		struct frame_info *info;

		if (capture_next(own->capture, &frames[got], error) != CAPTURE_FRAME) {
			player_rewind(own);
			break;
		}
		info = frame_info(frames[got]);
		info->port_index = p->index;
		info->number = 0;
		got++;
	}
	return got;
}

static uint16_t player_tx(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	return 0;
}

static void player_stats(struct port *p, struct port_stats *out)
{
	*out = ((struct player *)p->own)->stats;
}

static void player_info(struct port *p, struct port_info *out)
{
	snprintf(out->name, sizeof(out->name), "%.60s", ((struct player *)p->own)->path);
	snprintf(out->driver, sizeof(out->driver), "pcap");
	out->link_up = ((struct player *)p->own)->capture != NULL;
}

const struct port_ops port_pcap = {
	.scheme = "pcap", .options = "loops ",
	.open = player_open, .close = player_close, .rx_burst = player_rx,
	.tx_burst = player_tx, .stats = player_stats, .info = player_info,
};
