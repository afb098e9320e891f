/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The stage of a TCP flow by its flags alone, where nobody follows its streams (inspection: no): established
 * once both ends have acknowledged something, closed by a FIN of both or a RST of one. Numbers are not
 * looked at, so that anybody who guesses the ports can close a flow here; it only ends earlier, and its
 * packets make a new one. Worker thread only.
 */
#include "dataplane/flow/table.h"

void tcp_flags_stage(struct flow *f)
{
	uint8_t both = f->tcp_flags[TO_SERVER] & f->tcp_flags[TO_CLIENT];

	if (both & TCP_ACK)
		f->flags |= FLOW_ESTABLISHED;
	if ((both & TCP_FIN) || ((f->tcp_flags[TO_SERVER] | f->tcp_flags[TO_CLIENT]) & TCP_RST))
		f->flags |= FLOW_CLOSED;
}

bool tcp_flags_reuse(const struct flow *f, const struct packet *p)
{
	return (f->flags & FLOW_CLOSED) && (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}
