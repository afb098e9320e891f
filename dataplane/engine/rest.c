/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/rest.h"

#include <time.h>

#include <rte_pause.h>

#include "drivers/port.h"

#define REST_NS 20000
#define REST_LONG_NS 200000
#define WAIT_MS 10

void rest_find(struct rest *r, struct port *const *ports, unsigned count, uint64_t heartbeat_ms)
{
	int fds[REST_FDS];

	r->fd_count = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned n = port_wait_fds(ports[i], fds, REST_FDS - r->fd_count);

		if (!n) {
			r->fd_count = 0;
			return;
		}
		for (unsigned k = 0; k < n; k++)
			r->fds[r->fd_count++] = (struct pollfd){.fd = fds[k], .events = POLLIN};
	}
	r->wait_ms = WAIT_MS;
	if (heartbeat_ms && heartbeat_ms / 4 < WAIT_MS)
		r->wait_ms = heartbeat_ms < 4 ? 1 : (int)(heartbeat_ms / 4);
}

/* False: it cannot be waited for, as an interface has gone down. */
static bool sleep_until_frame(struct rest *r)
{
	bool good = poll(r->fds, r->fd_count, r->wait_ms) >= 0;

	for (unsigned i = 0; i < r->fd_count; i++)
		good &= !(r->fds[i].revents & ~POLLIN);
	return good;
}

void rest_after(struct rest *r, unsigned polls)
{
	const struct timespec pause = {.tv_nsec = polls < REST_POLLS_LONG ? REST_NS : REST_LONG_NS};

	if (polls < (r->fd_count ? REST_POLLS_WOKEN : REST_POLLS))
		rte_pause();
	else if (!r->fd_count || !sleep_until_frame(r))
		nanosleep(&pause, NULL);
}
