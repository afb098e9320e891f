/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Kerberos 5 (RFC 4120, 5.4.1): who asks for a ticket from where. An AS-REQ names the client
 * (cname): a user, or a machine by its account, which ends with '$', or by its host principal; and
 * it may hold the machine's NetBIOS name as an address. Read from DER (X.690) with bounds, no
 * recursion. Runs in the worker.
 */
#include "dataplane/app/app.h"
#include "dataplane/app/host.h"

enum {
	TAG_OCTETS = 0x04,
	TAG_GENERAL_STRING = 0x1b,
	TAG_SEQUENCE = 0x30,
	TAG_AS_REQ = 0x6a,
	TAG_INTEGER = 0x02
};
#define TAG_CONTEXT(n) (uint8_t)(0xa0 + (n))

#define ADDRESS_NETBIOS 20 /* RFC 4120, 7.5.3 */
#define ADDRESSES_MAX 16
#define PRINCIPAL_PARTS_MAX 4

/* The next element, whatever it is. False: none, or its length cannot be right. */
static bool der_next(struct cursor *c, uint8_t *tag, struct cursor *body)
{
	uint32_t len;

	if (!cursor_left(c))
		return false;
	*tag = cursor_u8(c);
	len = cursor_u8(c);
	if (len == 0x81)
		len = cursor_u8(c);
	else if (len == 0x82)
		len = cursor_be16(c);
	else if (len == 0x83)
		len = cursor_be24(c);
	else if (len >= 0x80)
		return false;
	*body = cursor_sub(c, len);
	return !body->bad && !c->bad;
}

/* The next element, which must have that tag. */
static bool der_take(struct cursor *c, uint8_t tag, struct cursor *body)
{
	uint8_t is;

	return der_next(c, &is, body) && is == tag;
}

/* Goes on to the element with that tag, past those before it. */
static bool der_find(struct cursor *c, uint8_t tag, struct cursor *body)
{
	uint8_t is;

	while (der_next(c, &is, body))
		if (is == tag)
			return true;
	return false;
}

/* A small number: [n] INTEGER. -1: it is none. */
static int der_small(struct cursor *c, uint8_t tag)
{
	struct cursor field, number;

	if (!der_take(c, tag, &field) || !der_take(&field, TAG_INTEGER, &number) ||
	    cursor_left(&number) != 1)
		return -1;
	return cursor_u8(&number);
}

static struct bytes rest(const struct cursor *c)
{
	return (struct bytes){c->p, (uint32_t)cursor_left(c)};
}

/* PrincipalName: "user", "machine$", "host" "machine.example", "user" "admin". */
static void principal(struct cursor name, struct host_fact *fact)
{
	struct cursor fields, list, parts, part;
	struct bytes text[PRINCIPAL_PARTS_MAX];
	unsigned n = 0;

	if (!der_take(&name, TAG_SEQUENCE, &fields) || !der_find(&fields, TAG_CONTEXT(1), &list) ||
	    !der_take(&list, TAG_SEQUENCE, &parts))
		return;
	while (n < PRINCIPAL_PARTS_MAX && der_take(&parts, TAG_GENERAL_STRING, &part))
		text[n++] = rest(&part);
	if (!n || !text[0].len)
		return;
	if (text[0].data[text[0].len - 1] == '$')
		fact->name = (struct bytes){text[0].data, text[0].len - 1};
	else if (n == 2 && text[0].len == 4 && memcmp(text[0].data, "host", 4) == 0)
		fact->name = text[1];
	else
		fact->user = text[0];
}

/* HostAddresses: the NetBIOS name of the machine, filled up with blanks to 16 bytes. */
static void addresses(struct cursor field, struct host_fact *fact)
{
	struct cursor list, one, octets, value;

	if (!der_take(&field, TAG_SEQUENCE, &list))
		return;
	for (unsigned i = 0; i < ADDRESSES_MAX && der_take(&list, TAG_SEQUENCE, &one); i++) {
		if (der_small(&one, TAG_CONTEXT(0)) != ADDRESS_NETBIOS ||
		    !der_take(&one, TAG_CONTEXT(1), &octets) ||
		    !der_take(&octets, TAG_OCTETS, &value) || !cursor_left(&value))
			continue;
		fact->name = rest(&value);
		if (fact->name.len == 16)
			fact->name.len = 15; /* the last one says what kind of name it is */
		return;
	}
}

void host_krb5_message(struct worker *w, const struct addr *client, int ip_version,
		       const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len), request, fields, body, parts, part;
	struct host_fact fact = {.ip = *client, .ip_version = ip_version, .source = HOST_KRB5};
	uint8_t tag;

	if (!der_take(&c, TAG_AS_REQ, &request) || !der_take(&request, TAG_SEQUENCE, &fields) ||
	    !der_find(&fields, TAG_CONTEXT(4), &body) || !der_take(&body, TAG_SEQUENCE, &parts))
		return;
	while (der_next(&parts, &tag, &part)) {
		if (tag == TAG_CONTEXT(1))
			principal(part, &fact);
		else if (tag == TAG_CONTEXT(9))
			addresses(part, &fact);
	}
	host_note(w, fact);
}

void host_krb5(struct worker *w, const struct packet *p)
{
	host_krb5_message(w, &p->src, p->ip_version, p->payload, p->payload_len);
}

/* RFC 4120, 7.2.2: four bytes of length before each message. The first one is looked at, when its
 * last byte comes. */
void host_stream(struct worker *w, const struct flow *f, const struct app_pending *kept,
		 const struct app_input *in)
{
	uint8_t message[4 + KRB5_MESSAGE_MAX];
	uint32_t before = 0, have = in->len, len;

	if (!in->data || in->offset > KRB5_MESSAGE_MAX)
		return;
	if (in->offset) {
		if (kept->offset || kept->len != in->offset)
			return;
		before = kept->len;
		memcpy(message, kept->data, before);
	}
	if (have > sizeof(message) - before)
		have = (uint32_t)sizeof(message) - before;
	memcpy(message + before, in->data, have);
	if (before + have < 4)
		return;
	len = get_be32(message);
	if (len > KRB5_MESSAGE_MAX || before + have < 4 + len || before >= 4 + len)
		return;
	host_krb5_message(w, &f->client, f->ip_version, message + 4, len);
}
