/* SPDX-License-Identifier: BSD-3-Clause
 *
 * byte_test, byte_jump, byte_extract, byte_math, base64_decode, and comparing numbers. Values are
 * unsigned 64 bit and wrap, as in the reference. Runs in the workers.
 */
#include <ctype.h>
#include <string.h>

#include "dataplane/base/digit.h"
#include "dataplane/detect/chain.h"

#define NUMBER_TEXT_MAX 23 /* longest text taken for a number */

bool number_test_holds(const struct number_test *t, uint64_t v)
{
	switch ((enum number_op)t->op) {
	case NUMBER_EQUAL:
		return v == t->low;
	case NUMBER_NOT_EQUAL:
		return v != t->low;
	case NUMBER_LESS:
		return v < t->low;
	case NUMBER_LESS_EQUAL:
		return v <= t->low;
	case NUMBER_GREATER:
		return v > t->low;
	case NUMBER_GREATER_EQUAL:
		return v >= t->low;
	case NUMBER_BETWEEN:
		return v > t->low && v < t->high;
	case NUMBER_NOT_BETWEEN:
		return !(v > t->low && v < t->high);
	case NUMBER_MASK:
		return (v & t->low) == t->high;
	case NUMBER_NOT_MASK:
		return (v & t->low) != t->high;
	}
	return false;
}

static int64_t number_of(const struct rule_number *n, const struct byte_input *in)
{
	return n->variable >= 0 ? (int64_t)in->values[n->variable] : n->value;
}

/* The same for places and lengths: beyond this all are outside the buffer. */
#define PLACE_FAR (1ll << 40)

static int64_t place_of(const struct rule_number *n, const struct byte_input *in)
{
	int64_t v = number_of(n, in);

	if (n->variable >= 0 && (uint64_t)v > PLACE_FAR)
		return PLACE_FAR;
	return v;
}

static unsigned digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = fold_byte(c);
	return c >= 'a' && c <= 'z' ? c - 'a' + 10u : 99;
}

/* A number written in digits, as strtoull reads it: blanks, sign, prefix. Bytes taken; 0: none. */
static uint32_t number_read(const uint8_t *at, uint32_t len, unsigned base, uint64_t *value)
{
	uint32_t i = 0, start;
	bool negative = false;
	uint64_t v = 0;

	if (len > NUMBER_TEXT_MAX)
		len = NUMBER_TEXT_MAX;
	while (i < len && isspace(at[i]))
		i++;
	if (i < len && (at[i] == '+' || at[i] == '-'))
		negative = at[i++] == '-';
	if ((base == 0 || base == 16) && i + 2 < len && at[i] == '0' && fold_byte(at[i + 1]) == 'x' &&
	    digit_of(at[i + 2]) < 16) {
		i += 2;
		base = 16;
	} else if (base == 0) {
		base = i < len && at[i] == '0' ? 8 : 10;
	}
	for (start = i; i < len && digit_of(at[i]) < base; i++) {
		unsigned digit = digit_of(at[i]);

		if (v > (UINT64_MAX - digit) / base)
			return 0;
		v = v * base + digit;
	}
	if (i == start)
		return 0;
	*value = negative ? -v : v;
	return i;
}

static uint32_t count_of(const struct match_byte *m, const struct byte_input *in)
{
	int64_t n = place_of(&m->count, in);

	return n < 0 || n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Where the bytes to read begin; NULL when they are not all in the buffer. */
static const uint8_t *bytes_at(const struct match_byte *m, const struct byte_input *in,
			       uint32_t count, int64_t *left)
{
	int64_t at = place_of(&m->offset, in);

	if (m->flags & BYTE_RELATIVE)
		at += in->pointer;
	*left = (int64_t)in->len - at;
	if (at < 0 || *left < 0 || (int64_t)count > *left || (count && *left == 0))
		return NULL;
	return in->data + at;
}

/* Reads `count` bytes as a number, 0 in digits: as many as there are (left: to the buffer's end).
 * Bytes taken, 0: none. */
static uint32_t value_read(const struct match_byte *m, const struct byte_input *in,
			   const uint8_t *at, uint32_t count, int64_t left, uint64_t *value)
{
	bool little = m->flags & BYTE_LITTLE || (m->flags & BYTE_DCE && !in->dce_big);
	uint64_t v = 0;

	if (m->flags & BYTE_STRING)
		return number_read(at, count ? count : (uint32_t)left, m->base, value);
	if (count > 8)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		v = v << 8 | at[little ? count - 1 - i : i];
	*value = v;
	return count;
}

static uint64_t value_masked(const struct match_byte *m, uint64_t v)
{
	if (!m->bitmask)
		return v;
	return (v & m->bitmask) >> __builtin_ctz(m->bitmask);
}

bool byte_test_run(const struct match_byte *m, const struct byte_input *in)
{
	uint32_t count = count_of(m, in);
	uint64_t v = 0, with = (uint64_t)number_of(&m->value, in);
	const uint8_t *at;
	int64_t left;
	bool holds = false;

	if (in->len == 0 || !(at = bytes_at(m, in, count, &left)) ||
	    ((m->flags & BYTE_RELATIVE) && left == 0) || !value_read(m, in, at, count, left, &v))
		return false;
	v = value_masked(m, v);
	switch ((enum byte_op)m->op) {
	case BYTE_LESS:
		holds = v < with;
		break;
	case BYTE_GREATER:
		holds = v > with;
		break;
	case BYTE_EQUAL:
		holds = v == with;
		break;
	case BYTE_LESS_EQUAL:
		holds = v <= with;
		break;
	case BYTE_GREATER_EQUAL:
		holds = v >= with;
		break;
	case BYTE_AND:
		holds = (v & with) != 0;
		break;
	case BYTE_OR:
		holds = (v ^ with) != 0;
		break;
	}
	return holds != !!(m->flags & BYTE_NEGATED);
}

bool byte_jump_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer)
{
	uint32_t count = count_of(m, in), taken = 0;
	uint64_t v = 0;
	const uint8_t *at;
	int64_t left, to;

	if (in->len == 0 || !(at = bytes_at(m, in, count, &left)))
		return false;
	if ((count || (m->flags & BYTE_STRING)) &&
	    !(taken = value_read(m, in, at, count, left, &v)))
		return false;
	v = value_masked(m, v);
	if (m->multiplier > 1)
		v *= m->multiplier;
	if ((m->flags & BYTE_ALIGN) && v % 4)
		v += 4 - v % 4;
	v += (uint64_t)(int64_t)m->post_offset;
	if (m->flags & BYTE_FROM_BEGINNING)
		to = (int64_t)v;
	else if (m->flags & BYTE_FROM_END)
		to = (int64_t)(in->len + v);
	else
		to = (int64_t)((uint64_t)(at - in->data) + v + taken);
	if (to < 0)
		to = 0;
	if (to > (int64_t)in->len)
		return false;
	*pointer = (uint32_t)to;
	return true;
}

bool byte_extract_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer)
{
	uint32_t count = count_of(m, in), taken;
	uint64_t v = 0;
	const uint8_t *at;
	int64_t left;

	if (in->len == 0 || !(at = bytes_at(m, in, count, &left)) ||
	    ((m->flags & BYTE_RELATIVE) && left == 0) || !(taken = value_read(m, in, at, count, left, &v)))
		return false;
	if (m->multiplier > 1)
		v *= m->multiplier;
	if ((m->flags & BYTE_ALIGN) && m->align && v % m->align)
		v += m->align - v % m->align;
	if (m->variable >= 0)
		in->values[m->variable] = v;
	*pointer = (uint32_t)(at - in->data) + taken;
	return true;
}

bool byte_math_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer)
{
	uint32_t count = count_of(m, in), taken;
	uint64_t v = 0, with = (uint64_t)number_of(&m->value, in);
	const uint8_t *at;
	int64_t left;

	if (in->len == 0 || !(at = bytes_at(m, in, count, &left)) ||
	    ((m->flags & BYTE_RELATIVE) && left == 0) || !(taken = value_read(m, in, at, count, left, &v)))
		return false;
	switch (m->op) {
	case '+':
		v += with;
		break;
	case '-':
		v -= with;
		break;
	case '*':
		v *= with;
		break;
	case '/':
		if (with == 0)
			return false;
		v /= with;
		break;
	case '<':
		v = with < 64 ? v << with : 0;
		break;
	case '>':
		v = with < 64 ? v >> with : 0;
		break;
	default:
		return false;
	}
	v = value_masked(m, v);
	if (m->variable >= 0)
		in->values[m->variable] = v;
	*pointer = (uint32_t)(at - in->data) + taken;
	return true;
}

/* ---- base64 ---- */

uint32_t base64_decode(const uint8_t *data, uint32_t len, bool skip, uint8_t *out, uint32_t out_size)
{
	uint32_t n = 0, bits = 0, held = 0;

	for (uint32_t i = 0; i < len; i++) {
		int digit = base64_digit(data[i]);

		if (digit < 0 && skip && data[i] != '=')
			continue;
		if (digit < 0)
			break;
		held = held << 6 | (uint32_t)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (n == out_size)
				break;
			out[n++] = (uint8_t)(held >> bits);
		}
	}
	return n;
}

uint32_t base64_run(const struct match_base64 *m, const struct byte_input *in, uint8_t *out,
		    uint32_t out_size)
{
	uint64_t at = (uint64_t)m->offset + (m->relative ? in->pointer : 0);
	uint32_t len;

	if (at >= in->len)
		return 0;
	len = in->len - (uint32_t)at;
	if (m->bytes && m->bytes < len)
		len = m->bytes;
	return base64_decode(in->data + at, len, false, out, out_size);
}
