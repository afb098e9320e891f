/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads "name<TAB>path" lines; decodes each capture from fresh state, checksums not looked at,
 * GTP-U neither (the reference does not), and prints a JSON object a line: the name and all
 * counters and events that are not 0.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/packet/packet.h"
#include "tests/support/packet_worker.h"

static void print_counters(const struct packet_worker *pw)
{
	for (const struct counter_row *row = counter_rows; row->path; row++) {
		uint64_t n;

		memcpy(&n, (const char *)&pw->counters + row->offset, sizeof(n));
		if (n)
			printf(",\"%s\":%llu", row->path, (unsigned long long)n);
	}
	for (unsigned i = 1; i < ANOMALY_COUNT; i++)
		if (pw->counters.anomaly[i])
			printf(",\"event.%s\":%llu", anomaly_rows[i].name,
			       (unsigned long long)pw->counters.anomaly[i]);
}

static int run(struct packet_worker *pw, const char *name, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	unsigned link_type;
	pcap_t *pcap;

	memset(&pw->counters, 0, sizeof(pw->counters));
	decode_worker_reset(&pw->w);
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!pcap) {
		printf("{\"pcap\":\"%s\",\"unreadable\":1}\n", name);
		return 0;
	}
	link_type = (unsigned)pcap_datalink(pcap);
	printf("{\"pcap\":\"%s\",\"link_type\":%u", name, link_type);
	if (decode_link_supported(link_type))
		while (pcap_next_ex(pcap, &head, &data) == 1)
			packet_worker_frame(pw, data, head->caplen, link_type,
					    (uint64_t)head->ts.tv_sec * 1000000000ull +
						    (uint64_t)head->ts.tv_usec);
	print_counters(pw);
	printf("}\n");
	pcap_close(pcap);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const settings[] = {"checksums=ignore", "decoder.gtpu.enabled=no",
					       "decoder.ayiya.enabled=no", "decoder.l2tp.enabled=no", "decoder.vxlan_gpe.enabled=no",
					       "decoder.llc.enabled=no", NULL};
	struct packet_worker *pw = packet_worker_new(settings);
	char line[4096];

	(void)argc;
	(void)argv;
	/* "name<TAB>path" lines on standard input. */
	while (fgets(line, sizeof(line), stdin)) {
		char *tab = strchr(line, '\t');

		line[strcspn(line, "\n")] = 0;
		if (!tab)
			continue;
		*tab = 0;
		run(pw, line, tab + 1);
	}
	packet_worker_free(pw);
	return 0;
}
