/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What EAL and its drivers write to their log is caught: the last complaint becomes part of our
 * own sentence when something fails; the rest is noise. EAL is one for the process, so is this.
 */
#include "drivers/eal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "drivers/frame.h"

#define ERROR_BYTES 512
#define ARGS_MAX 64
#define SPARE_BYTES ((uint64_t)64 << 20) /* devices, rings, EAL's own */

static struct {
	FILE *log;
	char last[200];
	bool started;
} eal;

const char *eal_last_error(void)
{
	return eal.last;
}

void eal_forget_error(void)
{
	eal.last[0] = '\0';
}

void eal_note_error(const char *format, va_list args)
{
	size_t n;

	vsnprintf(eal.last, sizeof(eal.last), format, args);
	n = strlen(eal.last);
	while (n && (eal.last[n - 1] == '\n' || eal.last[n - 1] == ' '))
		eal.last[--n] = '\0';
}

/* One write is one message: "PREFIX: function(): text\n". */
static ssize_t log_write(void *cookie, const char *text, size_t len)
{
	const char *mark;
	size_t n = len;

	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	mark = memmem(text, n, "(): ", 4);
	if (mark) {
		n -= (size_t)(mark + 4 - text);
		text = mark + 4;
	}
	if (n > 3)
		snprintf(eal.last, sizeof(eal.last), "%.*s", (int)n, text);
	return (ssize_t)len;
}

uint64_t eal_free_huge_bytes(void)
{
	static const char root[] = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(root);
	struct dirent *entry;
	uint64_t sum = 0;

	while (dir && (entry = readdir(dir))) {
		unsigned long long kb, pages = 0;
		char path[320];
		FILE *f;

		if (sscanf(entry->d_name, "hugepages-%llukB", &kb) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, entry->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%llu", &pages) == 1)
			sum += kb * 1024 * pages;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* Memory for frames: an element with its pool header. On small pages none crosses a page, so one
 * page holds one. */
static uint64_t frames_bytes(unsigned count, bool huge)
{
	uint64_t element = sizeof(struct rte_mbuf) + sizeof(struct frame_info) +
			   RTE_PKTMBUF_HEADROOM + FRAME_DATA_ROOM + 64;

	return huge ? count * (element + 256) : count * ((element + 4095) / 4096 * 4096 + 256);
}

static int first_core(const cpu_set_t *set)
{
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			return i;
	return 0;
}

/* Decides about the pages before EAL starts: it starts only once. */
static int choose_pages(const struct eal_options *o, bool *huge, char *error)
{
	uint64_t have = eal_free_huge_bytes(), need = frames_bytes(o->frames, true) + SPARE_BYTES;

	*huge = o->pages != EAL_PAGES_SMALL && have >= need;
	if (o->pages != EAL_PAGES_HUGE || *huge)
		return 0;
	snprintf(error, ERROR_BYTES,
		 "%llu MiB of huge pages are needed, %llu MiB are free: reserve them with "
		 "sysctl vm.nr_hugepages=%llu, or set hugepages: auto",
		 (unsigned long long)(need >> 20), (unsigned long long)(have >> 20),
		 (unsigned long long)(need >> 21));
	return -ENOMEM;
}

int eal_start(const struct eal_options *o, bool *huge, char *error)
{
	static char core[16], memory[16], prefix[48];
	char *args[ARGS_MAX] = {(char *)"metsuke-dataplane", (char *)"--no-telemetry",
				(char *)"--iova-mode=va"};
	int n = 3, err;
	cpu_set_t before;

	if (eal.started)
		return 0;
	err = choose_pages(o, huge, error);
	if (err)
		return err;
	sched_getaffinity(0, sizeof(before), &before);
	snprintf(core, sizeof(core), "-l%d", first_core(&before));
	args[n++] = core;
	snprintf(prefix, sizeof(prefix), "--file-prefix=metsuke-%ld", (long)getpid());
	args[n++] = prefix;
	/* Nothing of ours is found by, or left to, another process. */
	args[n++] = *huge ? (char *)"--in-memory" : (char *)"--no-shconf";
	if (!*huge) {
		snprintf(memory, sizeof(memory), "%llu",
			 (unsigned long long)((frames_bytes(o->frames, false) + SPARE_BYTES) >> 20));
		args[n++] = (char *)"--no-huge";
		args[n++] = (char *)"-m";
		args[n++] = memory;
	}
	if (o->pci_count == 0)
		args[n++] = (char *)"--no-pci";
	for (unsigned i = 0; i < o->pci_count && n + 2 < ARGS_MAX; i++) {
		args[n++] = (char *)"-a";
		args[n++] = (char *)(uintptr_t)o->pci[i];
	}
	eal.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_write});
	if (eal.log) {
		setvbuf(eal.log, NULL, _IOLBF, 0);
		rte_openlog_stream(eal.log);
	}
	rte_log_set_global_level(RTE_LOG_ERR);
	if (rte_eal_init(n, args) < 0) {
		snprintf(error, ERROR_BYTES, "DPDK cannot be started: %s%s%s; are you root, and is "
			 "there memory for %llu MiB?", rte_strerror(rte_errno), eal.last[0] ? ": " : "",
			 eal.last, (unsigned long long)(frames_bytes(o->frames, *huge) >> 20));
		return rte_errno ? -rte_errno : -EIO;
	}
	eal.started = true;
	rmdir(rte_eal_get_runtime_dir());
	sched_setaffinity(0, sizeof(before), &before);
	return 0;
}

void eal_stop(void)
{
	if (!eal.started)
		return;
	rte_eal_cleanup();
	eal.started = false;
}

struct rte_mempool *eal_frames_new(const char *name, unsigned count, char *error)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		name, count, 256, sizeof(struct frame_info), RTE_PKTMBUF_HEADROOM + FRAME_DATA_ROOM,
		SOCKET_ID_ANY);

	if (!pool)
		snprintf(error, ERROR_BYTES, "no memory for %u frames (%llu MiB): %s; reserve more "
			 "huge pages, or lower stream.reassembly.max_held or workers", count,
			 (unsigned long long)(frames_bytes(count, true) >> 20),
			 rte_strerror(rte_errno));
	return pool;
}

void eal_frames_free(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
}

int eal_thread_begin(void)
{
	return rte_thread_register() == 0 ? 0 : -rte_errno;
}

void eal_thread_end(void)
{
	rte_thread_unregister();
}
