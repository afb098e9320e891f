/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/smb*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/smb.h"
#include "tests/unit/app/harness.h"

#define FID "4d00000000000000 05000000ffffffff"
#define ZEROS8 "0000000000000000"
#define ZEROS16 ZEROS8 ZEROS8
#define SUCCESS 0u

static void send_hex(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

/* A message of SMB 2: header and body, without the NetBIOS header. Returns hex. */
static const char *smb2(enum direction d, unsigned command, unsigned message, unsigned status,
			const char *body)
{
	static char text[4][70000];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(text[at], sizeof(text[at]),
		 "fe534d42 4000 0000 %02x%02x%02x%02x %02x00 0100 %02x000000 00000000 %02x%02x000000000000"
		 "00000000 01000000 1100000000000000 " ZEROS16 "%s",
		 status & 0xff, status >> 8 & 0xff, status >> 16 & 0xff, status >> 24, command,
		 d == TO_CLIENT, message & 0xff, message >> 8, body);
	return text[at];
}

/* A record: NetBIOS header and message. The caller frees. */
static uint8_t *record(const char *hex, size_t *len)
{
	size_t n;
	uint8_t *message = unhex(hex, &n), *out = malloc(n + 4);

	out[0] = 0;
	out[1] = (uint8_t)(n >> 16);
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
	memcpy(out + 4, message, n);
	free(message);
	*len = n + 4;
	return out;
}

static void say(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = record(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

static void say_open(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = record(hex, &len);

	harness_tcp_open(h, d, data, len);
	free(data);
}

#define NEGOTIATE_BODY                                                                             \
	"2400 0200 0100 0000 00000000 00112233445566778899aabbccddeeff 0000000000000000 0202 1002"
#define NEGOTIATED_BODY                                                                            \
	"4100 0100 1002 0000 " ZEROS16 "00000000 00001000 00001000 00001000 " ZEROS16 "80000000 00000000"
/* \\s\data, \\s\IPC$ */
#define TREE_BODY "0900 0000 4800 1000 5c005c0073005c006400610074006100"
#define PIPES_BODY "0900 0000 4800 1000 5c005c0073005c004900500043002400"
#define TREE_OK(type) "1000 " type "00 00000000 00000000 ff011f00"
/* a.exe */
#define CREATE_BODY                                                                                \
	"3900 0000 02000000 " ZEROS16 "89001200 80000000 07000000 01000000 40000000 7800 0a00"     \
	"00000000 00000000 61002e00650078006500"
#define CREATED_BODY                                                                               \
	"5900 0000 01000000 00803ed5deb19d01 00803ed5deb19d01 00803ed5deb19d01 00803ed5deb19d01"   \
	ZEROS8 "0800000000000000 20000000 00000000" FID "00000000 00000000"
#define CLOSE_BODY "1800 0000 00000000" FID
#define READ_BODY(len, offset) "3100 5000 " len offset FID "00000000 00000000 00000000 00000000"
#define READ_OK(len, data) "1100 5000 " len "00000000 00000000" data
#define WRITE_BODY(len, offset, data)                                                              \
	"3100 7000 " len offset FID "00000000 00000000 00000000 00000000" data

static struct harness *opened(void)
{
	struct harness *h = harness_new(6, 445, NULL);

	say(h, TO_SERVER, smb2(TO_SERVER, 0, 1, SUCCESS, NEGOTIATE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 0, 1, SUCCESS, NEGOTIATED_BODY));
	say(h, TO_SERVER, smb2(TO_SERVER, 3, 2, SUCCESS, TREE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 3, 2, SUCCESS, TREE_OK("01")));
	say(h, TO_SERVER, smb2(TO_SERVER, 5, 3, SUCCESS, CREATE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 5, 3, SUCCESS, CREATED_BODY));
	return h;
}

static void closed(struct harness *h)
{
	say(h, TO_SERVER, smb2(TO_SERVER, 6, 99, SUCCESS, CLOSE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 6, 99, SUCCESS, "3c00 0000 00000000"));
}

/* What records say of the commands before a file is read. */
static void session(void **state)
{
	struct harness *h = opened();

	(void)state;
	assert_int_equal(h->flow.app_proto, APP_smb);
	assert_non_null(strstr(h->out,
			       "\"smb\":{\"id\":1,\"dialect\":\"2.10\",\"command\":"
			       "\"SMB2_COMMAND_NEGOTIATE_PROTOCOL\",\"status\":\"STATUS_SUCCESS\","
			       "\"status_code\":\"0x0\",\"session_id\":17,\"tree_id\":1,"
			       "\"client_dialects\":[\"2.02\",\"2.10\"]"));
	assert_non_null(strstr(h->out, "\"share\":\"\\u005c\\u005cs\\u005cdata\",\"share_type\":\"FILE\""));
	assert_non_null(strstr(h->out, "\"filename\":\"a.exe\",\"disposition\":\"FILE_OPEN\","
				       "\"access\":\"normal\""));
	assert_non_null(strstr(h->out, "\"fuid\":\"0000004d-0000-0000-0005-0000ffffffff\""));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* Data that come out of order are one file, whose transaction is the read's. */
static void reads(void **state)
{
	struct harness *h = opened();

	(void)state;
	say(h, TO_SERVER, smb2(TO_SERVER, 8, 4, SUCCESS, READ_BODY("04000000", "0000000000000000")));
	say(h, TO_SERVER, smb2(TO_SERVER, 8, 5, SUCCESS, READ_BODY("04000000", "0400000000000000")));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 8, 5, SUCCESS, READ_OK("04000000", "45464748")));
	say_open(h, TO_CLIENT, smb2(TO_CLIENT, 8, 4, SUCCESS, READ_OK("04000000", "41424344")));
	assert_string_equal(harness_text(h, TO_CLIENT, "file.name", 0), "a.exe");
	assert_int_equal(h->flow.app->last->files[TO_CLIENT]->size, 8);
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1); /* as large as it is */
	closed(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1);
	assert_int_equal(harness_count(h, "\"state\":\"CLOSED\""), 1);
	assert_int_equal(harness_count(h, "\"command\":\"SMB2_COMMAND_READ\""), 2);
	assert_non_null(strstr(h->out, "\"filename\":\"a.exe\",\"share\":\"\\u005c\\u005cs\\u005cdata\""));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* A write of 2,000 bytes in segments of any size gives the file as it comes. */
static void writes(void **state)
{
	static const size_t steps[] = {1, 7, 300, 4096};
	char *hex = malloc(8192);
	size_t len, n;

	(void)state;
	n = (size_t)snprintf(hex, 8192, "%s",
			     WRITE_BODY("d0070000", "0000000000000000", ""));
	for (unsigned i = 0; i < 2000; i++)
		n += (size_t)snprintf(hex + n, 8192 - n, "%02x", i & 0xff);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct harness *h = opened();
		uint8_t *data = record(smb2(TO_SERVER, 9, 4, SUCCESS, hex), &len);

		harness_tcp_steps(h, TO_SERVER, data, len, steps[i]);
		assert_int_equal(h->flow.app->last->files[TO_SERVER]->size, 2000);
		closed(h);
		assert_int_equal(harness_count(h, "\"state\":\"CLOSED\",\"stored\":false,\"size\":2000"), 1);
		free(data);
		harness_free(h);
	}
	free(hex);
}

/* A hole within the data is one of the file; one beyond it costs the next record at most. */
static void holes(void **state)
{
	struct harness *h = opened();
	size_t len;
	char hex[4096];
	uint8_t *data;

	(void)state;
	snprintf(hex, sizeof(hex), "%s%0800d", WRITE_BODY("90010000", "0000000000000000", ""), 0);
	data = record(smb2(TO_SERVER, 9, 4, SUCCESS, hex), &len);
	harness_tcp(h, TO_SERVER, data, len - 100);
	harness_gap(h, TO_SERVER, 50);
	harness_tcp(h, TO_SERVER, data + len - 50, 50);
	free(data);
	closed(h);
	assert_int_equal(harness_count(h, "\"gaps\":true,\"state\":\"TRUNCATED\""), 1);
	harness_clear(h);
	harness_gap(h, TO_SERVER, 1000);
	send_hex(h, TO_SERVER, "00112233445566");
	say(h, TO_SERVER, smb2(TO_SERVER, 2, 7, SUCCESS, "0400 0000"));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 2, 7, SUCCESS, "0400 0000"));
	assert_int_equal(harness_count(h, "SMB2_COMMAND_SESSION_LOGOFF"), 1);
	harness_free(h);
}

#define BIND                                                                                       \
	"05000b0310000000 4800 0000 02000000 b810b810 00000000 01000000 0000 01 00"               \
	"81bb7a364498f135ad3298f038001003 0200 0000 045d888aeb1cc9119fe808002b104860 02000000"
#define BIND_ACK                                                                                   \
	"05000c0310000000 3c00 0000 02000000 b810b810 00000000 0300 313000 000000 01000000"        \
	"0000 0000 045d888aeb1cc9119fe808002b104860 02000000"
#define CALL "0500000310000000 1c00 0000 03000000 04000000 0000 0f00 41424344"
#define REPLY "0500020310000000 1c00 0000 03000000 04000000 0000 0000 45464748"
#define IOCTL_BODY                                                                                 \
	"3900 0000 17c01100 " FID "78000000 1c000000 00000000 00000000 00000000 00040000 01000000" \
	"00000000" CALL
#define IOCTL_OK                                                                                   \
	"3100 0000 17c01100 " FID "70000000 00000000 70000000 1c000000 00000000 00000000" REPLY

/* A call through a pipe: bind by write and read, the call by an ioctl. */
static void pipe_calls(void **state)
{
	struct harness *h = opened();
	const struct dcerpc_call *call;

	(void)state;
	closed(h);
	say_open(h, TO_SERVER, smb2(TO_SERVER, 3, 4, SUCCESS, PIPES_BODY));
	/* what a share is, the server says */
	assert_string_equal(harness_text(h, TO_SERVER, "smb.share", 0), "\\\\s\\IPC$");
	assert_null(harness_text(h, TO_SERVER, "smb.named_pipe", 0));
	say_open(h, TO_CLIENT, smb2(TO_CLIENT, 3, 4, SUCCESS, TREE_OK("02")));
	assert_string_equal(harness_text(h, TO_SERVER, "smb.named_pipe", 0), "\\\\s\\IPC$");
	assert_null(harness_text(h, TO_SERVER, "smb.share", 0));
	harness_done(h);
	say(h, TO_SERVER, smb2(TO_SERVER, 5, 5, SUCCESS, CREATE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 5, 5, SUCCESS, CREATED_BODY));
	say(h, TO_SERVER, smb2(TO_SERVER, 9, 6, SUCCESS, WRITE_BODY("48000000", ZEROS8, BIND)));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 9, 6, SUCCESS, "1100 0000 48000000 00000000 0000 0000"));
	say(h, TO_SERVER, smb2(TO_SERVER, 8, 7, SUCCESS, READ_BODY("00040000", ZEROS8)));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 8, 7, SUCCESS, READ_OK("3c000000", BIND_ACK)));
	assert_non_null(strstr(h->out,
			       "\"dcerpc\":{\"request\":\"BIND\",\"response\":\"BINDACK\",\"interfaces\":"
			       "[{\"uuid\":\"367abb81-9844-35f1-ad32-98f038001003\",\"version\":\"2.0\","
			       "\"ack_result\":0,\"ack_reason\":0}],\"call_id\":2}"));
	say_open(h, TO_SERVER, smb2(TO_SERVER, 11, 8, SUCCESS, IOCTL_BODY));
	assert_string_equal(harness_text(h, TO_SERVER, "dcerpc.stub_data", 0), "ABCD");
	call = h->flow.app->proto->call(h->flow.app->last);
	assert_int_equal(call->opnum, 15);
	assert_true(call->has_interface);
	harness_done(h);
	say_open(h, TO_CLIENT, smb2(TO_CLIENT, 11, 8, SUCCESS, IOCTL_OK));
	assert_string_equal(harness_text(h, TO_CLIENT, "dcerpc.stub_data", 0), "EFGH");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"command\":\"SMB2_COMMAND_IOCTL\",\"status\":\"STATUS_SUCCESS\""));
	assert_non_null(strstr(h->out, "\"opnum\":15,\"req\":{\"frag_cnt\":1,\"stub_data_size\":4}"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* What is written to a pipe and is no call is a transaction with an event. */
static void pipe_odd(void **state)
{
	struct harness *h = opened();

	(void)state;
	closed(h);
	say(h, TO_SERVER, smb2(TO_SERVER, 3, 4, SUCCESS, PIPES_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 3, 4, SUCCESS, TREE_OK("02")));
	say(h, TO_SERVER, smb2(TO_SERVER, 5, 5, SUCCESS, CREATE_BODY));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 5, 5, SUCCESS, CREATED_BODY));
	harness_clear(h);
	say(h, TO_SERVER, smb2(TO_SERVER, 9, 6, SUCCESS,
			       WRITE_BODY("14000000", ZEROS8, "4141414141414141414141414141414141414141")));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 9, 6, SUCCESS, "1100 0000 14000000 00000000 0000 0000"));
	assert_int_equal(harness_count(h, "malformed_data"), 1);
	assert_int_equal(harness_count(h, "SMB2_COMMAND_WRITE"), 1);
	harness_free(h);
}

#define NTLMSSP                                                                                    \
	"4e544c4d53535000 03000000 0000000000000000 0000000000000000 0200020048000000"             \
	"060006004a000000 0400040050000000 0000000000000000 010000020a00614a0000000f"              \
	"4400 620061006200 70006300"

/* Who logs on. */
static void ntlm(void **state)
{
	struct harness *h = harness_new(6, 445, NULL);

	(void)state;
	say_open(h, TO_SERVER,
		 smb2(TO_SERVER, 1, 1, SUCCESS, "1900 0001 00000000 00000000 5800 5400 " ZEROS8 NTLMSSP));
	assert_string_equal(harness_text(h, TO_SERVER, "smb.ntlmssp_user", 0), "bab");
	assert_string_equal(harness_text(h, TO_SERVER, "smb.ntlmssp_domain", 0), "D");
	harness_done(h);
	say(h, TO_CLIENT, smb2(TO_CLIENT, 1, 1, 0xc000006d, "0900 0000 0000 0000"));
	assert_non_null(strstr(h->out, "\"status\":\"STATUS_LOGON_FAILURE\",\"status_code\":\"0xc000006d\""));
	assert_non_null(strstr(h->out, "\"ntlmssp\":{\"domain\":\"D\",\"user\":\"bab\",\"host\":\"pc\","
				       "\"version\":\"10.0 build 19041 rev 15\"}"));
	harness_free(h);
}

/* SMB 1: NetBIOS header, header, words and bytes. */
#define SMB1(command, flags, rest)                                                                 \
	"ff534d42 " command "00000000 " flags "01c8 0000 0000000000000000 0000 0100 feff 0008 0100"\
	rest
#define SMB1_NEGOTIATE SMB1("72", "18", "00 0c00 02 4e54204c4d20302e313200")
#define SMB1_NEGOTIATED SMB1("72", "98", "01 0000 0000")
/* \\s\c$, unicode */
#define SMB1_TREE                                                                                  \
	SMB1("75", "18", "04 ff000000 0000 0100 1500 00 5c005c0073005c0063002400 0000 3f3f3f3f3f00")
#define SMB1_TREE_OK SMB1("75", "98", "03 ff000000 0100 0300 413a00")
/* \e */
#define SMB1_CREATE                                                                                \
	SMB1("a2", "18", "18 ff000000 00 0400 16000000 00000000 89001200" ZEROS8                   \
	     "80000000 07000000 01000000 40000000 02000000 03 0700 00 5c0065000000")
#define SMB1_CREATED                                                                               \
	SMB1("a2", "98", "22 ff000000 00 0040 01000000" ZEROS16 ZEROS16                            \
	     "80000000" ZEROS8 "0400000000000000" "0000 0000 00 0000")
#define SMB1_READ                                                                                  \
	SMB1("2e", "18", "0c ff000000 0040 00000000 0400 0400 00000000 0400 00000000 0000")
#define SMB1_READ_OK                                                                               \
	SMB1("2e", "98", "0c ff000000 0000 0000 0000 0400 3c00 0000 00000000 0000 0000 0500 00 41424344")
#define SMB1_CLOSE SMB1("04", "18", "03 0040 ffffffff 0000")
#define SMB1_CLOSED SMB1("04", "98", "00 0000")

static void smb1(void **state)
{
	struct harness *h = harness_new(6, 139, NULL);

	(void)state;
	send_hex(h, TO_SERVER, "81000004 00000000"); /* a NetBIOS session first */
	send_hex(h, TO_CLIENT, "82000000");
	say(h, TO_SERVER, SMB1_NEGOTIATE);
	say(h, TO_CLIENT, SMB1_NEGOTIATED);
	assert_int_equal(h->flow.app_proto, APP_smb);
	say(h, TO_SERVER, SMB1_TREE);
	say(h, TO_CLIENT, SMB1_TREE_OK);
	assert_non_null(strstr(h->out, "\"dialect\":\"NT LM 0.12\",\"command\":"
				       "\"SMB1_COMMAND_TREE_CONNECT_ANDX\""));
	assert_non_null(strstr(h->out, "\"share\":\"\\u005c\\u005cs\\u005cc$\",\"service\":{\"request\":"
				       "\"?????\",\"response\":\"A:\"}"));
	say(h, TO_SERVER, SMB1_CREATE);
	say(h, TO_CLIENT, SMB1_CREATED);
	say(h, TO_SERVER, SMB1_READ);
	say(h, TO_CLIENT, SMB1_READ_OK);
	say(h, TO_SERVER, SMB1_CLOSE);
	say(h, TO_CLIENT, SMB1_CLOSED);
	assert_int_equal(harness_count(h, "\"fileinfo\":{\"filename\":\"\\u005ce\",\"gaps\":false,"
					  "\"state\":\"CLOSED\",\"stored\":false,\"size\":4"), 1);
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* What is too long is skipped; what follows is read. */
static void too_long(void **state)
{
	struct harness *h = opened();
	uint8_t *zeros = calloc(1, 1 << 20);

	(void)state;
	harness_clear(h);
	send_hex(h, TO_SERVER, "00100000 fe534d42 4000 0000 00000000 1000 0000");
	harness_tcp(h, TO_SERVER, zeros, (1 << 20) - 16);
	say(h, TO_SERVER, smb2(TO_SERVER, 2, 7, SUCCESS, "0400 0000"));
	say(h, TO_CLIENT, smb2(TO_CLIENT, 2, 7, SUCCESS, "0400 0000"));
	assert_int_equal(harness_count(h, "SMB2_COMMAND_SESSION_LOGOFF"), 1);
	free(zeros);
	harness_free(h);
}

/* Where responses are not seen requests pile up: at the limit that is said once and parsing ends. */
static void unanswered(void **state)
{
	struct harness *h = opened();

	(void)state;
	harness_clear(h);
	for (unsigned i = 0; i < SMB_TRANSACTIONS_MAX; i++)
		say(h, TO_SERVER, smb2(TO_SERVER, 14, 100 + i, SUCCESS, "2100 0000"));
	assert_int_equal(harness_count(h, "too_many_transactions"), 0);
	assert_int_equal(h->flow.app->live, SMB_TRANSACTIONS_MAX);
	say(h, TO_SERVER, smb2(TO_SERVER, 14, 100 + SMB_TRANSACTIONS_MAX, SUCCESS, "2100 0000"));
	assert_int_equal(harness_count(h, "too_many_transactions"), 1);
	assert_true(h->flow.flags & FLOW_NO_APP);
	harness_free(h);
}

static void other_protocols(void **state)
{
	static const char *const others[] = {
		"474554202f20485454502f312e310d0a0d0a", "00000010ff534d43000000000000",
		"16030100ff0100", "000000100000000000000000", "8100ffff00000000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct harness *h = harness_new(6, 445, NULL);

		send_hex(h, TO_SERVER, others[i]);
		assert_int_not_equal(h->flow.app_proto, APP_smb);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session),  cmocka_unit_test(reads),
		cmocka_unit_test(writes),   cmocka_unit_test(holes),
		cmocka_unit_test(ntlm),     cmocka_unit_test(pipe_calls),
		cmocka_unit_test(smb1),     cmocka_unit_test(too_long),
		cmocka_unit_test(pipe_odd),
		cmocka_unit_test(unanswered), cmocka_unit_test(other_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
