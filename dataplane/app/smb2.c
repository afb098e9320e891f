/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB 2 and 3 (MS-SMB2, 2.2): one record, which may be a compound of several messages. Offsets of a
 * message are from its header. Encrypted messages are not looked into. Runs in the
 * worker that owns the flow.
 */
#include "dataplane/app/smb.h"

#define HEADER_BYTES 64
#define FLAG_RESPONSE (1u << 0)
#define FLAG_ASYNC (1u << 1)
#define FLAG_RELATED (1u << 2)
#define OPTION_DIRECTORY (1u << 0)
#define OPTION_DELETE_ON_CLOSE (1u << 12)
#define SHARE_PIPE 2
#define INFO_FILE 1
#define INFO_RENAME 10
#define INFO_DISPOSITION 13
#define FSCTL_PIPE_TRANSCEIVE 0x0011c017u
#define SIZE_LIMIT (16u << 20) /* reads and writes beyond are an event */

enum {
	NEGOTIATE = 0,
	SESSION_SETUP = 1,
	LOGOFF = 2,
	TREE_CONNECT = 3,
	TREE_DISCONNECT = 4,
	CREATE = 5,
	CLOSE = 6,
	READ = 8,
	WRITE = 9,
	IOCTL = 11,
	CANCEL = 12,
	GET_INFO = 16,
	SET_INFO = 17,
	OPLOCK_BREAK = 18
};

/* One message: its head and where it lies. */
struct message {
	struct smb_head h;
	uint32_t flags, next;
	const uint8_t *data;
	uint32_t len;
	struct cursor body;
};

static bool message_read(struct message *m, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);

	*m = (struct message){.h.version = 2, .h.unicode = true, .data = data, .len = len};
	cursor_skip(&c, 8);
	m->h.status = cursor_le32(&c);
	m->h.command = cursor_le16(&c);
	cursor_skip(&c, 2);
	m->flags = cursor_le32(&c);
	m->next = cursor_le32(&c);
	m->h.message = cursor_le64(&c);
	cursor_skip(&c, 4);
	m->h.tree = cursor_le32(&c);
	m->h.session = cursor_le64(&c);
	cursor_skip(&c, 16);
	m->h.related = m->flags & FLAG_RELATED;
	m->body = c;
	return !c.bad && data[0] == 0xfe;
}

static bool fid_unknown(const uint8_t *fid)
{
	for (unsigned i = 0; i < SMB_FID_BYTES; i++)
		if (fid[i] != 0xff)
			return false;
	return true;
}

/* The open file that a request is about; in a compound, that of the message before. NULL: it has none. */
static const uint8_t *fid_take(struct smb_state *s, struct cursor *c)
{
	const uint8_t *fid = cursor_take(c, SMB_FID_BYTES);
	uint8_t *last = s->side[TO_SERVER].last_fid;

	if (!fid)
		return NULL;
	if (fid_unknown(fid)) {
		s->early |= smb_fid_is_early(last);
		return last;
	}
	memcpy(last, fid, SMB_FID_BYTES);
	return fid;
}

/* Of a read whose compound was not seen from its beginning: the file that was opened last. */
static const uint8_t *fid_of_read(struct smb_state *s, const uint8_t *fid)
{
	return fid_unknown(fid) ? s->side[TO_CLIENT].last_fid : fid;
}

/* ---- requests ---- */

static void request_negotiate(struct smb_state *s, struct message *m)
{
	struct smb_tx *t = smb_tx_new(s, &m->h, SMB_NEGOTIATE);
	struct cursor *c = &m->body;
	const uint8_t *guid;
	unsigned count;

	if (!t)
		return;
	t->negotiate = heap_zalloc(&s->w->heap, sizeof(*t->negotiate));
	smb_tx_done(s, t, TO_SERVER);
	if (!t->negotiate)
		return;
	cursor_skip(c, 2);
	count = cursor_le16(c);
	cursor_skip(c, 8);
	guid = cursor_take(c, 16);
	cursor_skip(c, 8);
	if (guid) {
		memcpy(t->negotiate->client_guid, guid, 16);
		t->negotiate->has_client_guid = true;
	}
	if (count * 2u > cursor_left(c))
		tx_event(s->w, s->f, &t->tx, TO_SERVER, SMB_EVENT_NEGOTIATE_MALFORMED_DIALECTS);
	if (count > SMB_DIALECTS_MAX)
		count = SMB_DIALECTS_MAX;
	for (; count > 0 && cursor_left(c) >= 2; count--)
		t->negotiate->dialects[t->negotiate->dialect_count++] = cursor_le16(c);
}

static void request_session(struct smb_state *s, struct message *m)
{
	struct smb_tx *t = smb_tx_new(s, &m->h, SMB_SESSION);
	uint32_t offset, len;
	struct bytes blob;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	cursor_skip(&m->body, 12);
	offset = cursor_le16(&m->body);
	len = cursor_le16(&m->body);
	blob = smb_part(m->data, m->len, offset, len);
	t->session = heap_zalloc(&s->w->heap, sizeof(*t->session));
	if (t->session && blob.len)
		smb_auth(s, t->session, TO_SERVER, blob.data, blob.len);
}

static void request_tree(struct smb_state *s, struct message *m)
{
	struct smb_tx *t = smb_tx_new(s, &m->h, SMB_TREE);
	uint32_t offset, len;
	struct bytes path;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	cursor_skip(&m->body, 4);
	offset = cursor_le16(&m->body);
	len = cursor_le16(&m->body);
	path = smb_part(m->data, m->len, offset, len);
	smb_text(s, &t->name, path.data, path.len, true);
}

static void request_create(struct smb_state *s, struct message *m)
{
	struct smb_tx *t = smb_tx_new(s, &m->h, SMB_CREATE);
	struct cursor *c = &m->body;
	uint32_t disposition, options, offset, len;
	struct bytes name;

	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	cursor_skip(c, 36);
	disposition = cursor_le32(c);
	options = cursor_le32(c);
	offset = cursor_le16(c);
	len = cursor_le16(c);
	name = smb_part(m->data, m->len, offset, len);
	smb_text(s, &t->name, name.data, name.len, true);
	smb_fid_early(s->side[TO_SERVER].last_fid, m->h.message);
	t->create = heap_zalloc(&s->w->heap, sizeof(*t->create));
	if (!t->create)
		return;
	t->create->disposition = disposition;
	t->create->directory = options & OPTION_DIRECTORY;
	t->create->delete_on_close = options & OPTION_DELETE_ON_CLOSE;
}

static void request_close(struct smb_state *s, struct message *m)
{
	struct smb_tx *t = smb_tx_new(s, &m->h, SMB_GENERIC);
	const uint8_t *fid;
	struct smb_open *o;

	cursor_skip(&m->body, 8);
	fid = fid_take(s, &m->body);
	if (t)
		smb_tx_done(s, t, TO_SERVER);
	if (!fid)
		return;
	if (t)
		memcpy(t->fid, fid, SMB_FID_BYTES);
	o = smb_open_find(s, fid);
	if (o)
		smb_open_close_asked(s, o);
}

static void request_read(struct smb_state *s, struct message *m)
{
	uint32_t len;
	uint64_t offset;
	const uint8_t *fid;

	cursor_skip(&m->body, 4);
	len = cursor_le32(&m->body);
	offset = cursor_le64(&m->body);
	fid = fid_take(s, &m->body);
	if (!fid)
		return;
	if (len > SIZE_LIMIT || (s->max_read && len > s->max_read))
		smb_event(s, TO_SERVER, SMB_EVENT_READ_REQUEST_TOO_LARGE);
	smb_read_note(s, &m->h, fid, offset);
}

/* The fixed part of a write. */
static struct smb_open *write_read(struct smb_state *s, struct message *m, struct smb_data *out)
{
	const uint8_t *fid;

	cursor_skip(&m->body, 2);
	out->start = cursor_le16(&m->body);
	out->len = cursor_le32(&m->body);
	out->offset = cursor_le64(&m->body);
	fid = fid_take(s, &m->body);
	if (!fid || fid_unknown(fid))
		return NULL;
	return out->open = smb_open_get(s, fid, &m->h);
}

static void request_write(struct smb_state *s, struct message *m)
{
	struct smb_data d;
	struct smb_open *o = write_read(s, m, &d);
	struct bytes data;

	if (!o)
		return;
	if (d.len > SIZE_LIMIT || (s->max_write && d.len > s->max_write))
		smb_event(s, TO_SERVER, SMB_EVENT_WRITE_REQUEST_TOO_LARGE);
	data = smb_part(m->data, m->len, d.start, d.len);
	if (data.len)
		smb_data_take(s, o, TO_SERVER, &m->h, d.offset, data);
}

static void request_ioctl(struct smb_state *s, struct message *m)
{
	struct cursor *c = &m->body;
	uint32_t function, offset, len;
	const uint8_t *fid;
	struct smb_tx *t;

	cursor_skip(c, 4);
	function = cursor_le32(c);
	fid = fid_take(s, c);
	offset = cursor_le32(c);
	len = cursor_le32(c);
	if (fid && !fid_unknown(fid) && function == FSCTL_PIPE_TRANSCEIVE && !c->bad) {
		struct bytes in = smb_part(m->data, m->len, offset, len);
		struct smb_open *o = smb_open_get(s, fid, &m->h);

		if (o && !o->file && smb_pipe_data(s, o, TO_SERVER, &m->h, in.data, in.len))
			return;
	}
	t = smb_tx_new(s, &m->h, SMB_IOCTL);
	if (!t)
		return;
	t->function = function;
	smb_tx_done(s, t, TO_SERVER);
}

static void request_set_info(struct smb_state *s, struct message *m)
{
	struct cursor *c = &m->body, info;
	uint8_t type, class;
	uint32_t len, offset;
	const uint8_t *fid;
	struct smb_open *o;
	struct bytes in;
	struct smb_tx *t;

	cursor_skip(c, 2);
	type = cursor_u8(c);
	class = cursor_u8(c);
	len = cursor_le32(c);
	offset = cursor_le16(c);
	cursor_skip(c, 6);
	fid = fid_take(s, c);
	if (!fid || type != INFO_FILE || (class != INFO_RENAME && class != INFO_DISPOSITION))
		return;
	t = smb_tx_new(s, &m->h, class == INFO_RENAME ? SMB_RENAME : SMB_SET_INFO);
	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	memcpy(t->fid, fid, SMB_FID_BYTES);
	o = smb_open_find(s, fid);
	if (o)
		smb_copy(s, &t->name, o->name);
	in = smb_part(m->data, m->len, offset, len);
	info = cursor_of(in.data, in.len);
	if (class == INFO_DISPOSITION) {
		t->delete_on_close = cursor_u8(&info) != 0;
		return;
	}
	cursor_skip(&info, 16);
	len = cursor_le32(&info);
	if (len > cursor_left(&info))
		len = (uint32_t)cursor_left(&info);
	smb_text(s, &t->name2, info.p, len, true);
}

static void request_take(struct smb_state *s, struct message *m)
{
	struct smb_tx *t;

	switch (m->h.command) {
	case NEGOTIATE:
		request_negotiate(s, m);
		return;
	case SESSION_SETUP:
		request_session(s, m);
		return;
	case TREE_CONNECT:
		request_tree(s, m);
		return;
	case CREATE:
		request_create(s, m);
		return;
	case CLOSE:
		request_close(s, m);
		return;
	case READ:
		request_read(s, m);
		return;
	case WRITE:
		request_write(s, m);
		return;
	case IOCTL:
		request_ioctl(s, m);
		return;
	case SET_INFO:
		request_set_info(s, m);
		return;
	case GET_INFO:
		return;
	}
	t = smb_tx_new(s, &m->h, SMB_GENERIC);
	if (!t)
		return;
	smb_tx_done(s, t, TO_SERVER);
	if (m->h.command == CANCEL) /* nobody answers */
		smb_tx_done(s, t, TO_CLIENT);
}

/* ---- responses ---- */

static void response_negotiate(struct smb_state *s, struct message *m)
{
	struct cursor *c = &m->body;
	struct smb_tx *t = smb_tx_answer(s, &m->h);
	const uint8_t *guid;

	/* an offer of SMB1 may be answered like this */
	for (struct tx *tx = s->f->app->first; tx && !t; tx = tx->next)
		if (smb_of(tx)->kind == SMB_NEGOTIATE && !smb_of(tx)->answered) {
			t = smb_of(tx);
			smb_status(t, &m->h);
		}
	if (!t)
		t = smb_tx_new(s, &m->h, SMB_NEGOTIATE);
	if (!t)
		return;
	smb_status(t, &m->h);
	smb_tx_done_both(s, t);
	cursor_skip(c, 4);
	s->dialect = cursor_le16(c);
	cursor_skip(c, 2);
	guid = cursor_take(c, 16);
	cursor_skip(c, 8);
	s->max_read = cursor_le32(c);
	s->max_write = cursor_le32(c);
	if (s->max_read > SIZE_LIMIT)
		tx_event(s->w, s->f, &t->tx, TO_CLIENT, SMB_EVENT_MAX_READ_SIZE);
	if (s->max_write > SIZE_LIMIT)
		tx_event(s->w, s->f, &t->tx, TO_CLIENT, SMB_EVENT_MAX_WRITE_SIZE);
	if (!t->negotiate)
		t->negotiate = heap_zalloc(&s->w->heap, sizeof(*t->negotiate));
	if (t->negotiate && guid)
		memcpy(t->negotiate->server_guid, guid, 16);
}

static void response_create(struct smb_state *s, struct message *m, struct smb_tx *t)
{
	struct cursor *c = &m->body;
	const uint8_t *fid;
	uint64_t times[4];

	if (m->h.status != SMB_STATUS_SUCCESS)
		return;
	cursor_skip(c, 8);
	for (unsigned i = 0; i < 4; i++)
		times[i] = cursor_le64(c);
	cursor_skip(c, 8);
	if (t->create) {
		t->create->created = smb_seconds(times[0]);
		t->create->accessed = smb_seconds(times[1]);
		t->create->modified = smb_seconds(times[2]);
		t->create->changed = smb_seconds(times[3]);
		t->create->size = cursor_le64(c);
	} else {
		cursor_skip(c, 8);
	}
	cursor_skip(c, 8);
	fid = cursor_take(c, SMB_FID_BYTES);
	if (!fid)
		return;
	memcpy(t->fid, fid, SMB_FID_BYTES);
	memcpy(s->side[TO_CLIENT].last_fid, fid, SMB_FID_BYTES);
	smb_open_settle(s, fid, t);
}

/* Where the data of a read's response are. False: there are none. */
static bool read_read(struct message *m, struct smb_data *out)
{
	cursor_skip(&m->body, 2);
	out->start = cursor_u8(&m->body);
	cursor_skip(&m->body, 1);
	out->len = cursor_le32(&m->body);
	return !m->body.bad && out->len && smb_good_status(m->h.status);
}

static void response_read(struct smb_state *s, struct message *m)
{
	struct smb_read read;
	struct smb_data d;
	struct smb_open *o;
	struct bytes data;

	if (!smb_read_take(s, &m->h, &read) || !read_read(m, &d))
		return;
	if (d.len > SIZE_LIMIT || (s->max_read && d.len > s->max_read))
		smb_event(s, TO_CLIENT, SMB_EVENT_READ_RESPONSE_TOO_LARGE);
	m->h.tree = read.tree;
	m->h.session = read.session;
	o = smb_open_get(s, fid_of_read(s, read.fid), &m->h);
	data = smb_part(m->data, m->len, d.start, d.len);
	if (o && data.len)
		smb_data_take(s, o, TO_CLIENT, &m->h, read.offset, data);
}

/* t: NULL for what ends a call that a write began. */
static void response_ioctl(struct smb_state *s, struct message *m, const struct smb_tx *t)
{
	struct cursor *c = &m->body;
	uint32_t offset, len, function;
	const uint8_t *fid;
	struct smb_open *o;
	struct bytes out;

	cursor_skip(c, 4);
	function = cursor_le32(c);
	fid = cursor_take(c, SMB_FID_BYTES);
	cursor_skip(c, 8);
	offset = cursor_le32(c);
	len = cursor_le32(c);
	if (!fid || c->bad || !smb_good_status(m->h.status))
		return;
	o = smb_open_find(s, fid);
	out = smb_part(m->data, m->len, offset, len);
	if (o && !o->file && ((t ? t->kind == SMB_CALL : function == FSCTL_PIPE_TRANSCEIVE) || o->pipe) && out.len)
		smb_pipe_data(s, o, TO_CLIENT, &m->h, out.data, out.len);
}

static void response_session(struct smb_state *s, struct message *m, struct smb_tx *t)
{
	uint32_t offset, len;
	struct bytes blob;

	t->head.session = m->h.session;
	cursor_skip(&m->body, 4);
	offset = cursor_le16(&m->body);
	len = cursor_le16(&m->body);
	blob = smb_part(m->data, m->len, offset, len);
	if (t->session && blob.len)
		smb_auth(s, t->session, TO_CLIENT, blob.data, blob.len);
}

static void response_tree(struct smb_state *s, struct message *m, struct smb_tx *t)
{
	t->head.tree = m->h.tree;
	if (m->h.status != SMB_STATUS_SUCCESS)
		return;
	cursor_skip(&m->body, 2);
	t->share_type = cursor_u8(&m->body);
	t->pipe = t->share_type == SHARE_PIPE;
	smb_tree_set(s, &m->h, t);
}

/* In a compound the open file may be known only now that the message before has been answered. */
static void response_set_info(struct smb_state *s, struct smb_tx *t)
{
	struct smb_open *o = t->name.len ? NULL : smb_open_find(s, t->fid);

	if (o)
		smb_copy(s, &t->name, o->name);
}

static void response_take(struct smb_state *s, struct message *m)
{
	struct smb_tx *t;

	if (m->h.status == SMB_STATUS_PENDING && m->flags & FLAG_ASYNC)
		return; /* the response comes later */
	if (m->h.command == READ) {
		response_read(s, m);
		return;
	}
	if (m->h.command == NEGOTIATE) {
		response_negotiate(s, m);
		return;
	}
	t = smb_tx_answer(s, &m->h);
	if (!t && m->h.command == IOCTL)
		response_ioctl(s, m, NULL);
	if (!t)
		return;
	switch (m->h.command) {
	case SESSION_SETUP:
		response_session(s, m, t);
		break;
	case TREE_CONNECT:
		response_tree(s, m, t);
		break;
	case CREATE:
		response_create(s, m, t);
		break;
	case IOCTL:
		response_ioctl(s, m, t);
		break;
	case SET_INFO:
		response_set_info(s, t);
		break;
	case CLOSE:
		smb_open_close_answered(s, t->fid);
		break;
	}
	smb_tx_answered(s, t, m->h.status);
}

/* ---- records ---- */

void smb2_record(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len)
{
	struct smb_head before = {0};

	if (d == TO_SERVER)
		memset(s->side[d].last_fid, 0xff, SMB_FID_BYTES);
	for (unsigned i = 0; i < SMB_COMPOUND_MAX && len; i++) {
		struct message m;

		if (!message_read(&m, data, len)) {
			smb_event(s, d, SMB_EVENT_MALFORMED_DATA);
			return;
		}
		if (m.next && m.next < len) {
			m.len = m.next;
			m.body = cursor_of(data + HEADER_BYTES,
					   m.next > HEADER_BYTES ? m.next - HEADER_BYTES : 0);
		}
		if (m.h.related && m.h.tree == UINT32_MAX)
			m.h.tree = before.tree;
		if (m.h.related && m.h.session == UINT64_MAX)
			m.h.session = before.session;
		if (m.flags & FLAG_RESPONSE && d == TO_SERVER)
			smb_event(s, d, SMB_EVENT_RESPONSE_TO_SERVER);
		else if (!(m.flags & FLAG_RESPONSE) && d == TO_CLIENT)
			smb_event(s, d, SMB_EVENT_REQUEST_TO_CLIENT);
		else if (d == TO_SERVER)
			request_take(s, &m);
		else
			response_take(s, &m);
		before = m.h;
		if (m.next < HEADER_BYTES || m.next >= len)
			return;
		data += m.next;
		len -= m.next;
	}
}

bool smb2_data_start(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
		     uint32_t whole, struct smb_data *out)
{
	struct message m;
	struct smb_read read;

	if (!message_read(&m, data, len) || m.next ||
	    !!(m.flags & FLAG_RESPONSE) != (d == TO_CLIENT) ||
	    m.h.command != (d == TO_SERVER ? WRITE : READ))
		return false;
	if (d == TO_SERVER) {
		memset(s->side[d].last_fid, 0xff, SMB_FID_BYTES); /* the record's first message names its file */
		if (!write_read(s, &m, out))
			return false;
	} else {
		if (!read_read(&m, out) || !smb_read_take(s, &m.h, &read))
			return false;
		out->offset = read.offset;
		m.h.tree = read.tree;
		m.h.session = read.session;
		out->open = smb_open_get(s, fid_of_read(s, read.fid), &m.h);
	}
	if (smb_data_begin(s, d, &m.h, out, HEADER_BYTES, data, len, whole))
		return true;
	if (d == TO_CLIENT)
		smb_read_note(s, &m.h, read.fid, read.offset);
	return false;
}
