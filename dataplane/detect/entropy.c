/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shannon entropy of a buffer's bytes, in bits a byte (C. E. Shannon, 1948): 0 where all are alike, 8
 * where all values come up as often. Runs in the workers.
 */
#include <math.h>

#include "dataplane/detect/chain.h"

static double entropy_of(const uint8_t *data, uint32_t len)
{
	uint32_t counts[256] = {0};
	double sum = 0;

	for (uint32_t i = 0; i < len; i++)
		counts[data[i]]++;
	for (unsigned i = 0; i < 256; i++)
		if (counts[i]) {
			double share = (double)counts[i] / len;

			sum -= share * log2(share);
		}
	return sum;
}

bool entropy_run(const struct match_entropy *m, const uint8_t *data, uint32_t len, double *out)
{
	double v;

	*out = -1;
	if (m->offset >= len)
		return false;
	data += m->offset;
	len -= m->offset;
	*out = v = entropy_of(data, m->bytes && m->bytes < len ? m->bytes : len);
	switch ((enum number_op)m->op) {
	case NUMBER_EQUAL:
		return v == m->low;
	case NUMBER_NOT_EQUAL:
		return v != m->low;
	case NUMBER_LESS:
		return v < m->low;
	case NUMBER_LESS_EQUAL:
		return v <= m->low;
	case NUMBER_GREATER:
		return v > m->low;
	case NUMBER_GREATER_EQUAL:
		return v >= m->low;
	case NUMBER_BETWEEN:
		return v > m->low && v < m->high;
	default:
		return v <= m->low || v >= m->high;
	}
}
