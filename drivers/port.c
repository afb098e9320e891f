/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/port.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/port_driver.h"

/* One line a driver. */
static const struct port_ops *const drivers[] = {
	&port_pci, &port_afxdp, &port_pcap, &port_memif, &port_tap, &port_ring, &port_null,
};

#define DRIVER_COUNT (sizeof(drivers) / sizeof(drivers[0]))

int port_fail(char *error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, PORT_ERROR_BYTES, format, args);
	va_end(args);
	return err;
}

static const struct port_ops *driver_of(const char *scheme)
{
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		if (strcmp(drivers[i]->scheme, scheme) == 0)
			return drivers[i];
	return NULL;
}

static bool knows_option(const struct port_ops *ops, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = ops->options; n && (at = strstr(at, key)); at += n)
		if ((at == ops->options || at[-1] == ' ') && at[n] == ' ')
			return true;
	return false;
}

/* One "key=value"; both end where text does. */
static int parse_option(struct port_uri *u, const struct port_ops *ops, char *text,
			const char *whole, char *error)
{
	char *equals = strchr(text, '=');

	if (equals)
		*equals = '\0';
	if (!knows_option(ops, text))
		return port_fail(error, -EINVAL, "port %s: %s: has no option \"%s\"%s%s", whole,
				 u->scheme, text, ops->options[0] ? "; it knows: " : "",
				 ops->options);
	if (!equals || !equals[1])
		return port_fail(error, -EINVAL, "port %s: option %s needs a value: %s=…", whole,
				 text, text);
	if (u->option_count == PORT_OPTIONS_MAX)
		return port_fail(error, -EINVAL, "port %s: too many options", whole);
	u->options[u->option_count].key = text;
	u->options[u->option_count++].value = equals + 1;
	return 0;
}

/* From the separator after the target on. */
static int parse_options(struct port_uri *u, const struct port_ops *ops, char *at,
			 const char *whole, char *error)
{
	int err = 0;

	while (at && !err) {
		char *text = at + 1;

		*at = '\0';
		at = strpbrk(text, ",&");
		if (at)
			*at = '\0';
		err = parse_option(u, ops, text, whole, error);
	}
	return err;
}

int port_uri_parse(const char *text, struct port_uri *out, char *error)
{
	const struct port_ops *ops;
	char *colon;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(out->text))
		return port_fail(error, -EINVAL, "a port's name is longer than %zu bytes",
				 sizeof(out->text) - 1);
	memcpy(out->text, text, strlen(text) + 1);
	colon = strchr(out->text, ':');
	if (colon)
		*colon = '\0';
	ops = colon ? driver_of(out->text) : NULL;
	if (!ops)
		return port_fail(error, -EINVAL,
				 "port \"%s\" is of no known kind; write pci:ADDRESS afxdp:INTERFACE "
				 "pcap:FILE memif:SOCKET tap:NAME ring:NAME or null:", text);
	out->scheme = out->text;
	out->target = colon + 1;
	return parse_options(out, ops, strpbrk(colon + 1, ",?"), text, error);
}

const char *port_uri_option(const struct port_uri *u, const char *key)
{
	for (unsigned i = 0; i < u->option_count; i++)
		if (strcmp(u->options[i].key, key) == 0)
			return u->options[i].value;
	return NULL;
}

const char *port_uri_pci(const struct port_uri *u)
{
	return strcmp(u->scheme, "pci") == 0 ? u->target : NULL;
}

struct port *port_open(const char *uri, const struct port_config *c, char *error)
{
	struct port_uri u;
	struct port *p;

	if (port_uri_parse(uri, &u, error) != 0)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		port_fail(error, -ENOMEM, "no memory for port %s", uri);
		return NULL;
	}
	p->ops = driver_of(u.scheme);
	p->index = c->index;
	p->pool = c->pool;
	p->link_type = 1;
	snprintf(p->uri, sizeof(p->uri), "%s", uri);
	if (p->ops->open(p, &u, c, error) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

void port_close(struct port *p)
{
	if (!p)
		return;
	p->ops->close(p);
	free(p);
}

const char *port_uri_of(const struct port *p)
{
	return p->uri;
}

unsigned port_rx_queues(const struct port *p)
{
	return p->rx_queues;
}

unsigned port_tx_queues(const struct port *p)
{
	return p->tx_queues;
}

bool port_spreads_flows(const struct port *p)
{
	return p->spreads_flows;
}

uint16_t port_rx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	return p->ops->rx_burst(p, queue, frames, n);
}

uint16_t port_tx_burst(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n)
{
	return p->ops->tx_burst(p, queue, frames, n);
}

bool port_kernel_forwards(const struct port *p)
{
	return p->kernel_forwards;
}

int port_flow_release(struct port *p, const struct port_flow *flow)
{
	return p->kernel_forwards ? p->ops->flow_release(p, flow) : -EOPNOTSUPP;
}

int port_flow_read(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	return p->kernel_forwards ? p->ops->flow_read(p, flow, out) : -EOPNOTSUPP;
}

int port_flow_recall(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	return p->kernel_forwards ? p->ops->flow_recall(p, flow, out) : -EOPNOTSUPP;
}

int port_rx_depth(struct port *p, unsigned queue)
{
	return p->ops->rx_depth ? p->ops->rx_depth(p, queue) : -1;
}

unsigned port_wait_fds(const struct port *p, int *fds, unsigned most)
{
	if (p->wait_fd_count > most)
		return 0;
	memcpy(fds, p->wait_fds, p->wait_fd_count * sizeof(*fds));
	return p->wait_fd_count;
}

void port_mend(struct port *p)
{
	if (p->ops->mend)
		p->ops->mend(p);
}

void port_beat(struct port *p, unsigned thread, uint64_t monotonic_ns)
{
	if (p->ops->beat)
		p->ops->beat(p, thread, monotonic_ns);
}

void port_stats(struct port *p, struct port_stats *out)
{
	memset(out, 0, sizeof(*out));
	p->ops->stats(p, out);
}

void port_info(struct port *p, struct port_info *out)
{
	memset(out, 0, sizeof(*out));
	out->numa_node = -1;
	p->ops->info(p, out);
}
