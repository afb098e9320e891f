/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB: the smb object of records and alerts. Runs in the worker that owns the flow.
 */
#include "dataplane/app/smb.h"

#include <stdio.h>

#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define GUID_TEXT_BYTES 40

static void write_text(struct recorder *r, enum field_id f, struct bytes text)
{
	rec_bytes(r, f, text.len ? text.data : (const uint8_t *)"", text.len);
}

/* The order of the groups is the reference's. */
static void write_guid(struct recorder *r, enum field_id f, const uint8_t *g)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12};
	char text[GUID_TEXT_BYTES];
	uint8_t bytes[16];

	for (unsigned i = 0; i < 16; i++)
		bytes[i] = g[order[i]];
	dcerpc_uuid_text(text, bytes);
	rec_text(r, f, text);
}

static void write_status(struct recorder *r, const struct smb_head *h)
{
	char text[24], code[24];
	const char *name;

	if (h->dos) {
		unsigned class = h->status >> 16 & 0xff, error = h->status & 0xffff;

		name = smb_dos_name(class, error);
		if (!name)
			put_hex(put_char(put_hex(put_text(put_to(text, sizeof(text)), "UNKNOWN_"), class, 2), '_'), error, 4);
		put_hex(put_text(put_to(code, sizeof(code)), "0x"), error, 4);
	} else {
		name = smb_status_name(h->status);
		if (!name)
			put_uint(put_to(text, sizeof(text)), h->status);
		put_hex(put_text(put_to(code, sizeof(code)), "0x"), h->status, 1);
	}
	rec_text(r, F_smb_status, name ? name : text);
	rec_text(r, F_smb_status_code, code);
}

static void write_session(struct recorder *r, const struct smb_session *n)
{
	const struct bytes *text = n->text;
	char version[NTLMSSP_VERSION_CHARS];

	if (n->ntlmssp) {
		rec_open(r, F_smb_ntlmssp);
		write_text(r, F_smb_domain, text[SMB_DOMAIN]);
		write_text(r, F_smb_user, text[SMB_USER]);
		write_text(r, F_smb_host, text[SMB_HOST]);
		if (n->has_version) {
			const struct ntlmssp v = {.major = n->major, .minor = n->minor, .build = n->build, .revision = n->revision};

			ntlmssp_version(&v, version);
			rec_text(r, F_smb_ntlmssp_version, version);
		}
		rec_close(r);
	}
	if (n->kerberos) {
		const struct bytes *names = &text[SMB_SERVICE];

		rec_open(r, F_smb_kerberos);
		write_text(r, F_smb_realm, text[SMB_REALM]);
		rec_open(r, F_smb_snames);
		for (uint32_t at = 0; at < names->len;) {
			size_t len = strnlen((const char *)names->data + at, names->len - at);

			rec_bytes(r, F_smb_sname, names->data + at, len);
			at += (uint32_t)len + 1;
		}
		rec_close(r);
		rec_close(r);
	}
	if (n->client_says) {
		rec_open(r, F_smb_request);
		write_text(r, F_smb_native_os, text[SMB_CLIENT_OS]);
		write_text(r, F_smb_native_lm, text[SMB_CLIENT_LM]);
		rec_close(r);
	}
	if (n->server_says) {
		rec_open(r, F_smb_response);
		write_text(r, F_smb_native_os, text[SMB_SERVER_OS]);
		write_text(r, F_smb_native_lm, text[SMB_SERVER_LM]);
		rec_close(r);
	}
}

static void write_create(struct recorder *r, const struct smb_tx *t)
{
	static const char *const dispositions[] = {
		"FILE_SUPERSEDE", "FILE_OPEN",      "FILE_CREATE",
		"FILE_OPEN_IF",   "FILE_OVERWRITE", "FILE_OVERWRITE_IF",
	};
	const struct smb_create *c = t->create;

	if (!t->name.len)
		rec_text(r, F_smb_filename, "<share_root>");
	else
		write_text(r, c->directory ? F_smb_directory : F_smb_filename, t->name);
	rec_text(r, F_smb_disposition, c->disposition < 6 ? dispositions[c->disposition] : "UNKNOWN");
	rec_text(r, F_smb_access, c->delete_on_close ? "delete on close" : "normal");
	rec_uint(r, F_smb_created, c->created);
	rec_uint(r, F_smb_accessed, c->accessed);
	rec_uint(r, F_smb_modified, c->modified);
	rec_uint(r, F_smb_changed, c->changed);
	rec_uint(r, F_smb_size, c->size);
	write_guid(r, F_smb_fuid, t->fid);
}

static void write_negotiate(struct recorder *r, const struct smb_state *s, const struct smb_tx *t)
{
	const struct smb_negotiate *n = t->negotiate;
	char text[16];

	rec_open(r, F_smb_client_dialects);
	for (unsigned i = 0; i < n->dialect_count; i++) {
		if (t->head.version == 1)
			write_text(r, F_smb_client_dialect, n->names[i]);
		else
			rec_text(r, F_smb_client_dialect, smb2_dialect_name(n->dialects[i], text));
	}
	rec_close(r);
	if (n->has_client_guid)
		write_guid(r, F_smb_client_guid, n->client_guid);
	write_guid(r, F_smb_server_guid, n->server_guid);
	if (s->max_read)
		rec_uint(r, F_smb_max_read_size, s->max_read);
	if (s->max_write)
		rec_uint(r, F_smb_max_write_size, s->max_write);
}

static void write_tree(struct recorder *r, const struct smb_tx *t)
{
	static const char *const types[] = {"UNKNOWN", "FILE", "PIPE", "PRINT"};

	write_text(r, t->pipe ? F_smb_named_pipe : F_smb_share, t->name);
	if (t->head.version == 2) {
		rec_text(r, F_smb_share_type, types[t->share_type < 4 ? t->share_type : 0]);
		return;
	}
	rec_open(r, F_smb_service);
	if (t->service[TO_SERVER].len)
		write_text(r, F_smb_service_request, t->service[TO_SERVER]);
	if (t->service[TO_CLIENT].len)
		write_text(r, F_smb_service_response, t->service[TO_CLIENT]);
	rec_close(r);
}

static void write_interface(struct recorder *r, const struct dcerpc_interface *one)
{
	char text[40];

	rec_open(r, F_smb_interface);
	dcerpc_uuid_text(text, one->uuid);
	rec_text(r, F_smb_uuid, text);
	put_uint(put_char(put_uint(put_to(text, sizeof(text)), one->version), '.'), one->minor);
	rec_text(r, F_smb_version, text);
	if (one->acked) {
		rec_uint(r, F_smb_ack_result, one->result);
		rec_uint(r, F_smb_ack_reason, one->reason);
	}
	rec_close(r);
}

static void write_part(struct recorder *r, enum field_id object, const struct dcerpc_call *call,
		       enum direction d)
{
	rec_open(r, object);
	rec_uint(r, F_smb_frag_cnt, call->fragments[d]);
	rec_uint(r, F_smb_stub_data_size, call->stub[d].len);
	rec_close(r);
}

static void write_call(struct recorder *r, const struct smb_tx *t)
{
	static const struct ntlmssp_fields logon = {F_smb_ntlmssp, F_smb_domain, F_smb_user, F_smb_host,
						    F_smb_ntlmssp_version};
	const struct dcerpc_call *call = t->call;
	bool asked = call->seen[TO_SERVER], answered = call->seen[TO_CLIENT];

	rec_open(r, F_smb_dcerpc);
	rec_text(r, F_smb_dcerpc_request,
		 asked ? dcerpc_type_name(call->request_type) : "REQUEST_LOST");
	rec_text(r, F_smb_dcerpc_response,
		 answered ? dcerpc_type_name(call->response_type) : "UNREPLIED");
	if (asked && call->request_type == DCERPC_REQUEST) {
		rec_uint(r, F_smb_opnum, call->opnum);
		write_part(r, F_smb_req, call, TO_SERVER);
		if (call->has_interface) {
			rec_open(r, F_smb_interfaces);
			write_interface(r, &call->interface);
			rec_close(r);
		}
	}
	if (t->interface_count) {
		rec_open(r, F_smb_interfaces);
		for (uint32_t i = 0; i < t->interface_count; i++)
			write_interface(r, &t->interfaces[i]);
		rec_close(r);
	}
	if (answered && call->response_type == DCERPC_RESPONSE)
		write_part(r, F_smb_res, call, TO_CLIENT);
	rec_uint(r, F_smb_call_id, call->call_id);
	dcerpc_logon_record(r, &logon, call);
	rec_close(r);
}

static void write_rename(struct recorder *r, const struct smb_tx *t)
{
	if (t->head.version == 2) {
		rec_open(r, F_smb_set_info);
		rec_text(r, F_smb_class, "FILE_INFO");
		rec_text(r, F_smb_info_level, "SMB2_FILE_RENAME_INFO");
		rec_close(r);
	}
	rec_open(r, F_smb_rename);
	write_text(r, F_smb_from, t->name);
	write_text(r, F_smb_to, t->name2);
	rec_close(r);
	write_guid(r, F_smb_fuid, t->fid);
}

static void write_set_info(struct recorder *r, const struct smb_tx *t)
{
	char text[24];

	if (t->name.len)
		write_text(r, F_smb_filename, t->name);
	else
		rec_text(r, F_smb_filename, "<share_root>");
	rec_text(r, F_smb_access, t->delete_on_close ? "delete on close" : "normal");
	if (t->head.version == 1) {
		rec_text(r, F_smb_subcmd, t->subcommand == 6 ? "SET_PATH_INFO" : "SET_FILE_INFO");
		put_uint(put_text(put_to(text, sizeof(text)), "unknown-"), t->level);
		rec_text(r, F_smb_level_of_interest,
			 t->level == 1013 ? "Set Disposition Information" : text);
	}
	write_guid(r, F_smb_fuid, t->fid);
}

static void write_kind(struct recorder *r, const struct smb_state *s, const struct smb_tx *t)
{
	char text[16];

	switch (t->kind) {
	case SMB_NEGOTIATE:
		if (t->negotiate)
			write_negotiate(r, s, t);
		break;
	case SMB_SESSION:
		if (t->session)
			write_session(r, t->session);
		break;
	case SMB_TREE:
		write_tree(r, t);
		break;
	case SMB_CREATE:
		if (t->create)
			write_create(r, t);
		break;
	case SMB_FILE:
		write_text(r, F_smb_filename, t->name);
		write_text(r, F_smb_share, t->name2);
		write_guid(r, F_smb_fuid, t->fid);
		break;
	case SMB_RENAME:
		write_rename(r, t);
		break;
	case SMB_SET_INFO:
		write_set_info(r, t);
		break;
	case SMB_IOCTL:
		rec_text(r, F_smb_function, smb_function_name(t->function, text));
		break;
	case SMB_CALL:
		write_call(r, t);
		break;
	}
}

static void write_tx(struct recorder *r, const struct smb_state *s, const struct smb_tx *t)
{
	char scratch[16], text[48];

	rec_open(r, F_smb_smb);
	rec_uint(r, F_smb_id, t->tx.id + 1);
	if (s->dialect)
		rec_text(r, F_smb_dialect, smb2_dialect_name(s->dialect, text));
	else if (s->dialect1.len)
		write_text(r, F_smb_dialect, s->dialect1);
	else
		rec_text(r, F_smb_dialect, "unknown");
	if (t->head.version == 1)
		put_text(put_text(put_to(text, sizeof(text)), "SMB1_COMMAND_"),
			 smb1_command_name(t->head.command, scratch));
	else
		put_text(put_text(put_to(text, sizeof(text)), "SMB2_COMMAND_"),
			 smb2_command_name(t->head.command, scratch));
	rec_text(r, F_smb_command, text);
	if (t->answered)
		write_status(r, &t->head);
	rec_uint(r, F_smb_session_id, t->head.session);
	rec_uint(r, F_smb_tree_id, t->head.tree);
	write_kind(r, s, t);
	rec_close(r);
}

/* Is the kind of record wanted (eve.types.smb.types)? */
static bool wanted(const struct worker *w, const struct smb_tx *t)
{
	static const char *const names[] = {
		[SMB_GENERIC] = "generic",       [SMB_NEGOTIATE] = "negotiate",
		[SMB_SESSION] = "session_setup", [SMB_TREE] = "tree_connect",
		[SMB_CREATE] = "create",         [SMB_FILE] = "file",
		[SMB_RENAME] = "rename",         [SMB_SET_INFO] = "set_file_path_info",
		[SMB_IOCTL] = "ioctl",           [SMB_CALL] = "dcerpc",
	};
	const char *types = w->config ? config_map_get(&w->config->eve_types, "smb.types") : NULL;
	size_t n = strlen(names[t->kind]);

	for (const char *at = types; at && *at; at += strcspn(at, "[], ")) {
		at += strspn(at, "[], ");
		if (strcspn(at, "[], ") == n && strncmp(at, names[t->kind], n) == 0)
			return true;
	}
	return !types;
}

void smb_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!wanted(w, smb_of(tx)))
		return;
	r = emit_flow(w, RECORD_smb, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	write_tx(r, f->app->state, smb_of(tx));
	emit_end(w);
}

void smb_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_tx(r, f->app->state, smb_of(tx));
}
