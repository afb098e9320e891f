/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB: who logs on. The security blob of a session setup holds NTLMSSP messages (MS-NLMP), bare or
 * within SPNEGO, or a Kerberos ticket (RFC 4120, 5.5.1), whose realm and service are in the clear.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/smb.h"

#define TICKET_TAG 0x61
#define SERVICE_PARTS_MAX 8

/* ---- NTLMSSP ---- */

/* True: the blob holds one of its messages. */
static bool ntlmssp_take(struct smb_state *s, struct smb_session *session, enum direction d, struct bytes blob)
{
	struct ntlmssp n;
	enum ntlmssp_found found = ntlmssp_read(blob, &n);

	if (found == NTLMSSP_NONE)
		return false;
	if (d != TO_SERVER || found == NTLMSSP_OTHER)
		return true;
	if (found == NTLMSSP_MALFORMED) {
		smb_event(s, d, SMB_EVENT_MALFORMED_NTLMSSP_REQUEST);
		return true;
	}
	smb_text(s, &session->text[SMB_DOMAIN], n.domain.data, n.domain.len, n.unicode);
	smb_text(s, &session->text[SMB_USER], n.user.data, n.user.len, n.unicode);
	smb_text(s, &session->text[SMB_HOST], n.host.data, n.host.len, n.unicode);
	session->ntlmssp = true;
	if (n.has_version) {
		session->major = n.major;
		session->minor = n.minor;
		session->build = n.build;
		session->revision = n.revision;
		session->has_version = true;
	}
	return true;
}

/* ---- Kerberos ---- */

/* The body of the next element, if it has that tag. */
static bool der_take(struct cursor *c, uint8_t tag, struct cursor *body)
{
	const uint8_t *is = cursor_peek(c, 1);
	uint32_t len;

	if (!is || *is != tag)
		return false;
	cursor_skip(c, 1);
	len = cursor_u8(c);
	if (len == 0x81)
		len = cursor_u8(c);
	else if (len == 0x82)
		len = cursor_be16(c);
	else if (len >= 0x80)
		return false;
	if (len > cursor_left(c))
		return false;
	*body = cursor_sub(c, len);
	return true;
}

/* Ticket ::= [APPLICATION 1] SEQUENCE { [0] 5, [1] Realm, [2] PrincipalName, … } */
static bool ticket_read(struct smb_state *s, struct smb_session *session, struct cursor c)
{
	struct cursor ticket, one, two, names, name, realm;
	uint8_t text[SMB_TEXT_MAX];
	uint32_t n = 0;

	if (!der_take(&c, TICKET_TAG, &ticket) || !der_take(&ticket, 0x30, &one) ||
	    !der_take(&one, 0xa0, &two) || !der_take(&one, 0xa1, &two) ||
	    !der_take(&two, 0x1b, &realm) || !der_take(&one, 0xa2, &two) ||
	    !der_take(&two, 0x30, &one) || !der_take(&one, 0xa0, &two) ||
	    !der_take(&one, 0xa1, &two) || !der_take(&two, 0x30, &names))
		return false;
	for (unsigned i = 0; i < SERVICE_PARTS_MAX && der_take(&names, 0x1b, &name); i++) {
		uint32_t len = (uint32_t)cursor_left(&name);

		if (len + 1 > sizeof(text) - n)
			break;
		memcpy(text + n, name.p, len);
		n += len;
		text[n++] = 0;
	}
	smb_text(s, &session->text[SMB_REALM], realm.p, (uint32_t)cursor_left(&realm), false);
	smb_copy(s, &session->text[SMB_SERVICE], (struct bytes){text, n});
	session->kerberos = true;
	return true;
}

/* ---- the blob ---- */

void smb_auth(struct smb_state *s, struct smb_session *session, enum direction d,
	      const uint8_t *data, uint32_t len)
{
	if (ntlmssp_take(s, session, d, (struct bytes){data, len}) || d != TO_SERVER)
		return;
	for (const uint8_t *end = data + len; data < end; data++) {
		data = memchr(data, TICKET_TAG, (size_t)(end - data));
		if (!data || ticket_read(s, session, cursor_of(data, (size_t)(end - data))))
			return;
	}
}
