/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB 1 (MS-CIFS, MS-SMB): one record, a header and one or more chained blocks of words and bytes.
 * Offsets are from the header. Runs in the worker that owns the flow.
 */
#include "dataplane/app/smb.h"

#define HEADER_BYTES 32
#define ANDX_MAX 16
#define FLAG_RESPONSE 0x80
#define FLAG2_STATUS 0x4000
#define FLAG2_UNICODE 0x8000
#define NO_ANDX 0xff
#define OPTION_DIRECTORY (1u << 0)
#define OPTION_DELETE_ON_CLOSE (1u << 12)
#define PIPE_TRANSACT 0x26
#define TRANS2_SET_PATH_INFO 6
#define TRANS2_SET_FILE_INFO 8
#define LEVEL_DISPOSITION 1013
#define LEVEL_DISPOSITION_OLD 0x102

enum {
	CLOSE = 0x04,
	RENAME = 0x07,
	READ = 0x0a,
	WRITE = 0x0b,
	TRANS = 0x25,
	OPEN_ANDX = 0x2d,
	READ_ANDX = 0x2e,
	WRITE_ANDX = 0x2f,
	TRANS2 = 0x32,
	NEGOTIATE = 0x72,
	SESSION_SETUP = 0x73,
	TREE_CONNECT = 0x75,
	NT_CREATE = 0xa2,
	NT_CANCEL = 0xa4
};

/* One block of a message: its words, then its bytes. */
struct block {
	struct smb_head h;
	const uint8_t *data; /* the whole message */
	uint32_t len;
	uint8_t word_count;
	bool opens; /* a request before it in the chain opens the file that it is about (MS-CIFS, 3.2.4.1.4) */
	struct cursor words, bytes;
};

static uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

static bool head_read(struct block *b, const uint8_t *data, uint32_t len, bool *response)
{
	struct cursor c = cursor_of(data, len);
	uint16_t flags2, pid, mid;
	uint8_t flags;

	*b = (struct block){.h.version = 1, .data = data, .len = len};
	cursor_skip(&c, 4);
	b->h.command = cursor_u8(&c);
	b->h.status = cursor_le32(&c);
	flags = cursor_u8(&c);
	flags2 = cursor_le16(&c);
	cursor_skip(&c, 12);
	b->h.tree = cursor_le16(&c);
	pid = cursor_le16(&c);
	b->h.session = cursor_le16(&c);
	mid = cursor_le16(&c);
	b->h.message = (uint64_t)pid << 16 | mid;
	b->h.unicode = flags2 & FLAG2_UNICODE;
	if (!(flags2 & FLAG2_STATUS)) { /* class, 0, code */
		b->h.dos = b->h.status != 0;
		b->h.status = (b->h.status & 0xff) << 16 | b->h.status >> 16;
	}
	*response = flags & FLAG_RESPONSE;
	return !c.bad;
}

/* The block at an offset of the message; bytes that are missing are cut. */
static bool block_read(struct block *b, uint32_t at)
{
	struct cursor c = cursor_of(b->data, b->len);
	uint32_t count;

	if (!cursor_skip(&c, at))
		return false;
	b->word_count = cursor_u8(&c);
	b->words = cursor_sub(&c, 2u * b->word_count);
	count = cursor_le16(&c);
	if (c.bad)
		return false;
	/* the count of large reads and writes is the low half of the truth */
	if (b->h.command == READ_ANDX || b->h.command == WRITE_ANDX || count > cursor_left(&c))
		count = (uint32_t)cursor_left(&c);
	b->bytes = cursor_sub(&c, count);
	return true;
}

/* The text at the cursor up to its NUL, which is passed; UTF-16 is aligned to the message. */
static struct bytes text_take(const struct block *b, struct cursor *c, bool unicode)
{
	uint32_t n = 0, left;
	struct bytes text;

	if (unicode && (c->p - b->data) % 2)
		cursor_skip(c, 1);
	left = (uint32_t)cursor_left(c);
	if (unicode)
		while (n + 2 <= left && (c->p[n] || c->p[n + 1]))
			n += 2;
	else
		n = (uint32_t)strnlen((const char *)c->p, left);
	text = (struct bytes){c->p, n};
	cursor_skip(c, n);
	cursor_skip(c, unicode ? 2 : 1);
	return text;
}

static void text_keep(struct smb_state *s, struct bytes *out, const struct block *b,
		      struct cursor *c, bool unicode)
{
	struct bytes text = text_take(b, c, unicode);

	smb_text(s, out, text.data, text.len, unicode);
}

/* An open file is a 16-bit number. */
static void fid_set(uint8_t fid[SMB_FID_BYTES], uint16_t number)
{
	memset(fid, 0, SMB_FID_BYTES);
	fid[0] = (uint8_t)number;
	fid[1] = (uint8_t)(number >> 8);
}

static void fid_of(struct smb_state *s, const struct block *b, uint16_t number, uint8_t fid[SMB_FID_BYTES])
{
	s->early |= b->opens;
	if (b->opens)
		smb_fid_early(fid, b->h.message);
	else
		fid_set(fid, number);
}

static struct smb_open *open_of(struct smb_state *s, const struct block *b, uint16_t number,
				bool make)
{
	uint8_t fid[SMB_FID_BYTES];

	fid_of(s, b, number, fid);
	return make ? smb_open_get(s, fid, &b->h) : smb_open_find(s, fid);
}

/* ---- requests ---- */

static void request_negotiate(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_NEGOTIATE);
	struct smb_negotiate *n;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	n = t->negotiate = heap_zalloc(&s->w->heap, sizeof(*n));
	while (n && cursor_left(&b->bytes) && n->dialect_count < SMB_DIALECTS_MAX) {
		if (cursor_u8(&b->bytes) != 2) { /* a string follows */
			tx_event(s->w, s->f, &t->tx, TO_SERVER, SMB_EVENT_NEGOTIATE_MALFORMED_DIALECTS);
			return;
		}
		text_keep(s, &n->names[n->dialect_count++], b, &b->bytes, false);
	}
}

static void request_session(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_SESSION);
	struct smb_session *n;
	struct cursor *c = &b->bytes;
	uint32_t blob, first, second;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	n = t->session = heap_zalloc(&s->w->heap, sizeof(*n));
	if (!n)
		return;
	cursor_skip(&b->words, 14);
	if (b->word_count == 12) {
		blob = cursor_le16(&b->words);
		if (blob > cursor_left(c))
			blob = (uint32_t)cursor_left(c);
		smb_auth(s, n, TO_SERVER, c->p, blob);
		cursor_skip(c, blob);
	} else if (b->word_count == 13) { /* passwords, then user and domain in the clear */
		first = cursor_le16(&b->words);
		second = cursor_le16(&b->words);
		cursor_skip(c, first);
		cursor_skip(c, second);
		text_take(b, c, b->h.unicode);
		text_take(b, c, b->h.unicode);
	} else {
		return;
	}
	text_keep(s, &n->text[SMB_CLIENT_OS], b, c, b->h.unicode);
	text_keep(s, &n->text[SMB_CLIENT_LM], b, c, b->h.unicode);
	n->client_says = true;
}

static void request_tree(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_TREE);

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	cursor_skip(&b->words, 6);
	cursor_skip(&b->bytes, cursor_le16(&b->words));
	text_keep(s, &t->name, b, &b->bytes, b->h.unicode);
	text_keep(s, &t->service[TO_SERVER], b, &b->bytes, false);
}

static void request_create(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_CREATE);
	uint32_t disposition, options, len;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	t->create = heap_zalloc(&s->w->heap, sizeof(*t->create));
	cursor_skip(&b->words, 5);
	len = cursor_le16(&b->words);
	cursor_skip(&b->words, 28);
	disposition = cursor_le32(&b->words);
	options = cursor_le32(&b->words);
	if (b->h.unicode && (b->bytes.p - b->data) % 2)
		cursor_skip(&b->bytes, 1);
	if (len > cursor_left(&b->bytes))
		len = (uint32_t)cursor_left(&b->bytes);
	smb_text(s, &t->name, b->bytes.p, len, b->h.unicode);
	if (!t->create)
		return;
	t->create->disposition = disposition;
	t->create->directory = options & OPTION_DIRECTORY;
	t->create->delete_on_close = options & OPTION_DELETE_ON_CLOSE;
}

static void request_open(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_CREATE);

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	t->create = heap_zalloc(&s->w->heap, sizeof(*t->create));
	text_keep(s, &t->name, b, &b->bytes, b->h.unicode);
	if (t->create)
		t->create->disposition = 1;
}

static void request_close(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_GENERIC);
	uint16_t number = cursor_le16(&b->words);
	struct smb_open *o = open_of(s, b, number, false);

	if (t) {
		smb_tx_done(s, t, TO_SERVER);
		fid_of(s, b, number, t->fid);
	}
	if (o)
		smb_open_close_asked(s, o);
}

static void request_read(struct smb_state *s, struct block *b)
{
	uint8_t fid[SMB_FID_BYTES];
	uint64_t offset;
	uint16_t number;

	cursor_skip(&b->words, 4);
	number = cursor_le16(&b->words);
	offset = cursor_le32(&b->words);
	if (b->word_count >= 12) {
		cursor_skip(&b->words, 10);
		offset |= (uint64_t)cursor_le32(&b->words) << 32;
	}
	fid_of(s, b, number, fid);
	smb_read_note(s, &b->h, fid, offset);
}

static struct smb_open *write_read(struct smb_state *s, struct block *b, struct smb_data *out)
{
	uint16_t number;

	cursor_skip(&b->words, 4);
	number = cursor_le16(&b->words);
	out->offset = cursor_le32(&b->words);
	cursor_skip(&b->words, 8);
	out->len = (uint32_t)cursor_le16(&b->words) << 16;
	out->len |= cursor_le16(&b->words);
	out->start = cursor_le16(&b->words);
	if (b->word_count >= 14)
		out->offset |= (uint64_t)cursor_le32(&b->words) << 32;
	if (b->words.bad)
		return NULL;
	return out->open = open_of(s, b, number, true);
}

static void request_write(struct smb_state *s, struct block *b)
{
	struct smb_data d;
	struct smb_open *o = write_read(s, b, &d);
	struct bytes data;

	if (!o)
		return;
	data = smb_part(b->data, b->len, d.start, d.len);
	if (data.len)
		smb_data_take(s, o, TO_SERVER, &b->h, d.offset, data);
}

/* The core form: fid, count, offset, remaining; then a byte, a length, the data. */
static void request_write_old(struct smb_state *s, struct block *b)
{
	uint16_t number = cursor_le16(&b->words);
	struct smb_open *o = open_of(s, b, number, true);
	uint32_t offset, len;

	cursor_skip(&b->words, 2);
	offset = cursor_le32(&b->words);
	cursor_skip(&b->bytes, 1);
	len = cursor_le16(&b->bytes);
	if (len > cursor_left(&b->bytes))
		len = (uint32_t)cursor_left(&b->bytes);
	if (o && len)
		smb_data_take(s, o, TO_SERVER, &b->h, offset, (struct bytes){b->bytes.p, len});
}

/* Where parameters and data of a transaction are, as request and response have them. */
struct trans {
	struct bytes parameters, data;
	uint16_t setup[2];
	uint8_t setup_count;
};

static bool trans_request(struct block *b, struct trans *t)
{
	struct cursor *c = &b->words;
	uint32_t parameter_len, parameter_at, data_len, data_at;

	*t = (struct trans){0};
	cursor_skip(c, 18);
	parameter_len = cursor_le16(c);
	parameter_at = cursor_le16(c);
	data_len = cursor_le16(c);
	data_at = cursor_le16(c);
	t->setup_count = cursor_u8(c);
	cursor_skip(c, 1);
	if (c->bad)
		return false;
	for (unsigned i = 0; i < 2 && i < t->setup_count; i++)
		t->setup[i] = cursor_le16(c);
	t->parameters = smb_part(b->data, b->len, parameter_at, parameter_len);
	t->data = smb_part(b->data, b->len, data_at, data_len);
	return true;
}

static bool trans_response(struct block *b, struct trans *t)
{
	struct cursor *c = &b->words;
	uint32_t data_len, data_at;

	*t = (struct trans){0};
	cursor_skip(c, 12);
	data_len = cursor_le16(c);
	data_at = cursor_le16(c);
	if (c->bad)
		return false;
	t->data = smb_part(b->data, b->len, data_at, data_len);
	return true;
}

static void request_generic(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_GENERIC);

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	if (b->h.command == NT_CANCEL) /* nobody answers */
		smb_tx_done(s, t, TO_CLIENT);
}

static void request_trans(struct smb_state *s, struct block *b)
{
	struct smb_open *o;
	struct trans t;

	if (trans_request(b, &t) && t.setup_count == 2 && t.setup[0] == PIPE_TRANSACT) {
		o = open_of(s, b, t.setup[1], true);
		if (o && t.data.len &&
		    smb_pipe_data(s, o, TO_SERVER, &b->h, t.data.data, t.data.len)) {
			o->pipe = true;
			return;
		}
	}
}

static void request_trans2(struct smb_state *s, struct block *b)
{
	struct cursor parameters;
	struct smb_open *o = NULL;
	struct smb_tx *tx;
	struct trans t;
	uint16_t number = 0, level;

	if (!trans_request(b, &t) || !t.setup_count ||
	    (t.setup[0] != TRANS2_SET_FILE_INFO && t.setup[0] != TRANS2_SET_PATH_INFO))
		return;
	parameters = cursor_of(t.parameters.data, t.parameters.len);
	if (t.setup[0] == TRANS2_SET_FILE_INFO) {
		number = cursor_le16(&parameters);
		o = open_of(s, b, number, false);
	}
	level = cursor_le16(&parameters);
	if (level != LEVEL_DISPOSITION && level != LEVEL_DISPOSITION_OLD)
		return;
	tx = smb_tx_new(s, &b->h, SMB_SET_INFO);
	if (!tx)
		return;
	smb_tx_done(s, tx, TO_SERVER);
	tx->subcommand = t.setup[0];
	tx->level = level;
	tx->delete_on_close = t.data.len && t.data.data[0];
	fid_set(tx->fid, number);
	if (o)
		smb_copy(s, &tx->name, o->name);
	else if (t.setup[0] == TRANS2_SET_PATH_INFO && cursor_skip(&parameters, 4))
		text_keep(s, &tx->name, b, &parameters, b->h.unicode);
}

static void request_rename(struct smb_state *s, struct block *b)
{
	struct smb_tx *t = smb_tx_new(s, &b->h, SMB_RENAME);

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	cursor_skip(&b->bytes, 1);
	text_keep(s, &t->name, b, &b->bytes, b->h.unicode);
	cursor_skip(&b->bytes, 1);
	text_keep(s, &t->name2, b, &b->bytes, b->h.unicode);
}

static void request_take(struct smb_state *s, struct block *b)
{
	static const struct {
		uint8_t command;
		void (*take)(struct smb_state *s, struct block *b);
	} requests[] = {
		{NEGOTIATE, request_negotiate}, {SESSION_SETUP, request_session},
		{TREE_CONNECT, request_tree},   {NT_CREATE, request_create},
		{OPEN_ANDX, request_open},      {CLOSE, request_close},
		{READ_ANDX, request_read},      {WRITE_ANDX, request_write},
		{WRITE, request_write_old},     {TRANS, request_trans},
		{TRANS2, request_trans2},       {RENAME, request_rename},
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (requests[i].command == b->h.command) {
			requests[i].take(s, b);
			return;
		}
	request_generic(s, b);
}

/* ---- responses ---- */

static void response_negotiate(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	unsigned index = cursor_le16(&b->words);
	const uint8_t *guid;

	if (!t->negotiate)
		return;
	heap_free(&s->w->heap, (void *)(uintptr_t)s->dialect1.data);
	s->dialect1 = (struct bytes){0};
	if (index < t->negotiate->dialect_count)
		smb_copy(s, &s->dialect1, t->negotiate->names[index]);
	if (b->word_count != 17)
		return;
	guid = cursor_take(&b->bytes, 16);
	if (guid)
		memcpy(t->negotiate->server_guid, guid, 16);
}

static void response_session(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	struct cursor *c = &b->bytes;
	uint32_t blob = 0;

	t->head.session = b->h.session;
	if (!t->session || b->word_count < 3)
		return;
	cursor_skip(&b->words, 6);
	if (b->word_count == 4) {
		blob = cursor_le16(&b->words);
		if (blob > cursor_left(c))
			blob = (uint32_t)cursor_left(c);
		smb_auth(s, t->session, TO_CLIENT, c->p, blob);
	}
	cursor_skip(c, blob);
	text_keep(s, &t->session->text[SMB_SERVER_OS], b, c, b->h.unicode);
	text_keep(s, &t->session->text[SMB_SERVER_LM], b, c, b->h.unicode);
	t->session->server_says = true;
}

static void response_tree(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	t->head.tree = b->h.tree;
	if (b->h.status || b->word_count < 2)
		return;
	text_keep(s, &t->service[TO_CLIENT], b, &b->bytes, false);
	t->pipe = t->service[TO_CLIENT].len == 3 &&
		  memcmp(t->service[TO_CLIENT].data, "IPC", 3) == 0;
	smb_tree_set(s, &b->h, t);
}

static void opened(struct smb_state *s, struct block *b, struct smb_tx *t, uint16_t number)
{
	fid_set(t->fid, number);
	t->head.tree = b->h.tree; /* in a chain the request did not know it */
	smb_open_settle(s, t->fid, t);
}

static void response_create(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	struct cursor *c = &b->words;
	uint64_t times[4];
	uint16_t number;

	if (b->h.status || b->word_count < 34)
		return;
	cursor_skip(c, 5);
	number = cursor_le16(c);
	cursor_skip(c, 4);
	for (unsigned i = 0; i < 4; i++)
		times[i] = cursor_le64(c);
	cursor_skip(c, 12);
	if (t->create) {
		t->create->created = smb_seconds(times[0]);
		t->create->accessed = smb_seconds(times[1]);
		t->create->modified = smb_seconds(times[2]);
		t->create->changed = smb_seconds(times[3]);
		t->create->size = cursor_le64(c);
	}
	opened(s, b, t, number);
}

static void response_open(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	if (b->h.status || b->word_count < 15)
		return;
	cursor_skip(&b->words, 4);
	opened(s, b, t, cursor_le16(&b->words));
}

static bool read_read(struct block *b, struct smb_data *out)
{
	struct cursor *c = &b->words;

	cursor_skip(c, 10);
	out->len = cursor_le16(c);
	out->start = cursor_le16(c);
	out->len |= (uint32_t)cursor_le16(c) << 16;
	return !c->bad && out->len;
}

static void response_read(struct smb_state *s, struct block *b)
{
	struct smb_read read;
	struct smb_open *o;
	struct smb_data d;
	struct bytes data;

	if (!smb_read_take(s, &b->h, &read) || !read_read(b, &d))
		return;
	b->h.tree = read.tree;
	o = smb_open_get(s, read.fid, &b->h);
	data = smb_part(b->data, b->len, d.start, d.len);
	if (o && data.len)
		smb_data_take(s, o, TO_CLIENT, &b->h, read.offset, data);
}

static void response_trans(struct smb_state *s, struct block *b, struct smb_tx *t)
{
	struct smb_open *o;
	struct trans r;

	if (t->kind != SMB_CALL || !trans_response(b, &r) || !r.data.len)
		return;
	o = smb_open_find(s, t->fid);
	if (o)
		smb_pipe_data(s, o, TO_CLIENT, &b->h, r.data.data, r.data.len);
}

static void response_take(struct smb_state *s, struct block *b)
{
	struct smb_tx *t;

	if (b->h.command == READ_ANDX) {
		response_read(s, b);
		return;
	}
	t = smb_tx_answer(s, &b->h);
	if (!t)
		return;
	switch (b->h.command) {
	case NEGOTIATE:
		response_negotiate(s, b, t);
		break;
	case SESSION_SETUP:
		response_session(s, b, t);
		break;
	case TREE_CONNECT:
		response_tree(s, b, t);
		break;
	case NT_CREATE:
		response_create(s, b, t);
		break;
	case OPEN_ANDX:
		response_open(s, b, t);
		break;
	case TRANS:
		response_trans(s, b, t);
		break;
	case CLOSE:
		smb_open_close_answered(s, t->fid);
		break;
	}
	smb_tx_answered(s, t, b->h.status);
}

/* ---- records ---- */

static bool has_andx(uint8_t command)
{
	return command == 0x24 || command == OPEN_ANDX || command == READ_ANDX ||
	       command == WRITE_ANDX || (command >= 0x73 && command <= 0x75) || command == NT_CREATE;
}

void smb1_record(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len)
{
	struct block b;
	uint32_t at = HEADER_BYTES;
	bool response;

	if (!head_read(&b, data, len, &response)) {
		smb_event(s, d, SMB_EVENT_MALFORMED_DATA);
		return;
	}
	if (response != (d == TO_CLIENT)) {
		smb_event(s, d, response ? SMB_EVENT_RESPONSE_TO_SERVER : SMB_EVENT_REQUEST_TO_CLIENT);
		return;
	}
	for (unsigned i = 0; i < ANDX_MAX; i++) {
		uint16_t next = 0;
		uint8_t command = NO_ANDX;

		if (!block_read(&b, at)) {
			smb_event(s, d, SMB_EVENT_MALFORMED_DATA);
			return;
		}
		if (has_andx((uint8_t)b.h.command) && b.word_count >= 2) {
			command = b.words.p[0];
			next = get_le16(b.words.p + 2);
		}
		if (d == TO_SERVER)
			request_take(s, &b);
		else
			response_take(s, &b);
		if (command == NO_ANDX || next <= at || next >= len)
			return;
		b.opens = b.opens || b.h.command == NT_CREATE || b.h.command == OPEN_ANDX;
		b.h.command = command;
		at = next;
	}
}

bool smb1_data_start(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
		     uint32_t whole, struct smb_data *out)
{
	struct smb_read read;
	struct block b;
	bool response;

	if (!head_read(&b, data, len, &response) || response != (d == TO_CLIENT) ||
	    b.h.command != (d == TO_SERVER ? WRITE_ANDX : READ_ANDX) || b.h.status ||
	    !block_read(&b, HEADER_BYTES) || b.word_count < 12 || b.words.p[0] != NO_ANDX)
		return false;
	if (d == TO_SERVER) {
		if (!write_read(s, &b, out))
			return false;
	} else {
		if (!read_read(&b, out) || !smb_read_take(s, &b.h, &read))
			return false;
		out->offset = read.offset;
		b.h.tree = read.tree;
		out->open = smb_open_get(s, read.fid, &b.h);
	}
	if (smb_data_begin(s, d, &b.h, out, HEADER_BYTES, data, len, whole))
		return true;
	if (d == TO_CLIENT)
		smb_read_note(s, &b.h, read.fid, read.offset);
	return false;
}
