/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports that are DPDK devices: configure, start, take and give frames.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include "drivers/eal.h"
#include "drivers/frame.h"
#include "drivers/port_driver.h"

#define DESCRIPTORS 1024
#define LINK_ETHERNET 1

/* A key that makes Toeplitz hashing give both directions of a pair of addresses one value: the
 * same 16 bits over and over (Woo and Park, "Scalable TCP session monitoring with symmetric RSS",
 * 2012). */
static uint8_t symmetric_key[64];

static void key_fill(void)
{
	for (size_t i = 0; i < sizeof(symmetric_key); i += 2) {
		symmetric_key[i] = 0x6d;
		symmetric_key[i + 1] = 0x5a;
	}
}

/* Addresses only: fragments carry no ports and must reach their flow's worker. */
static bool ask_for_rss(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	uint64_t want = info->flow_type_rss_offloads & (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 |
							RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
							RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
							RTE_ETH_RSS_NONFRAG_IPV6_OTHER);

	if (!(want & RTE_ETH_RSS_IPV4) || !(want & RTE_ETH_RSS_IPV6) ||
	    info->hash_key_size > sizeof(symmetric_key))
		return false;
	key_fill();
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_key = symmetric_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
	conf->rx_adv_conf.rss_conf.rss_hf = want;
	return true;
}

static int queues_start(struct port *p, const struct rte_eth_dev_info *info)
{
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(p->eth_id);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->eth_id, &rx, &tx);

	for (unsigned q = 0; q < p->rx_queues && !err; q++)
		err = rte_eth_rx_queue_setup(p->eth_id, (uint16_t)q, rx, (unsigned)socket,
					     &info->default_rxconf, p->pool);
	for (unsigned q = 0; q < p->tx_queues && !err; q++)
		err = rte_eth_tx_queue_setup(p->eth_id, (uint16_t)q, tx, (unsigned)socket,
					     &info->default_txconf);
	p->rx_descriptors = rx;
	if (!err) {
		err = rte_eth_dev_start(p->eth_id);
		p->ready = !err;
	}
	return err && p->ops->mend ? 0 : err;
}

void ethdev_restart(struct port *p)
{
	p->ready = false;
	rte_eth_dev_stop(p->eth_id);
	p->ready = rte_eth_dev_start(p->eth_id) == 0;
}

int ethdev_open(struct port *p, const struct port_config *c, uint16_t eth_id, const char *what,
		char *error)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int err = rte_eth_dev_info_get(eth_id, &info);

	p->eth_id = eth_id;
	p->link_type = LINK_ETHERNET;
	if (err)
		return port_fail(error, err, "%s cannot be used: %s", what, strerror(-err));
	p->rx_queues = RTE_MIN(RTE_MAX(c->rx_queues, 1u), (unsigned)info.max_rx_queues);
	/* Some devices want at least one queue to send, used or not. */
	p->tx_queues = RTE_MIN(RTE_MAX(c->tx_queues, 1u), (unsigned)info.max_tx_queues);
	p->spreads_flows = p->ops->spreads_flows && p->rx_queues > 1 && ask_for_rss(&conf, &info);
	err = rte_eth_dev_configure(eth_id, (uint16_t)p->rx_queues, (uint16_t)p->tx_queues, &conf);
	if (!err)
		err = queues_start(p, &info);
	if (err)
		return port_fail(error, err, "%s cannot be started: %s%s%s", what, strerror(-err),
				 eal_last_error()[0] ? ": " : "", eal_last_error());
	/* A port that cannot be promiscuous sees what is sent to it: still of use. */
	(void)rte_eth_promiscuous_enable(eth_id);
	return 0;
}

int ethdev_create(struct port *p, const struct port_config *c, const char *name, const char *args,
		  const char *what, const char *hint, char *error)
{
	uint16_t eth_id;
	int err;

	eal_forget_error();
	err = rte_vdev_init(name, args);
	if (err)
		return port_fail(error, err, "%s cannot be opened: %s%s%s; %s", what, strerror(-err),
				 eal_last_error()[0] ? ": " : "", eal_last_error(), hint);
	snprintf(p->device, sizeof(p->device), "%s", name);
	err = rte_eth_dev_get_port_by_name(name, &eth_id);
	if (!err)
		err = ethdev_open(p, c, eth_id, what, error);
	else
		port_fail(error, err, "%s cannot be found after it was made", what);
	if (err) {
		rte_vdev_uninit(name);
		p->device[0] = '\0';
	}
	return err;
}

void ethdev_close(struct port *p)
{
	rte_eth_dev_stop(p->eth_id);
	rte_eth_dev_close(p->eth_id);
	if (p->device[0])
		rte_vdev_uninit(p->device);
}

uint16_t ethdev_rx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t got = !p->ready ? 0 : rte_eth_rx_burst(p->eth_id, (uint16_t)queue, frames, n);

	for (uint16_t i = 0; i < got; i++) {
		struct frame_info *info = frame_info(frames[i]);

		*info = (struct frame_info){
			.wire_len = frames[i]->pkt_len,
			.link_type = p->link_type,
			.port_index = p->index,
		};
	}
	return got;
}

uint16_t ethdev_tx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	return !p->ready ? 0 : rte_eth_tx_burst(p->eth_id, (uint16_t)queue, frames, n);
}

int ethdev_rx_depth(struct port *p, unsigned queue)
{
	int waiting = !p->ready ? -1 : rte_eth_rx_queue_count(p->eth_id, (uint16_t)queue);

	return waiting < 0 || !p->rx_descriptors ? -1 : waiting * 100 / p->rx_descriptors;
}

void ethdev_stats(struct port *p, struct port_stats *out)
{
	struct rte_eth_stats s;

	if (rte_eth_stats_get(p->eth_id, &s) != 0)
		return;
	out->rx_missed = s.imissed + s.ierrors;
	out->no_mbuf = s.rx_nombuf;
	out->tx_errors = s.oerrors;
}

void ethdev_info(struct port *p, struct port_info *out)
{
	struct rte_eth_link link;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	char name[RTE_ETH_NAME_MAX_LEN];

	if (rte_eth_dev_get_name_by_port(p->eth_id, name) == 0)
		snprintf(out->name, sizeof(out->name), "%.*s", (int)sizeof(out->name) - 1, name);
	if (rte_eth_dev_info_get(p->eth_id, &info) == 0)
		snprintf(out->driver, sizeof(out->driver), "%s", info.driver_name);
	if (rte_eth_macaddr_get(p->eth_id, &mac) == 0) {
		memcpy(out->mac, mac.addr_bytes, sizeof(out->mac));
		out->has_mac = true;
	}
	rte_eth_dev_get_mtu(p->eth_id, &out->mtu);
	if (rte_eth_link_get_nowait(p->eth_id, &link) == 0) {
		out->link_up = link.link_status == RTE_ETH_LINK_UP;
		if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
			out->speed_mbps = link.link_speed;
	}
	out->numa_node = rte_eth_dev_socket_id(p->eth_id);
}
