/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Elements of RESP out of a stream, see redis.h. Strings are given in the parts in which they come; of
 * an aggregate its head is given, its elements follow. Any thread.
 */
#include "dataplane/app/line.h"
#include "dataplane/app/redis.h"

#define NUMBER_DIGITS_MAX 10

void redis_reader_reset(struct redis_reader *r)
{
	r->depth = 0;
	r->bulk = 0;
	r->skip_line = false;
}

/* "-1" is for what is not there: 0, with *none. */
static bool number_read(struct bytes text, uint64_t *out, bool *none)
{
	*none = text.len == 2 && text.data[0] == '-' && text.data[1] == '1';
	*out = 0;
	if (*none)
		return true;
	if (!text.len || text.len > NUMBER_DIGITS_MAX)
		return false;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		*out = *out * 10 + text.data[i] - '0';
	}
	return true;
}

/* An element is complete: so are the aggregates that it was the last of. True: the message, too. */
static bool complete(struct redis_reader *r)
{
	while (r->depth && --r->left[r->depth - 1] == 0)
		r->depth--;
	return r->depth == 0;
}

static enum redis_read aggregate(struct redis_reader *r, struct redis_element *out, bool pairs, bool none)
{
	uint64_t count = pairs ? 2 * out->number : out->number;

	if (out->type == '|' && r->depth) /* of the element that follows: it is none itself */
		r->left[r->depth - 1]++;
	if (!count || none) {
		out->last = complete(r);
		out->closed = true;
		return REDIS_ELEMENT;
	}
	if (r->depth == REDIS_DEPTH_MAX)
		return REDIS_WRONG;
	r->left[r->depth++] = count;
	return REDIS_ELEMENT;
}

static enum redis_read bulk_begin(struct redis_reader *r, struct redis_element *out, bool none)
{
	if (!none) {
		r->bulk = out->number + 2;
		return REDIS_ELEMENT;
	}
	out->type = '_';
	out->closed = true;
	out->last = complete(r);
	return REDIS_ELEMENT;
}

static enum redis_read bulk_part(struct redis_reader *r, struct cursor *c, struct redis_element *out)
{
	uint64_t left = cursor_left(c), text = r->bulk > 2 ? r->bulk - 2 : 0;

	if (!left)
		return REDIS_WAIT;
	if (left > r->bulk)
		left = r->bulk;
	out->more = true;
	out->text = (struct bytes){c->p, (uint32_t)(text < left ? text : left)};
	cursor_skip(c, (size_t)left);
	r->bulk -= left;
	if (!r->bulk) {
		out->closed = true;
		out->last = complete(r);
	}
	return REDIS_ELEMENT;
}

enum redis_read redis_read(struct redis_reader *r, struct cursor *c, struct redis_element *out)
{
	struct line line;
	bool none;

	*out = (struct redis_element){.first = r->depth == 0};
	if (r->bulk)
		return bulk_part(r, c, out);
	do {
		if (!line_take(c, &r->skip_line, REDIS_LINE_MAX, &line))
			return REDIS_WAIT;
	} while (!line.text.len && !r->depth); /* empty ones between inline commands */
	if (!line.text.len)
		return REDIS_WRONG;
	out->type = line.text.data[0];
	out->text = (struct bytes){line.text.data + 1, line.text.len - 1};
	switch (out->type) {
	case '$':
	case '!':
	case '=':
		return number_read(out->text, &out->number, &none) ? bulk_begin(r, out, none) : REDIS_WRONG;
	case '*':
	case '~':
	case '>':
	case '%':
	case '|':
		if (!number_read(out->text, &out->number, &none))
			return REDIS_WRONG;
		return aggregate(r, out, out->type == '%' || out->type == '|', none);
	case '+':
	case '-':
	case ':':
	case '_':
	case '#':
	case ',':
	case '(':
		break;
	default: /* an inline command */
		if (r->depth)
			return REDIS_WRONG;
		out->text = line.text;
		out->type = 0;
	}
	out->closed = true;
	out->last = complete(r);
	return REDIS_ELEMENT;
}
