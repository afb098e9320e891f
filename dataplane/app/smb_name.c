/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB: names of commands, dialects, functions and status codes as records print them. Any thread.
 */
#include "dataplane/app/smb.h"
#include "dataplane/base/put.h"

#include <stdio.h>

struct name {
	uint32_t code;
	const char *text;
};

static const char *name_find(const struct name *names, size_t count, uint32_t code)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].code == code)
			return names[i].text;
	return NULL;
}

#define FIND(names, code) name_find(names, sizeof(names) / sizeof(*(names)), code)

const char *smb_status_name(uint32_t status)
{
	static const struct name names[] = {
#define STATUS(code, text) {code, text},
#include "dataplane/app/smb_status.def"
#undef STATUS
	};

	return FIND(names, status);
}

/* MS-CIFS, 2.2.2.4 */
const char *smb_dos_name(unsigned class, unsigned code)
{
	static const struct name dos[] = {
		{1, "DOS_BADFUNC"},     {2, "DOS_BADFILE"},      {3, "DOS_BADPATH"},
		{4, "DOS_TOOMANYOPENFILES"}, {5, "DOS_ACCESSDENIED"}, {6, "DOS_INVALIDFID"},
		{8, "DOS_NOMEMORY"},    {13, "DOS_INVALIDDATA"}, {16, "DOS_REMOVECURRENTDIR"},
		{18, "DOS_NOMOREFILES"}, {32, "DOS_BADSHARE"},   {33, "DOS_LOCKCONFLICT"},
		{50, "DOS_NOTSUPPORTED"}, {80, "DOS_FILEEXISTS"}, {87, "DOS_INVALIDPARAMETER"},
		{110, "DOS_OPENFAILED"}, {123, "DOS_INVALIDNAME"},
	};
	static const struct name server[] = {
		{1, "SRV_ERROR"},       {2, "SRV_BADPASSWORD"},  {4, "SRV_ACCESSDENIED"},
		{5, "SRV_BADTID"},      {6, "SRV_BADNETNAME"},   {7, "SRV_BADDEVICE"},
		{22, "SRV_BADSMB"},     {64, "SRV_BADCOMMAND"},  {90, "SRV_TOOMANYUIDS"},
		{91, "SRV_BADUID"},     {250, "SRV_USEMPX"},     {251, "SRV_USESTD"},
		{65535, "SRV_NOSUPPORT"},
	};

	if (class == 1)
		return FIND(dos, code);
	return class == 2 ? FIND(server, code) : NULL;
}

const char *smb1_command_name(unsigned command, char *scratch)
{
	static const struct name names[] = {
		{0x00, "CREATE_DIRECTORY"}, {0x01, "DELETE_DIRECTORY"}, {0x02, "OPEN"},
		{0x03, "CREATE"}, {0x04, "CLOSE"}, {0x05, "FLUSH"}, {0x06, "DELETE"},
		{0x07, "RENAME"}, {0x08, "QUERY_INFORMATION"}, {0x09, "SET_INFORMATION"},
		{0x0a, "READ"}, {0x0b, "WRITE"}, {0x0c, "LOCK_BYTE_RANGE"},
		{0x0d, "UNLOCK_BYTE_RANGE"}, {0x0e, "CREATE_TEMPORARY"}, {0x0f, "CREATE_NEW"},
		{0x10, "CHECK_DIRECTORY"}, {0x11, "PROCESS_EXIT"}, {0x12, "SEEK"},
		{0x13, "LOCK_AND_READ"}, {0x14, "WRITE_AND_UNLOCK"}, {0x1a, "READ_RAW"},
		{0x1d, "WRITE_RAW"}, {0x22, "SET_INFORMATION2"}, {0x23, "QUERY_INFORMATION2"},
		{0x24, "LOCKING_ANDX"}, {0x25, "TRANS"}, {0x26, "TRANS_SECONDARY"},
		{0x27, "IOCTL"}, {0x2b, "ECHO"}, {0x2c, "WRITE_AND_CLOSE"},
		{0x2d, "OPEN_ANDX"}, {0x2e, "READ_ANDX"}, {0x2f, "WRITE_ANDX"},
		{0x32, "TRANS2"}, {0x33, "TRANS2_SECONDARY"}, {0x34, "FIND_CLOSE2"},
		{0x70, "TREE_CONNECT"}, {0x71, "TREE_DISCONNECT"}, {0x72, "NEGOTIATE_PROTOCOL"},
		{0x73, "SESSION_SETUP_ANDX"}, {0x74, "LOGOFF_ANDX"},
		{0x75, "TREE_CONNECT_ANDX"}, {0x80, "QUERY_INFO_DISK"}, {0x81, "SEARCH"},
		{0xa0, "NT_TRANS"}, {0xa1, "NT_TRANS_SECONDARY"}, {0xa2, "NT_CREATE_ANDX"},
		{0xa4, "NT_CANCEL"}, {0xa5, "NT_RENAME"}, {0xc0, "OPEN_PRINT_FILE"},
	};
	const char *name = FIND(names, command);

	if (!name) {
		put_hex(put_text(put_to(scratch, 16), "UNKNOWN_"), command & 0xff, 2);
		name = scratch;
	}
	return name;
}

const char *smb2_command_name(unsigned command, char *scratch)
{
	static const char *const names[] = {
		"NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT",
		"TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK", "IOCTL",
		"CANCEL", "KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO", "SET_INFO",
		"OPLOCK_BREAK",
	};

	if (command < sizeof(names) / sizeof(*names))
		return names[command];
	put_hex(put_text(put_to(scratch, 16), "UNKNOWN_"), command & 0xffff, 4);
	return scratch;
}

const char *smb2_dialect_name(unsigned dialect, char *scratch)
{
	if (dialect == 0x2ff)
		return "2.??";
	if ((dialect >> 8) >= 2 && (dialect >> 8) <= 3)
		put_hex(put_char(put_uint(put_to(scratch, 16), dialect >> 8), '.'), dialect & 0xff, 2);
	else
		put_char(put_hex(put_char(put_to(scratch, 16), '('), dialect & 0xffff, 4), ')');
	return scratch;
}

/* MS-FSCC, 2.3 */
const char *smb_function_name(uint32_t function, char *scratch)
{
	static const struct name names[] = {
		{0x00060194, "FSCTL_DFS_GET_REFERRALS"},
		{0x000601b0, "FSCTL_DFS_GET_REFERRALS_EX"},
		{0x0009009c, "FSCTL_GET_OBJECT_ID"},
		{0x000900a4, "FSCTL_SET_REPARSE_POINT"},
		{0x000900a8, "FSCTL_GET_REPARSE_POINT"},
		{0x000900c0, "FSCTL_CREATE_OR_GET_OBJECT_ID"},
		{0x00098208, "FSCTL_FILE_LEVEL_TRIM"},
		{0x0011400c, "FSCTL_PIPE_PEEK"},
		{0x00110018, "FSCTL_PIPE_WAIT"},
		{0x0011c017, "FSCTL_PIPE_TRANSCEIVE"},
		{0x00140078, "FSCTL_SRV_REQUEST_RESUME_KEY"},
		{0x00144064, "FSCTL_SRV_ENUMERATE_SNAPSHOTS"},
		{0x001440f2, "FSCTL_SRV_COPYCHUNK"},
		{0x001480f2, "FSCTL_SRV_COPYCHUNK_WRITE"},
		{0x001441bb, "FSCTL_SRV_READ_HASH"},
		{0x001401d4, "FSCTL_LMR_REQUEST_RESILIENCY"},
		{0x001401fc, "FSCTL_QUERY_NETWORK_INTERFACE_INFO"},
		{0x00140204, "FSCTL_VALIDATE_NEGOTIATE_INFO"},
	};
	const char *name = FIND(names, function);

	if (!name) {
		put_hex(put_to(scratch, 16), function, 1);
		name = scratch;
	}
	return name;
}
