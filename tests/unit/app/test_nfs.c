/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/nfs*.c, chunks.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/nfs.h"
#include "tests/unit/app/harness.h"

#define CREDENTIALS "00000001 00000018 00000001 00000002 70630000 000003e8 00000064 00000000 00000000 00000000"
#define CALL(xid, version, procedure) xid "00000000 00000002 000186a3" version procedure CREDENTIALS
#define REPLY(xid) xid "00000001 00000000 00000000 00000000 00000000"
#define HANDLE(last) "00000004 010203" last

static size_t record(uint8_t *out, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	out[0] = 0x80;
	out[1] = 0;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	memcpy(out + 4, data, len);
	free(data);
	return len + 4;
}

static void send(struct harness *h, enum direction d, const char *hex)
{
	uint8_t data[4096];
	size_t len = record(data, hex);

	if (h->flow.ip_proto == 17)
		harness_udp(h, d, data + 4, len - 4);
	else
		harness_tcp(h, d, data, len);
}

static void names(void **state)
{
	struct harness *h = harness_new(6, 2000, NULL);

	(void)state;
	send(h, TO_SERVER, CALL("00000001", "00000003", "00000003") HANDLE("04") "00000001 61000000");
	assert_int_equal(h->flow.app_proto, APP_nfs);
	send(h, TO_CLIENT, REPLY("00000001") "00000000" HANDLE("05") "00000000 00000000");
	assert_non_null(strstr(h->out,
			       "\"rpc\":{\"xid\":1,\"status\":\"ACCEPTED\",\"auth_type\":\"UNIX\",\"creds\":"
			       "{\"machine_name\":\"pc\",\"uid\":1000,\"gid\":100}},\"nfs\":{\"version\":3,"
			       "\"procedure\":\"LOOKUP\",\"filename\":\"a\",\"hhash\":"));
	assert_non_null(strstr(h->out, "\"id\":1,\"file_tx\":false,\"type\":\"response\",\"status\":\"OK\"}"));
	harness_clear(h);
	send(h, TO_SERVER, CALL("00000002", "00000003", "0000000e") HANDLE("04") "00000001 61000000" HANDLE("04") "00000002 62620000");
	send(h, TO_CLIENT, REPLY("00000002") "0000000d 00000000 00000000 00000000 00000000");
	assert_non_null(strstr(h->out, "\"status\":\"ERR_ACCES\",\"rename\":{\"from\":\"a\",\"to\":\"bb\"}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* The handle has its name from a list; two reads, the second one answered first; the data comes in steps. */
static void reads_file(void **state)
{
	struct harness *h = harness_new(6, 2049, NULL);
	uint8_t data[1024];
	size_t len;

	(void)state;
	send(h, TO_SERVER, CALL("00000001", "00000003", "00000011") HANDLE("04") "0000000000000000 0000000000000000 00000100 00001000");
	send(h, TO_CLIENT, REPLY("00000001") "00000000 00000000 0000000000000000"
			   "00000001 0000000000000001 00000003 6f6e6500 0000000000000001 00000000 00000001" HANDLE("07")
			   "00000000 00000001");
	send(h, TO_SERVER, CALL("00000002", "00000003", "00000006") HANDLE("07") "0000000000000000 00000005");
	send(h, TO_SERVER, CALL("00000003", "00000003", "00000006") HANDLE("07") "0000000000000005 00000005");
	harness_clear(h);
	send(h, TO_CLIENT, REPLY("00000003") "00000000 00000000 00000003 00000000 00000003 66676800");
	assert_int_equal(harness_count(h, "fileinfo"), 0);
	len = record(data, REPLY("00000002") "00000000 00000000 00000005 00000000 00000005 6162636465000000");
	harness_tcp_steps(h, TO_CLIENT, data, len, 3);
	send(h, TO_SERVER, CALL("00000004", "00000003", "00000006") HANDLE("07") "0000000000000008 00000005");
	send(h, TO_CLIENT, REPLY("00000004") "00000000 00000000 00000001 00000001 00000001 69000000");
	assert_non_null(strstr(h->out, "\"procedure\":\"READ\",\"filename\":\"one\""));
	assert_non_null(strstr(h->out, "\"read\":{\"first\":true,\"last\":true,\"last_xid\":4,\"chunks\":2}"));
	assert_non_null(strstr(h->out, "\"fileinfo\":{\"filename\":\"one\",\"gaps\":false,\"state\":\"CLOSED\""));
	assert_non_null(strstr(h->out, "\"size\":9,"));
	harness_free(h);
}

/* Records in fragments of any size, the empty one too, in segments of any size. */
static void fragments(void **state)
{
	uint8_t whole[512], data[4096];
	size_t len = record(whole, CALL("00000001", "00000003", "00000003") HANDLE("04") "00000001 61000000");

	(void)state;
	for (size_t part = 1; part < len; part = part * 2 + 1) {
		for (size_t step = 1; step < 64; step = step * 5 + 1) {
			struct harness *h = harness_new(6, 2049, NULL);
			size_t n = 0;

			for (size_t at = 4; at < len; at += part) {
				size_t bytes = len - at < part ? len - at : part;

				memcpy(data + n, (uint8_t[]){0, 0, 0, 0, 0, 0, 0, (uint8_t)bytes}, 8);
				data[n + 4] = at + bytes == len ? 0x80 : 0;
				memcpy(data + n + 8, whole + at, bytes);
				n += 8 + bytes;
			}
			harness_tcp_steps(h, TO_SERVER, data, n, step);
			assert_int_equal(h->flow.app_proto, APP_nfs);
			send(h, TO_CLIENT, REPLY("00000001") "00000000" HANDLE("05") "00000000 00000000");
			assert_int_equal(harness_count(h, "\"procedure\":\"LOOKUP\",\"filename\":\"a\""), 1);
			assert_int_equal(harness_count(h, "anomaly"), 0);
			harness_gap(h, TO_SERVER, 3);
			send(h, TO_SERVER, CALL("00000002", "00000003", "00000003") HANDLE("04") "00000001 62000000");
			send(h, TO_CLIENT, REPLY("00000002") "00000000" HANDLE("05") "00000000 00000000");
			assert_int_equal(harness_count(h, "\"filename\":\"b\""), 1);
			harness_free(h);
		}
	}
}

/* Larger than what is kept of a record; a part is missing. */
static void writes_file(void **state)
{
	struct harness *h = harness_new(6, 2049, NULL);
	uint8_t *data = calloc(1, 100000);
	size_t len;

	(void)state;
	assert_non_null(data);
	len = record(data, CALL("00000001", "00000003", "00000007") HANDLE("04") "0000000000000000 00011170 00000000 00011170");
	memset(data + len, 'x', 70000);
	data[0] = 0x80;
	data[1] = (uint8_t)((len - 4 + 70000) >> 16);
	data[2] = (uint8_t)((len - 4 + 70000) >> 8);
	data[3] = (uint8_t)(len - 4 + 70000);
	harness_tcp_steps(h, TO_SERVER, data, len + 50000, 1400);
	harness_gap(h, TO_SERVER, 10000);
	harness_tcp_steps(h, TO_SERVER, data + len + 60000, 10000, 1400);
	free(data);
	send(h, TO_SERVER, CALL("00000002", "00000003", "00000015") HANDLE("04") "0000000000000000 00000000");
	assert_non_null(strstr(h->out, "\"write\":{\"first\":true,\"last\":true,"));
	assert_non_null(strstr(h->out, "\"gaps\":true,\"state\":\"TRUNCATED\""));
	assert_non_null(strstr(h->out, "\"size\":70000,"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void version_4(void **state)
{
	struct harness *h = harness_new(6, 2049, NULL);

	(void)state;
	/* PUTFH, SAVEFH, OPEN of "new" with CREATE, GETFH */
	send(h, TO_SERVER, CALL("00000001", "00000004", "00000001") "00000000 00000000 00000004"
			   "00000016" HANDLE("01") "00000020"
			   "00000012 00000000 00000002 00000000 0000000000000001 00000001 61000000"
			   "00000001 00000000 00000001 00000000 00000000 00000000 00000003 6e657700 0000000a");
	send(h, TO_CLIENT, REPLY("00000001") "00000000 00000000 00000004 00000016 00000000 00000020 00000000"
			   "00000012 00000000 00000000000000000000000000000000 0000000000000000000000000000000000000000"
			   "00000000 00000000 00000000 0000000a 00000000" HANDLE("09"));
	/* PUTFH, WRITE; then CLOSE */
	send(h, TO_SERVER, CALL("00000002", "00000004", "00000001") "00000000 00000000 00000003 00000016" HANDLE("09")
			   "00000026 00000000000000000000000000000000 0000000000000000 00000000 00000003 61626300 00000009 00000000");
	harness_clear(h);
	send(h, TO_SERVER, CALL("00000003", "00000004", "00000001") "00000000 00000000 00000002 00000016" HANDLE("09")
			   "00000004 00000001 00000000000000000000000000000000");
	assert_non_null(strstr(h->out, "\"version\":4,\"procedure\":\"WRITE\",\"filename\":\"new\""));
	assert_non_null(strstr(h->out, "\"size\":3,"));
	harness_clear(h);
	send(h, TO_SERVER, CALL("00000004", "00000004", "00000001") "00000000 00000000 00000002 00000016" HANDLE("01") "0000001c 00000003 6e657700");
	send(h, TO_CLIENT, REPLY("00000004") "00000002 00000000 00000002 00000016 00000000 0000001c 00000002");
	assert_non_null(strstr(h->out, "\"procedure\":\"REMOVE\",\"filename\":\"new\",\"id\":2,\"file_tx\":false,"
				       "\"type\":\"response\",\"status\":\"ERR_NOENT\""));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* Version 4.1: opened by handle, and the server says why it delegates nothing; several reads in one compound. */
static void compounds(void **state)
{
	struct harness *h = harness_new(6, 2049, NULL);

	(void)state;
#define STATE "00000000000000000000000000000000"
	send(h, TO_SERVER, CALL("00000001", "00000004", "00000001") "00000000 00000001 00000003"
			   "00000016" HANDLE("01") "00000012 00000000 00000001 00000000 0000000000000001 00000001 61000000 00000000 00000004"
			   "0000000a");
	for (unsigned why = 0; why < 3; why++) {
		char reply[1024];

		snprintf(reply, sizeof(reply), REPLY("00000001") "00000000 00000000 00000003 00000016 00000000 00000012 00000000" STATE
			 "0000000000000000000000000000000000000000 00000000 00000000 00000003 0000000%u %s 0000000a 00000000" HANDLE("09"), why,
			 why ? "00000001" : "");
		send(h, TO_CLIENT, reply);
		send(h, TO_SERVER, CALL("00000001", "00000004", "00000001") "00000000 00000001 00000003"
			   "00000016" HANDLE("01") "00000012 00000000 00000001 00000000 0000000000000001 00000001 61000000 00000000"
			   "00000002" STATE "00000003 6e657700 0000000a");
	}
	/* PUTFH, READ from 3, READ from 0, PUTFH of another, READ; the first one's data ends the file */
	send(h, TO_SERVER, CALL("00000002", "00000004", "00000001") "00000000 00000001 00000005 00000016" HANDLE("09")
			   "00000019" STATE "0000000000000003 00000003 00000019" STATE "0000000000000000 00000003"
			   "00000016" HANDLE("08") "00000019" STATE "0000000000000000 00000003");
	send(h, TO_CLIENT, REPLY("00000002") "00000000 00000000 00000005 00000016 00000000 00000019 00000000 00000000 00000003 64656600"
			   "00000019 00000000 00000000 00000003 61626300 00000016 00000000 00000019 00000000 00000001 00000001 7a000000");
	send(h, TO_SERVER, CALL("00000003", "00000004", "00000001") "00000000 00000001 00000002 00000016" HANDLE("09")
			   "00000019" STATE "0000000000000006 00000003");
	send(h, TO_CLIENT, REPLY("00000003") "00000000 00000000 00000002 00000016 00000000 00000019 00000000 00000001 00000001 67000000");
	assert_int_equal(harness_count(h, "\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":7"), 1);
	assert_int_equal(harness_count(h, "fileinfo\":{"), 1);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void version_2(void **state)
{
	struct harness *h = harness_new(17, 2049, NULL);

	(void)state;
#define HANDLE2 "0000000000000000000000000000000000000000000000000000000000000001"
	send(h, TO_SERVER, CALL("00000001", "00000002", "00000006") HANDLE2 "00000000 00000400 00000000");
	send(h, TO_CLIENT, REPLY("00000001") "00000000 00000001 000081a4 00000001 00000000 00000000 00000004"
			   "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000004 61626364");
	assert_non_null(strstr(h->out, "\"version\":2,\"procedure\":\"READ\""));
	assert_non_null(strstr(h->out, "\"size\":4,"));
	harness_free(h);
}

static void malformed(void **state)
{
	struct harness *h = harness_new(6, 2049, NULL);

	(void)state;
	send(h, TO_SERVER, CALL("00000001", "00000003", "00000003") HANDLE("04") "00000001 61000000");
	send(h, TO_SERVER, CALL("00000002", "00000003", "00000003") "00001000 01020304");
	assert_int_equal(harness_count(h, "malformed_data"), 1);
	send(h, TO_SERVER, CALL("00000003", "00000007", "00000003"));
	assert_int_equal(harness_count(h, "nonexisting_version"), 1);
	harness_gap(h, TO_SERVER, 100);
	harness_tcp(h, TO_SERVER, "what is left of something", 25);
	send(h, TO_SERVER, CALL("00000004", "00000003", "00000003") HANDLE("04") "00000001 7a000000");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"filename\":\"z\""), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),     cmocka_unit_test(reads_file),
		cmocka_unit_test(fragments), cmocka_unit_test(writes_file),
		cmocka_unit_test(version_4), cmocka_unit_test(compounds), cmocka_unit_test(version_2),  cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
