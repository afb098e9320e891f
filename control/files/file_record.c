/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/file_record.h"

#include <string.h>

#include "dataplane/event/app_proto.h"

#define REASONS_MAX 40
#define TEXT_MAX 600
#define PLACE_ROOM 4096 /* of the record, for the verdict */

static void put_text(struct recorder *r, enum field_id f, const json_t *from, const char *key)
{
	const char *text = json_string_value(json_object_get(from, key));

	if (text && *text)
		rec_bytes(r, f, text, strnlen(text, TEXT_MAX));
}

static bool is_mail(const struct record_head *seen)
{
	static const char *const protocols[] = {"smtp", "pop3", "imap"};

	for (unsigned i = 0; i < 3; i++)
		if (seen->app_proto < APP_PROTO_COUNT && strcmp(app_proto_names[seen->app_proto], protocols[i]) == 0)
			return true;
	return false;
}

/* Zeros end texts on their way. */
static void put_words(struct text *to, const struct record_head *from, enum field_id field)
{
	struct value v;

	if (!record_find(from, field, &v))
		return;
	for (uint32_t i = 0; i < v.body.len; i++)
		text_char(to, v.body.data[i] ? (char)v.body.data[i] : ' ');
	text_char(to, '\n');
}

bool file_record_read(const struct record_head *seen, struct text *name, struct text *mail)
{
	struct value v;

	if (record_find(seen, F_fileinfo_filename, &v)) {
		const uint8_t *slash = memrchr(v.body.data, '/', v.body.len);
		uint32_t skip = slash ? (uint32_t)(slash - v.body.data) + 1 : 0;

		text_bytes(name, v.body.data + skip, v.body.len - skip);
	}
	put_words(mail, seen, F_smtp_subject);
	put_words(mail, seen, F_mail_text_text);
	return is_mail(seen);
}

static void put_reasons(struct recorder *r, const json_t *reasons)
{
	const json_t *one;
	size_t i;

	if (!json_array_size(reasons))
		return;
	rec_open(r, F_file_reasons);
	json_array_foreach(reasons, i, one) {
		if (i == REASONS_MAX)
			break;
		rec_open(r, F_file_reason);
		put_text(r, F_file_reason_name, one, "reason");
		rec_uint(r, F_file_weight, (uint64_t)json_integer_value(json_object_get(one, "weight")));
		put_text(r, F_file_text, one, "text");
		put_text(r, F_file_detail, one, "detail");
		put_text(r, F_file_place, one, "part");
		rec_close(r);
	}
	rec_close(r);
}

/* Bytes of a fileinfo record's values without the number that only the bulk ring's copy has beside its object. */
static uint32_t values_of(const struct record_head *seen)
{
	const uint8_t *begin = (const uint8_t *)(seen + 1), *before;
	struct value_reader reader;
	unsigned depth = 0;
	struct value v;

	value_reader_init(&reader, seen);
	for (before = reader.p; value_next(&reader, &v); before = reader.p) {
		if (v.close)
			depth -= depth > 0;
		else if (v.kind == KIND_OBJECT || v.kind == KIND_ARRAY)
			depth++;
		else if (!depth && v.field == F_fileinfo_file_id)
			break;
	}
	return (uint32_t)(before - begin);
}

static void copy_value(struct recorder *r, enum field_id to, const struct record_head *from, enum field_id field)
{
	struct value v;

	if (record_find(from, field, &v))
		rec_bytes(r, to, v.body.data, v.body.len);
}

bool file_record_join(void *memory, const struct record_head *seen, const struct record_head *note)
{
	uint32_t values = values_of(seen);
	struct value id, object;
	struct recorder r;

	if (values + PLACE_ROOM > RECORD_MAX_BYTES || !record_find(seen, F_fileinfo_file_id, &id))
		return false;
	rec_begin(&r, memory, RECORD_MAX_BYTES, seen);
	rec_encoded(&r, seen + 1, values);
	if (!record_find(seen, F_smtp_email, &object)) { /* POP3, IMAP */
		rec_open(&r, F_smtp_email);
		copy_value(&r, F_smtp_from, note, F_mail_text_from);
		rec_open(&r, F_smtp_to);
		copy_value(&r, F_smtp_address, note, F_mail_text_to);
		rec_close(&r);
		copy_value(&r, F_smtp_subject, note, F_mail_text_subject);
		copy_value(&r, F_smtp_message_id, note, F_mail_text_message_id);
		rec_close(&r);
	}
	rec_uint(&r, F_fileinfo_file_id, id.n);
	copy_value(&r, F_mail_text_text, note, F_mail_text_text);
	return rec_end(&r) != 0;
}

bool file_record_write(void *memory, const struct record_head *seen, const struct file_verdict *v)
{
	struct record_head head = *seen;
	const json_t *file = json_object_get(v->report, "file");
	uint32_t values = values_of(seen);
	struct recorder r;

	head.type = RECORD_file;
	rec_begin(&r, memory, RECORD_MAX_BYTES, &head);
	if (values + PLACE_ROOM < RECORD_MAX_BYTES)
		rec_encoded(&r, seen + 1, values);
	rec_open(&r, F_file_file);
	rec_uint(&r, F_file_verdict, v->verdict);
	put_text(&r, F_file_name, file, "name");
	put_text(&r, F_file_type, file, "type");
	put_text(&r, F_file_magic, file, "magic");
	put_text(&r, F_file_kind, file, "kind");
	rec_uint(&r, F_file_size, (uint64_t)json_integer_value(json_object_get(file, "size")));
	put_text(&r, F_file_md5, file, "md5");
	put_text(&r, F_file_sha1, file, "sha1");
	rec_text(&r, F_file_sha256, v->sha256_hex);
	rec_bool(&r, F_file_stored, v->stored && !v->quarantined);
	rec_bool(&r, F_file_quarantined, v->quarantined);
	rec_bool(&r, F_file_complete, json_is_true(json_object_get(v->report, "complete")));
	put_reasons(&r, json_object_get(v->report, "reasons"));
	rec_close(&r);
	return rec_end(&r) != 0;
}
