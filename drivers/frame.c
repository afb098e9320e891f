/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/frame.h"

#include <string.h>

struct rte_mbuf *frame_new(uint32_t len)
{
	size_t head = sizeof(struct rte_mbuf) + sizeof(struct frame_info);
	struct rte_mbuf *m = NULL;

	if (posix_memalign((void **)&m, RTE_CACHE_LINE_SIZE, head + len) != 0)
		return NULL;
	memset(m, 0, head);
	m->buf_addr = (uint8_t *)m + head;
	m->buf_len = (uint16_t)RTE_MIN(len, (uint32_t)UINT16_MAX);
	m->data_len = m->buf_len;
	m->pkt_len = len;
	m->priv_size = sizeof(struct frame_info);
	m->nb_segs = 1;
	rte_mbuf_refcnt_set(m, 1);
	return m;
}

void frame_free(struct rte_mbuf *m)
{
	if (m->pool)
		rte_pktmbuf_free(m);
	else if (rte_mbuf_refcnt_update(m, -1) == 0)
		free(m);
}
