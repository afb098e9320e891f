/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/filter.c, recording.c; dataplane/engine/recording.c: orders, and what a full ring loses
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/engine/recording.h"
#include "tests/unit/engine/wire.h"

static struct filter filter;

static void filters_by_link_type(void **state)
{
	/* an IPv4 datagram to port 53, behind an Ethernet header and bare */
	static const uint8_t frame[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0,
					10, 0, 0, 1, 10, 0, 0, 2, 4, 0, 0, 53, 0, 8, 0, 0};
	char error[256];

	assert_int_equal(filter_compile(&filter, "udp dst port 53", error, sizeof(error)), 0);
	assert_true(filter_sane(&filter));
	assert_true(filter_match(&filter, 1, frame, sizeof(frame), sizeof(frame)));
	assert_true(filter_match(&filter, 101, frame + 14, sizeof(frame) - 14, sizeof(frame) - 14));
	assert_true(filter_match(&filter, 12, frame + 14, sizeof(frame) - 14, sizeof(frame) - 14));
	assert_false(filter_match(&filter, 1, frame, 30, 30)); /* cut before the ports */
	assert_false(filter_match(&filter, 9999, frame, sizeof(frame), sizeof(frame)));
	assert_int_equal(filter_compile(&filter, "ether dst 02:00:00:00:00:02", error, sizeof(error)), 0);
	assert_true(filter_match(&filter, 1, frame, sizeof(frame), sizeof(frame)));
	assert_false(filter_match(&filter, 101, frame + 14, sizeof(frame) - 14, sizeof(frame) - 14));
	assert_int_equal(filter_compile(&filter, "", error, sizeof(error)), 0);
	assert_true(filter_match(&filter, 9999, frame, sizeof(frame), sizeof(frame)));
}

static void bad_filters_and_steps(void **state)
{
	char error[256], longer[FILTER_TEXT_MAX + 1];

	assert_int_equal(filter_compile(&filter, "udp dst prt 53", error, sizeof(error)), -22);
	assert_non_null(strstr(error, "not understood"));
	memset(longer, ' ', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(filter_compile(&filter, longer, error, sizeof(error)), -7);
	assert_int_equal(filter_compile(&filter, "ip", error, sizeof(error)), 0);
	filter.program[0].steps[0].code = 0xffff;
	assert_false(filter_sane(&filter));
	assert_int_equal(filter_compile(&filter, "ip", error, sizeof(error)), 0);
	filter.count = FILTER_LINKS + 1;
	assert_false(filter_sane(&filter));
}

static void orders_come_over_as_they_went(void **state)
{
	static struct recording_order o, back;
	struct config *c = config_new();
	char error[256], name[RECORDING_FILE_MAX];
	int fd;

	assert_int_equal(recording_order_make(&o, c, "../x", "", error, sizeof(error)), -22);
	assert_int_equal(recording_order_make(&o, c, "case-7", "tcp", error, sizeof(error)), 0);
	fd = recording_order_write(&o);
	assert_true(fd >= 0);
	assert_int_equal(recording_order_read(&back, fd), 0);
	assert_memory_equal(&o, &back, sizeof(o));
	close(fd);
	o.filter.program[0].count = 0;
	fd = recording_order_write(&o);
	assert_int_equal(recording_order_read(&back, fd), -22);
	close(fd);
	assert_int_equal(recording_file_name(name, "case-7", 1700000000, 12, 3), strlen("case-7.1700000000.12.00003.pcapng"));
	assert_string_equal(name, "case-7.1700000000.12.00003.pcapng");
	config_free(c);
}

/* Nobody reads the ring: packets are lost and counted, none of the others is kept waiting. */
static void a_full_ring_loses_and_counts(void **state)
{
	static struct recording_order o;
	struct wire *w = wire_open((const char *const[]){"capture.alerts=no", NULL}, -1);
	char error[256], data[1200] = "x";
	struct recording_row row;
	struct recording *r;
	struct recordings *set;

	assert_int_equal(recording_order_make(&o, w->engine.config, "t", "", error, sizeof(error)), 0);
	r = recording_new(&o, 1);
	set = recordings_new(NULL, 1, r, NULL);
	assert_ptr_equal(recordings_find(set, "t"), r);
	w->lane->w.recordings = set;
	atomic_store(&w->engine.recordings, set);
	for (unsigned i = 0; i < 9000; i++)
		wire_udp(w, true, data, sizeof(data));
	recording_row(r, 1, &row);
	assert_int_equal(row.packets + row.lost, 9000);
	assert_true(row.lost > 0 && row.packets > 5000);
	assert_int_equal(w->counters->recorded_packets, row.packets);
	assert_int_equal(w->counters->recorded_lost, row.lost);
	w->lane->w.recordings = NULL;
	atomic_store(&w->engine.recordings, NULL);
	recordings_free(set);
	recording_free(r);
	wire_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_by_link_type),
		cmocka_unit_test(bad_filters_and_steps),
		cmocka_unit_test(orders_come_over_as_they_went),
		cmocka_unit_test(a_full_ring_loses_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
