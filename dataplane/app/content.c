/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codings of content, see content.h. Runs in the worker that owns the flow.
 */
#define ZSTD_STATIC_LINKING_ONLY /* its own allocator */
#include "dataplane/app/content.h"

#include <strings.h>

#define BARE_SURE 32 /* fewer bytes of text may well pass for bare deflate */
#define LZMA_WORK_BYTES (256u << 10) /* what the decoder has beside its dictionary */
#define GZIP_HEADER_BYTES 10

static void *heap_block(void *heap, size_t size)
{
	return heap_alloc(heap, size);
}

static void *heap_blocks(void *heap, size_t count, size_t size)
{
	return heap_alloc(heap, count * size);
}

static void give_back(void *heap, void *block)
{
	heap_free(heap, block);
}

/* ---- the list ---- */

static bool holds(struct bytes v, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);

	for (uint32_t i = 0; i + n <= v.len; i++)
		if (strncasecmp((const char *)v.data + i, name, n) == 0)
			return true;
	return false;
}

/* PLAIN for what needs no undoing, or is not known. */
static enum content_coding coding_of(struct bytes v, bool *unknown)
{
	static const struct {
		const char *name;
		enum content_coding coding;
	} names[] = {{"gzip", CONTENT_GZIP},	{"x-gzip", CONTENT_GZIP},     {"deflate", CONTENT_DEFLATE},
		     {"x-deflate", CONTENT_DEFLATE}, {"lzma", CONTENT_LZMA},  {"br", CONTENT_BROTLI},
		     {"zstd", CONTENT_ZSTD},	{"identity", CONTENT_PLAIN},  {"none", CONTENT_PLAIN},
		     {"inflate", CONTENT_PLAIN}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bytes_are(v, names[i].name))
			return names[i].coding;
	*unknown = true;
	return holds(v, "gzip") ? CONTENT_GZIP : holds(v, "deflate") ? CONTENT_DEFLATE : CONTENT_PLAIN;
}

static void codings_add(struct content_codings *c, enum content_coding coding, unsigned layers)
{
	unsigned deflated = 0;

	for (unsigned i = 0; i < c->count; i++) {
		deflated += c->list[i] <= CONTENT_LZMA;
		if (c->list[i] == CONTENT_LZMA && coding == CONTENT_LZMA) {
			c->lzma_twice = true;
			return;
		}
	}
	if (c->count == CONTENT_CODINGS_MAX || (layers && coding <= CONTENT_LZMA && deflated >= layers)) {
		c->too_many = true;
		return;
	}
	c->list[c->count++] = coding;
}

/* The next name from the back: what was put on last is undone first. */
static struct bytes last_name(struct bytes *v)
{
	const uint8_t *end = v->data + v->len, *begin;

	while (end > v->data && (end[-1] == ',' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	begin = end;
	while (begin > v->data && begin[-1] != ',' && begin[-1] != ' ' && begin[-1] != '\t')
		begin--;
	v->len = (uint32_t)(begin - v->data);
	return (struct bytes){begin, (uint32_t)(end - begin)};
}

struct content_codings content_codings_of(struct bytes value, unsigned layers)
{
	struct content_codings c = {.count = 0};

	while (value.len && !c.too_many && !c.lzma_twice) {
		struct bytes name = last_name(&value);
		enum content_coding coding = name.len ? coding_of(name, &c.unknown) : CONTENT_PLAIN;

		if (coding != CONTENT_PLAIN)
			codings_add(&c, coding, layers);
	}
	return c;
}

/* ---- decoders ---- */

static ZSTD_DStream *zstd_new(struct heap *heap)
{
	ZSTD_DStream *z = ZSTD_createDCtx_advanced((ZSTD_customMem){heap_block, give_back, heap});

	if (z)
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, CONTENT_ZSTD_WINDOW_LOG);
	return z;
}

static lzma_stream *lzma_new(struct heap *heap)
{
	struct lzma_block {
		lzma_stream stream;
		lzma_allocator allocator;
	} *b = heap_zalloc(heap, sizeof(*b));

	if (!b)
		return NULL;
	b->allocator = (lzma_allocator){heap_blocks, give_back, heap};
	b->stream.allocator = &b->allocator;
	if (lzma_alone_decoder(&b->stream, CONTENT_LZMA_BYTES + LZMA_WORK_BYTES) == LZMA_OK)
		return &b->stream;
	heap_free(heap, b);
	return NULL;
}

static bool open_decoder(struct heap *heap, struct content_decoder *d)
{
	switch (d->coding) {
	case CONTENT_PLAIN:
		return true;
	case CONTENT_BROTLI:
		d->brotli = BrotliDecoderCreateInstance(heap_block, give_back, heap);
		break;
	case CONTENT_ZSTD:
		d->zstd = zstd_new(heap);
		break;
	case CONTENT_LZMA:
		d->lzma = lzma_new(heap);
		break;
	case CONTENT_GZIP:
		d->inflater = inflater_new(heap, INFLATE_GZIP, false);
		break;
	case CONTENT_DEFLATE:
		d->inflater = inflater_new(heap, INFLATE_ZLIB, false);
		break;
	case CONTENT_BARE_DEFLATE: /* of a WebSocket, as long as that lives */
		d->inflater = inflater_new(heap, INFLATE_RAW, true);
		break;
	}
	return d->brotli || d->zstd || d->lzma || d->inflater;
}

struct content_decoder *content_decoder_new(struct heap *heap, enum content_coding coding)
{
	struct content_decoder *d = heap_zalloc(heap, sizeof(*d));

	if (!d)
		return NULL;
	d->coding = coding;
	d->fell_back = coding == CONTENT_BARE_DEFLATE; /* agreed upon: nothing else can come */
	if (open_decoder(heap, d))
		return d;
	heap_free(heap, d);
	return NULL;
}

struct content_decoder *content_decoders_new(struct heap *heap, const struct content_codings *codings)
{
	struct content_decoder *first = content_decoder_new(heap, codings->list[0]), *d = first;

	for (unsigned i = 1; d && i < codings->count; i++) {
		d->inner = content_decoder_new(heap, codings->list[i]);
		if (d->inner)
			d->inner->outer = d;
		d = d->inner;
	}
	if (d)
		return first;
	content_decoder_free(heap, first);
	return NULL;
}

bool content_goes_on(const struct content_decoder *d)
{
	while (d && d->coding != CONTENT_PLAIN)
		d = d->inner;
	return d != NULL;
}

void content_stop(struct content_decoder *d)
{
	for (; d; d = d->inner)
		d->over = true;
}

void content_decoder_free(struct heap *heap, struct content_decoder *d)
{
	if (!d)
		return;
	content_decoder_free(heap, d->inner);
	if (d->brotli)
		BrotliDecoderDestroyInstance(d->brotli);
	ZSTD_freeDStream(d->zstd);
	if (d->lzma)
		lzma_end(d->lzma);
	heap_free(heap, d->lzma);
	inflater_free(heap, d->inflater);
	heap_free(heap, d);
}

/* Against what came over the wire, however many codings are between. */
static bool bomb(struct content_decoder *d)
{
	const struct content_decoder *first = d;

	while (first->outer)
		first = first->outer;
	if (d->out <= CONTENT_BOMB_BYTES || d->out <= CONTENT_BOMB_RATIO * first->in)
		return false;
	d->over = true;
	return true;
}

static void hand_on(struct content_decoder *d, const uint8_t *data, size_t len, content_take *take,
		    void *context)
{
	if (!len)
		return;
	d->out += len;
	d->begun = true;
	if (!d->inner) {
		take(context, data, (uint32_t)len);
		return;
	}
	d->inner_status = content_decode(d->inner, data, (uint32_t)len, take, context);
	d->over = d->over || d->inner_status == CONTENT_BOMB;
}

/* Bytes that came before these, and were kept. */
static uint32_t head_before(const struct content_decoder *d, uint32_t len)
{
	return d->in - len <= d->head_len ? (uint32_t)(d->in - len) : 0;
}

/* No coding after all. */
static void plain_from_here(struct content_decoder *d, const uint8_t *data, uint32_t len, content_take *take,
			    void *context)
{
	uint32_t before = head_before(d, len);

	d->coding = CONTENT_PLAIN;
	hand_on(d, d->head, before, take, context);
	hand_on(d, data, len, take, context);
}

static enum content_status brotli_decode(struct content_decoder *d, const uint8_t *data, size_t len,
					 content_take *take, void *context)
{
	BrotliDecoderResult rc = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	uint8_t buffer[CONTENT_STEP];

	while (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
		size_t room = sizeof(buffer);
		uint8_t *out = buffer;

		rc = BrotliDecoderDecompressStream(d->brotli, &len, &data, &room, &out, NULL);
		hand_on(d, buffer, (size_t)(out - buffer), take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	}
	d->over = rc != BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
	return rc == BROTLI_DECODER_RESULT_ERROR ? CONTENT_FAILED : CONTENT_GOOD;
}

/* Frames may follow each other. Bytes that are none are handed on as they are. */
static enum content_status zstd_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				       content_take *take, void *context)
{
	ZSTD_inBuffer in = {data, len, 0};
	ZSTD_outBuffer out;
	uint8_t buffer[CONTENT_STEP];

	do {
		out = (ZSTD_outBuffer){buffer, sizeof(buffer), 0};
		if (ZSTD_isError(ZSTD_decompressStream(d->zstd, &out, &in))) {
			if (d->begun)
				d->over = true;
			else
				plain_from_here(d, data, len, take, context);
			return CONTENT_FAILED;
		}
		hand_on(d, buffer, out.pos, take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	} while (in.pos < in.size || out.pos == sizeof(buffer));
	return CONTENT_GOOD;
}

static enum content_status lzma_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				       content_take *take, void *context)
{
	uint8_t buffer[CONTENT_STEP];
	lzma_ret rc;

	d->lzma->next_in = data;
	d->lzma->avail_in = len;
	do {
		d->lzma->next_out = buffer;
		d->lzma->avail_out = sizeof(buffer);
		rc = lzma_code(d->lzma, LZMA_RUN);
		if (rc == LZMA_FORMAT_ERROR && !d->begun) {
			plain_from_here(d, data, len, take, context);
			return CONTENT_FAILED;
		}
		hand_on(d, buffer, sizeof(buffer) - d->lzma->avail_out, take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	} while (rc == LZMA_OK && (d->lzma->avail_in || !d->lzma->avail_out));
	d->over = rc != LZMA_OK && rc != LZMA_BUF_ERROR;
	if (rc == LZMA_MEMLIMIT_ERROR)
		return CONTENT_LARGE;
	return d->over && rc != LZMA_STREAM_END ? CONTENT_FAILED : CONTENT_GOOD;
}

/* ---- deflate ---- */

/* Some form of deflate in which the bytes, from `skip` on, can be read. */
struct form {
	enum inflate_format format;
	uint32_t skip;
};

/* Do they, from the beginning, as far as they are there? Nothing is handed on. */
static bool fits(struct content_decoder *d, struct form form, const struct bytes pieces[2])
{
	enum inflate_status status = INFLATE_MORE;
	uint8_t buffer[CONTENT_STEP];
	uint64_t out = 0;

	inflater_reset(d->inflater, form.format);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t skip = form.skip < pieces[i].len ? form.skip : pieces[i].len, made = 1;
		struct bytes in = {pieces[i].data + skip, pieces[i].len - skip};

		form.skip -= skip;
		while (status == INFLATE_MORE && (in.len || made == sizeof(buffer)) && out < CONTENT_BOMB_BYTES) {
			status = inflater_run(d->inflater, &in, buffer, sizeof(buffer), &made);
			out += made;
		}
	}
	inflater_reset(d->inflater, form.format);
	return status != INFLATE_BAD && out;
}

/* The bytes of a gzip header (RFC 1952, 2.3), whatever is wrong with it; 0: it is none, or longer than what was kept. */
static uint32_t gzip_header_bytes(const struct content_decoder *d)
{
	struct cursor c = cursor_of(d->head, d->head_len);
	const uint8_t *fixed = cursor_take(&c, GZIP_HEADER_BYTES);

	if (!fixed || fixed[0] != 0x1f || fixed[1] != 0x8b)
		return 0;
	if (fixed[3] & 4) /* FEXTRA */
		cursor_skip(&c, cursor_le16(&c));
	for (unsigned names = ((fixed[3] >> 3) & 1) + ((fixed[3] >> 4) & 1); names; names--) /* FNAME, FCOMMENT */
		while (cursor_u8(&c))
			;
	if (fixed[3] & 2) /* FHCRC */
		cursor_skip(&c, 2);
	return c.bad ? 0 : (uint32_t)(c.p - d->head);
}

static enum content_status inflate_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
					  content_take *take, void *context);

/* From the beginning in that form. */
static enum content_status begin_again(struct content_decoder *d, struct form form, const struct bytes pieces[2],
				       content_take *take, void *context)
{
	enum content_status status = CONTENT_GOOD;

	for (unsigned i = 0; i < 2 && status == CONTENT_GOOD && !d->over; i++) {
		uint32_t skip = form.skip < pieces[i].len ? form.skip : pieces[i].len;

		form.skip -= skip;
		if (skip < pieces[i].len)
			status = inflate_decode(d, pieces[i].data + skip, pieces[i].len - skip, take, context);
	}
	return status;
}

/* These bytes are not what the coding says: another form, or none. */
static enum content_status fall_back(struct content_decoder *d, const uint8_t *data, uint32_t len,
				     content_take *take, void *context)
{
	uint32_t before = head_before(d, len), header = gzip_header_bytes(d);
	const struct form forms[] = {{INFLATE_RAW, 0}, {INFLATE_ZLIB, 0}, {INFLATE_GZIP, 0}, {INFLATE_RAW, header}};
	const struct bytes pieces[2] = {{d->head, before}, {data, len}};

	d->fell_back = true;
	/* without a header the last one is the first */
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) - !header; i++) {
		bool unsure = forms[i].format == INFLATE_RAW && !forms[i].skip && d->coding != CONTENT_DEFLATE &&
			      before + len < BARE_SURE;

		if (!unsure && fits(d, forms[i], pieces))
			return begin_again(d, forms[i], pieces, take, context);
	}
	plain_from_here(d, data, len, take, context);
	return CONTENT_FAILED;
}

static enum content_status inflate_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
					  content_take *take, void *context)
{
	struct bytes in = {data, len};
	enum inflate_status status;
	uint8_t buffer[CONTENT_STEP];
	uint32_t made;

	do {
		status = inflater_run(d->inflater, &in, buffer, sizeof(buffer), &made);
		if (status == INFLATE_BAD && !d->begun && !d->fell_back)
			return fall_back(d, data, len, take, context);
		hand_on(d, buffer, made, take, context);
		if (d->over)
			return CONTENT_GOOD;
		if (bomb(d))
			return CONTENT_BOMB;
	} while (status == INFLATE_MORE && (in.len || made == sizeof(buffer)));
	d->over = status != INFLATE_MORE;
	return status == INFLATE_BAD ? CONTENT_FAILED : CONTENT_GOOD;
}

static void head_keep(struct content_decoder *d, const uint8_t *data, uint32_t len)
{
	uint32_t room = CONTENT_HEAD - d->head_len, n = len < room ? len : room;

	memcpy(d->head + d->head_len, data, n);
	d->head_len += n;
}

static enum content_status decode(struct content_decoder *d, const uint8_t *data, uint32_t len, content_take *take,
				  void *context)
{
	if (d->coding == CONTENT_PLAIN) {
		hand_on(d, data, len, take, context);
		return CONTENT_GOOD;
	}
	if (!d->begun && d->head_len < CONTENT_HEAD && d->in == d->head_len + (uint64_t)len)
		head_keep(d, data, len);
	if (d->coding == CONTENT_BROTLI)
		return brotli_decode(d, data, len, take, context);
	if (d->coding == CONTENT_ZSTD)
		return zstd_decode(d, data, len, take, context);
	if (d->coding == CONTENT_LZMA)
		return lzma_decode(d, data, len, take, context);
	return inflate_decode(d, data, len, take, context);
}

enum content_status content_decode(struct content_decoder *d, const uint8_t *data, uint32_t len,
				   content_take *take, void *context)
{
	enum content_status status;

	if (d->over || !len)
		return CONTENT_GOOD;
	d->in += len;
	d->inner_status = CONTENT_GOOD;
	status = decode(d, data, len, take, context);
	return d->inner_status != CONTENT_GOOD ? d->inner_status : status;
}
