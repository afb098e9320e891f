/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/capture/pcapng.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPTION_END 0
#define OPTION_COMMENT 1
#define OPTION_IF_NAME 2
#define OPTION_IF_TSRESOL 9
#define OPTION_IF_FILTER 11
#define OPTION_SHB_USERAPPL 4
#define OPTION_EPB_PACKETID 5
#define OPTION_MAX 65535
#define BLOCK_LEAST 12u
#define BLOCK_MOST (1u << 24)

static void put16(struct text *out, uint16_t v)
{
	text_bytes(out, &v, sizeof(v));
}

static void put32(struct text *out, uint32_t v)
{
	text_bytes(out, &v, sizeof(v));
}

static void pad(struct text *out, size_t len)
{
	text_bytes(out, "\0\0\0", -len & 3);
}

static void put_option(struct text *out, uint16_t code, const void *data, size_t len)
{
	if (len > OPTION_MAX)
		len = OPTION_MAX;
	put16(out, code);
	put16(out, (uint16_t)len);
	text_bytes(out, data, len);
	pad(out, len);
}

/* The length stands at the begin and at the end of a block. */
static size_t block_begin(struct text *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0);
	return at;
}

static void block_end(struct text *out, size_t at)
{
	uint32_t len = (uint32_t)(out->len - at) + 4;

	put32(out, len);
	if (!out->failed)
		memcpy(out->data + at + 4, &len, sizeof(len));
}

void pcapng_section(struct text *out)
{
	static const char program[] = "metsuke " METSUKE_VERSION;
	size_t at = block_begin(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1);
	put16(out, 0);
	put32(out, 0xffffffffu); /* the section's length is not said */
	put32(out, 0xffffffffu);
	put_option(out, OPTION_SHB_USERAPPL, program, sizeof(program) - 1);
	put_option(out, OPTION_END, NULL, 0);
	block_end(out, at);
}

void pcapng_interface(struct text *out, const struct pcapng_interface *i)
{
	static const uint8_t nanoseconds = 9;
	size_t at = block_begin(out, BLOCK_INTERFACE), filter = i->filter ? strlen(i->filter) : 0;
	uint8_t *text;

	put16(out, i->link_type);
	put16(out, 0);
	put32(out, i->snaplen);
	put_option(out, OPTION_IF_NAME, i->name, strlen(i->name));
	put_option(out, OPTION_IF_TSRESOL, &nanoseconds, 1);
	if (filter) { /* its first byte says that text follows */
		put16(out, OPTION_IF_FILTER);
		put16(out, (uint16_t)(filter + 1));
		text = text_room(out, filter + 1);
		if (text) {
			text[0] = 0;
			memcpy(text + 1, i->filter, filter);
			out->len += filter + 1;
		}
		pad(out, filter + 1);
	}
	put_option(out, OPTION_END, NULL, 0);
	block_end(out, at);
}

void pcapng_packet(struct text *out, const struct pcapng_packet *p)
{
	size_t at = block_begin(out, BLOCK_PACKET);

	put32(out, p->interface);
	put32(out, (uint32_t)(p->ts_ns >> 32));
	put32(out, (uint32_t)p->ts_ns);
	put32(out, p->len);
	put32(out, p->wire_len);
	text_bytes(out, p->data, p->len);
	pad(out, p->len);
	text_bytes(out, p->options, p->options_len);
	put_option(out, OPTION_EPB_PACKETID, &p->id, sizeof(p->id));
	put_option(out, OPTION_END, NULL, 0);
	block_end(out, at);
}

void pcapng_comment(struct text *out, const void *data, size_t len)
{
	put_option(out, OPTION_COMMENT, data, len);
}

/* ---- reading back ---- */

/* The value of the option, its length, or NULL. at: where options begin. */
static const uint8_t *find_option(const uint8_t *block, size_t at, size_t end, uint16_t code, uint16_t *len)
{
	while (at + 4 <= end) {
		uint16_t head[2];

		memcpy(head, block + at, sizeof(head));
		at += 4;
		if (head[0] == OPTION_END || head[1] > end - at)
			return NULL;
		if (head[0] == code) {
			*len = head[1];
			return block + at;
		}
		at += (head[1] + 3u) & ~3u;
	}
	return NULL;
}

static void found_interface(struct pcapng_found *f, const uint8_t *block, size_t len)
{
	uint16_t n = 0;
	const uint8_t *name = len >= 20 ? find_option(block, 16, len - 4, OPTION_IF_NAME, &n) : NULL;
	unsigned i = f->interfaces;

	f->interfaces++;
	if (!name || i >= sizeof(f->interface) / sizeof(f->interface[0]))
		return;
	if (n >= PCAPNG_NAME_MAX)
		n = PCAPNG_NAME_MAX - 1;
	memcpy(&f->interface[i].link_type, block + 8, 2);
	memcpy(f->interface[i].name, name, n);
}

static void found_packet(struct pcapng_found *f, const uint8_t *block, size_t len)
{
	uint16_t n = 0;
	uint32_t captured;
	const uint8_t *id;

	if (len < 32)
		return;
	memcpy(&captured, block + 20, sizeof(captured));
	if (captured > len - 32)
		return;
	id = find_option(block, 28 + ((captured + 3u) & ~3u), len - 4, OPTION_EPB_PACKETID, &n);
	if (id && n == sizeof(f->last_id))
		memcpy(&f->last_id, id, sizeof(f->last_id));
}

int pcapng_read_back(int fd, struct pcapng_found *f)
{
	struct text block = {0};
	uint32_t head[2], end;
	int err = 0;

	memset(f, 0, sizeof(*f));
	while (pread(fd, head, sizeof(head), (off_t)f->length) == (ssize_t)sizeof(head)) {
		if ((f->length == 0) != (head[0] == BLOCK_SECTION) || head[1] < BLOCK_LEAST || head[1] > BLOCK_MOST ||
		    head[1] % 4) {
			err = f->length ? 0 : -EPROTO;
			break;
		}
		text_clear(&block);
		if (!text_room(&block, head[1])) {
			err = -ENOMEM;
			break;
		}
		if (pread(fd, block.data, head[1], (off_t)f->length) != (ssize_t)head[1])
			break;
		memcpy(&end, block.data + head[1] - 4, sizeof(end));
		if (end != head[1])
			break;
		if (head[0] == BLOCK_INTERFACE)
			found_interface(f, block.data, head[1]);
		else if (head[0] == BLOCK_PACKET)
			found_packet(f, block.data, head[1]);
		f->length += head[1];
	}
	text_free(&block);
	return err;
}
