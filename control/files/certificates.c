/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/certificates.h"

#include <stdio.h>

#include "control/base/text.h"

#define NAME_BYTES 96
#define PEM_LINE_BYTES 48 /* 64 characters of base64 (RFC 7468, 2) */

static void pem_write(struct text *t, const struct bytes *der)
{
	text_str(t, "-----BEGIN CERTIFICATE-----\n");
	for (size_t at = 0; at < der->len; at += PEM_LINE_BYTES) {
		size_t n = der->len - at < PEM_LINE_BYTES ? der->len - at : PEM_LINE_BYTES;

		text_base64(t, der->data + at, n);
		text_char(t, '\n');
	}
	text_str(t, "-----END CERTIFICATE-----\n");
}

static void chain_write(struct text *t, const struct record_head *head)
{
	struct value_reader r;
	struct value v;

	value_reader_init(&r, head);
	while (value_next(&r, &v))
		if (!v.close && v.field == F_certificates_certificate)
			pem_write(t, &v.body);
}

/* Control characters of what strangers wrote would make lines of their own. */
static void line_write(struct text *t, const char *key, const struct record_head *head, enum field_id field)
{
	struct value v;

	text_format(t, "%-19s", key);
	for (size_t i = 0; record_find(head, field, &v) && i < v.body.len; i++)
		text_char(t, v.body.data[i] < 0x20 || v.body.data[i] == 0x7f ? '.' : (char)v.body.data[i]);
	text_char(t, '\n');
}

static void meta_write(struct text *t, const struct record_head *head)
{
	char address[ADDR_TEXT_MAX];

	text_format(t, "%-19s", "TIME:");
	text_time(t, head->ts_ns);
	text_format(t, "\n%-19s%s\n", "SRC IP:", addr_format(&head->src, head->ip_version, address));
	text_format(t, "%-19s%s\n", "DST IP:", addr_format(&head->dst, head->ip_version, address));
	text_format(t, "%-19s%u\n", "PROTO:", head->ip_proto);
	text_format(t, "%-19s%u\n", "SRC PORT:", head->sport);
	text_format(t, "%-19s%u\n", "DST PORT:", head->dport);
	line_write(t, "TLS SUBJECT:", head, F_certificates_subject);
	line_write(t, "TLS ISSUERDN:", head, F_certificates_issuerdn);
	line_write(t, "TLS FINGERPRINT:", head, F_certificates_fingerprint);
}

static void put(struct file_store *s, const struct record_head *head, const char *suffix,
		void (*write)(struct text *t, const struct record_head *head))
{
	struct text t = {0};
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%llu.%06llu-%u-%llu.%s", (unsigned long long)(head->ts_ns / 1000000000u),
		 (unsigned long long)(head->ts_ns % 1000000000u / 1000), head->worker,
		 (unsigned long long)head->seq, suffix);
	write(&t, head);
	if (!t.failed)
		file_store_put(s, FILE_STORE_CERTIFICATES, name, t.data, t.len);
	text_free(&t);
}

void certificates_keep(struct file_store *s, const struct record_head *head)
{
	put(s, head, "pem", chain_write);
	put(s, head, "meta", meta_write);
}
