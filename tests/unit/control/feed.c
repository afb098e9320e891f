/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/control/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/event/app_proto.h"
#include "dataplane/event/contact.h"
#include "dataplane/event/host.h"

static void die(const char *what)
{
	perror(what);
	abort();
}

static void set(struct feed *f, const char *key, const char *value)
{
	char error[256];

	if (config_set(f->config, key, value, error, sizeof(error)) != 0) {
		fprintf(stderr, "%s\n", error);
		abort();
	}
}

struct feed *feed_new(void)
{
	struct feed *f = calloc(1, sizeof(*f));
	char path[96];

	if (!f)
		die("calloc");
	snprintf(f->dir, sizeof(f->dir), "/tmp/metsuke-test-XXXXXX");
	f->config = config_new();
	if (!f->config || !mkdtemp(f->dir))
		die(f->dir);
	chmod(f->dir, 0755); /* for a control process that is not root */
	snprintf(path, sizeof(path), "%s/store", f->dir);
	set(f, "store.dir", path);
	snprintf(path, sizeof(path), "%s/eve", f->dir);
	set(f, "eve.dir", path);
	set(f, "control.socket", "");
	set(f, "eve.community_id", "no");
	return f;
}

void feed_share(struct feed *f, enum boot_purpose purpose, unsigned workers, uint64_t ring_bytes)
{
	int pair[2];

	f->boot_fd = memfd_create("boot", 0);
	if (f->boot_fd < 0 || ftruncate(f->boot_fd, sizeof(*f->boot)) != 0)
		die("memfd");
	f->boot = mmap(NULL, sizeof(*f->boot), PROT_READ | PROT_WRITE, MAP_SHARED, f->boot_fd, 0);
	if (f->boot == MAP_FAILED)
		die("mmap");
	f->boot->magic = BOOT_MAGIC;
	f->boot->purpose = purpose;
	f->boot->worker_count = workers;
	f->boot->captures_fd = f->boot->control_courier = f->boot->indicators_fd = -1;
	if (getrandom(&f->boot->boot_id, 8, 0) != 8)
		die("getrandom");
	for (unsigned i = 0; i < workers; i++) {
		f->boot->event_ring_fd[i] = ring_create("events", ring_bytes, f->boot->boot_id);
		f->boot->bulk_ring_fd[i] = -1;
		if (ring_attach(&f->ring[i], f->boot->event_ring_fd[i]) != 0)
			die("ring");
	}
	f->boot->config_fd = memfd_create("config", 0);
	if (config_write(f->config, f->boot->config_fd) != 0)
		die("config");
	f->boot->counters_fd = counters_create(workers);
	f->counters = counters_attach(f->boot->counters_fd);
	if (!f->counters)
		die("counters");
	f->counters->status.state = DATAPLANE_RUNNING;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		die("socketpair");
	f->boot->control_channel = pair[0];
	f->boot->dataplane_channel = f->channel = pair[1];
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void feed_free(struct feed *f)
{
	if (f->boot) {
		for (unsigned i = 0; i < f->boot->worker_count; i++) {
			ring_detach(&f->ring[i]);
			close(f->boot->event_ring_fd[i]);
		}
		close(f->boot->config_fd);
		close(f->boot->counters_fd);
		close(f->boot->control_channel);
		close(f->channel);
		munmap(f->boot, sizeof(*f->boot));
		close(f->boot_fd);
	}
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	config_free(f->config);
	free(f);
}

pid_t feed_start(struct feed *f, const char *program)
{
	pid_t pid = fork();
	char number[16];

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(number, sizeof(number), "%d", f->boot_fd);
	f->boot->control_starts++;
	execl(program, program, "--boot", number, (char *)NULL);
	perror(program);
	_exit(127);
}

int feed_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool feed_put(struct feed *f, unsigned worker, const void *record, uint32_t len)
{
	void *at = ring_reserve(&f->ring[worker], len, 0);

	if (!at) {
		f->seq[worker]--;
		return false;
	}
	memcpy(at, record, len);
	f->ring[worker].shared->last_seq = f->seq[worker];
	ring_commit(&f->ring[worker], len);
	return true;
}

struct record_head feed_head(struct feed *f, unsigned worker, enum record_type type, uint64_t ts_ns)
{
	struct record_head h = {
		.type = (uint16_t)type,
		.flags = RECORD_HAS_PORTS | RECORD_HAS_DIRECTION,
		.seq = ++f->seq[worker],
		.ts_ns = ts_ns,
		.flow_id = 1000 + f->seq[worker] % 100,
		.tx_id = RECORD_NO_TX,
		.packet_number = f->seq[worker],
		.sport = 1025,
		.dport = 80,
		.ip_version = 4,
		.ip_proto = IPPROTO_TCP,
		.worker = (uint8_t)worker,
	};

	addr_parse("10.0.0.1", &h.src);
	addr_parse("192.0.2.1", &h.dst);
	h.dst.b[3] = (uint8_t)(h.seq % 250 + 1);
	return h;
}

bool feed_alert(struct feed *f, unsigned worker, uint64_t ts_ns, uint32_t sid, const char *msg)
{
	struct record_head h = feed_head(f, worker, RECORD_alert, ts_ns);
	_Alignas(8) uint8_t memory[2048];
	struct recorder r;

	h.app_proto = (uint8_t)app_proto_by_name("http");
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_alert_alert);
	rec_text(&r, F_alert_action, "allowed");
	rec_uint(&r, F_alert_gid, 1);
	rec_uint(&r, F_alert_signature_id, sid);
	rec_uint(&r, F_alert_rev, 1);
	rec_text(&r, F_alert_signature, msg);
	rec_text(&r, F_alert_category, "Misc activity");
	rec_uint(&r, F_alert_severity, 3);
	rec_close(&r);
	return feed_put(f, worker, memory, rec_end(&r));
}

bool feed_dns(struct feed *f, unsigned worker, uint64_t ts_ns)
{
	struct record_head h = feed_head(f, worker, RECORD_dns, ts_ns);
	_Alignas(8) uint8_t memory[512];
	struct recorder r;

	h.tx_id = 0;
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_dns_dns);
	rec_close(&r);
	return feed_put(f, worker, memory, rec_end(&r));
}

bool feed_contact(struct feed *f, unsigned worker, uint64_t ts_ns, int kind, const char *value,
		  const char *client, uint16_t port)
{
	struct record_head h = feed_head(f, worker, RECORD_contact, ts_ns);
	_Alignas(8) uint8_t memory[4096];
	struct recorder r;
	struct addr a;
	int version;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, F_contact_kind, (uint64_t)kind);
	if (kind == CONTACT_IP) {
		version = addr_parse(value, &a);
		rec_bytes(&r, F_contact_value, a.b, version == 4 ? 4 : 16);
	} else {
		rec_text(&r, F_contact_value, value);
	}
	version = addr_parse(client, &a);
	rec_addr(&r, F_contact_client, &a, version);
	rec_uint(&r, F_contact_port, port);
	return feed_put(f, worker, memory, rec_end(&r));
}

bool feed_host(struct feed *f, unsigned worker, uint64_t ts_ns, uint32_t number)
{
	struct record_head h = feed_head(f, worker, RECORD_host, ts_ns);
	uint8_t mac[6] = {2, 0, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
	struct addr a = {{10, 2, 0, (uint8_t)(number % 50)}};
	_Alignas(8) uint8_t memory[512];
	struct recorder r;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_addr(&r, F_host_ip, &a, 4);
	rec_bytes(&r, F_host_mac, mac, sizeof(mac));
	rec_uint(&r, F_host_source, HOST_ARP);
	return feed_put(f, worker, memory, rec_end(&r));
}

bool feed_capture(struct feed *f, unsigned worker, bool begin, uint32_t index, const char *path)
{
	struct record_head h =
		feed_head(f, worker, begin ? RECORD_capture_begin : RECORD_capture_end, 0);
	_Alignas(8) uint8_t memory[16384];
	struct counters c = {.decoder_pkts = index};
	struct recorder r;

	h.ip_version = 0;
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, begin ? F_capture_begin_index : F_capture_end_index, index);
	if (begin)
		rec_text(&r, F_capture_begin_path, path);
	else
		rec_bytes(&r, F_capture_end_counters, &c, sizeof(c));
	return feed_put(f, worker, memory, rec_end(&r));
}
