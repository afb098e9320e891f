/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analyser process: `metsuke-analyser --channel FD --config FD [--intel FD]`. Started by the files
 * process, or by `metsuke files analyse`. It reads no file itself: for each order it forks a worker, which confines
 * itself, looks into that one file and ends. What all workers need (libmagic's database, YARA rules, the
 * table of indicators) is loaded here once. It ends when its channel does. `--check DIR` says what a folder of YARA
 * rules holds, and what is wrong in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <magic.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/analysis/channel.h"
#include "control/analysis/confine.h"
#include "control/analysis/worker.h"
#include "control/base/descriptor.h"
#include "control/base/say.h"
#include "control/yara/scanner.h"
#include "dataplane/event/config.h"
#include "dataplane/event/indicator.h"

#define RULES_LOOK_NS 5000000000ull
#define CLAMD_WAIT_S 20

struct running {
	uint64_t id, deadline_ns;
	pid_t pid; /* 0: free */
	int pidfd, file, report;
	bool late; /* it was ended for its time */
	char name[ANALYSIS_ORDER_MAX];
};

struct analyser_process {
	struct config *config;
	struct analysis_limits limits;
	struct analysis_tools tools;
	struct yara_set *rules;
	uint64_t next_look_ns;
	bool has_rules; /* their folder is the process's own */
	int channel;
	unsigned slots;
	struct running *slot;
	bool said_clamd;
	size_t intel_bytes;
	uint8_t order[ANALYSIS_ORDER_MAX + 3];
};

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* ---- YARA ---- */

static void on_complaint(void *arg, const struct yara_complaint *c)
{
	const struct config *config = arg;
	const char *file = strncmp(c->file, "./", 2) == 0 ? c->file + 2 : c->file;

	say("%s/%s:%u: %s%s%s%s%s; the rules of this file are left out", config->file_analysis_yara, file, c->line, c->rule,
	    *c->rule ? ": " : "", c->reason, *c->advice ? "; " : "", c->advice);
}

static void look_for_rules(struct analyser_process *p)
{
	uint64_t now = monotonic_ns();

	if (!p->has_rules || now < p->next_look_ns)
		return;
	p->next_look_ns = now + RULES_LOOK_NS;
	if (p->rules && !yara_set_changed(p->rules))
		return;
	yara_scanner_free(p->tools.yara);
	yara_set_free(p->rules);
	p->rules = yara_set_load(".", on_complaint, p->config);
	p->tools.yara = p->rules ? yara_scanner_new(p->rules) : NULL;
	if (p->rules)
		say("%u YARA rules of %u files in %s", yara_set_rules(p->rules), yara_set_files(p->rules), p->config->file_analysis_yara);
}

/* ---- ClamAV ---- */

static int connect_clamd(struct analyser_process *p)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = CLAMD_WAIT_S};
	const char *path = p->config->file_analysis_clamd;
	int fd;

	if (!*path || strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
			p->said_clamd = false;
			return fd;
		}
	}
	if (!p->said_clamd)
		say("clamd does not answer at %s: %s; files are judged without it (file_analysis.clamd)", path, strerror(errno));
	p->said_clamd = true;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- orders ---- */

static struct running *free_slot(struct analyser_process *p)
{
	for (unsigned i = 0; i < p->slots; i++)
		if (!p->slot[i].pid)
			return &p->slot[i];
	return NULL;
}

static void answer(struct analyser_process *p, const struct running *r, enum analysis_end end, uint8_t verdict, uint64_t cpu_us)
{
	struct analysis_answer a = {ANALYSIS_MAGIC, (uint8_t)end, verdict, 0, r->id, cpu_us};

	descriptor_send(p->channel, &a, sizeof(a), r->report);
}

static void start_worker(struct analyser_process *p, struct running *r, bool mailed, const char *declared, const char *mail)
{
	struct analysis_tools tools = p->tools;
	pid_t parent = getpid();

	tools.clamd = connect_clamd(p);
	r->report = memfd_create("metsuke-report", MFD_CLOEXEC);
	r->pid = r->report >= 0 ? fork() : -1;
	if (r->pid == 0) {
		struct worker_job job = {r->name, declared, mailed, mail, r->file, r->report, !METSUKE_SANITIZED && p->config->sandbox};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(WORKER_EXIT_CONFINE);
		close(p->channel);
		worker_run(&job, &p->limits, &tools);
	}
	if (tools.clamd >= 0)
		close(tools.clamd);
	if (r->pid < 0) {
		say("a worker cannot be started: %s", strerror(errno));
		r->pid = 0;
		answer(p, r, ANALYSIS_MEMORY, reason_rows[REASON_limit_memory].weight, 0);
		close(r->file);
		if (r->report >= 0)
			close(r->report);
		return;
	}
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	r->deadline_ns = monotonic_ns() + p->limits.seconds * 2000000000ull;
}

/* A table that is none leaves the one before. Workers have their own view of what they began with. */
static void take_indicators(struct analyser_process *p, int fd)
{
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	if (!indicator_image_valid(map, (size_t)st.st_size)) {
		munmap(map, (size_t)st.st_size);
		return;
	}
	if (p->tools.intel)
		munmap((void *)(uintptr_t)p->tools.intel, p->intel_bytes);
	p->tools.intel = map;
	p->intel_bytes = (size_t)st.st_size;
}

/* False: the other end is gone. */
static bool take_order(struct analyser_process *p)
{
	const char *name = (const char *)p->order + sizeof(struct analysis_order), *declared, *end;
	struct analysis_order head = {0};
	struct running *r = free_slot(p);
	int fd;
	ssize_t n = descriptor_receive(p->channel, p->order, ANALYSIS_ORDER_MAX, 0, &fd);

	if (n <= 0)
		return n == -EINTR;
	if ((size_t)n >= sizeof(head))
		memcpy(&head, p->order, sizeof(head));
	if (fd < 0 || head.magic != ANALYSIS_MAGIC || !r) {
		if (head.magic == ANALYSIS_INDICATORS)
			take_indicators(p, fd);
		if (fd >= 0)
			close(fd);
		return true;
	}
	p->order[n] = p->order[n + 1] = p->order[n + 2] = 0; /* the texts end, whatever was sent */
	end = (const char *)p->order + n;
	r->file = fd;
	r->id = head.id;
	r->late = false;
	snprintf(r->name, sizeof(r->name), "%s", name);
	declared = name + strlen(name) + 1;
	if (declared > end)
		declared = end;
	look_for_rules(p);
	start_worker(p, r, head.mailed, declared, declared < end ? declared + strlen(declared) + 1 : end);
	return true;
}

/* ---- ends ---- */

static void hash_file(int fd, char hex[65], uint64_t *size)
{
	uint8_t sum[EVP_MAX_MD_SIZE], room[65536];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ssize_t n;

	*size = 0;
	hex[0] = '\0';
	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return;
	while ((n = pread(fd, room, sizeof(room), (off_t)*size)) > 0) {
		EVP_DigestUpdate(ctx, room, (size_t)n);
		*size += (uint64_t)n;
	}
	if (EVP_DigestFinal_ex(ctx, sum, NULL) == 1)
		for (unsigned i = 0; i < 32; i++)
			snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free(ctx);
}

/* The worker left no report: its end is one. */
static void report_failed(struct running *r, enum reason_code code, const char *detail)
{
	struct text out = {0};
	char hex[65];
	uint64_t size;

	hash_file(r->file, hex, &size);
	analysis_report_failed(&out, r->name, size, hex, code, detail);
	if (ftruncate(r->report, 0) != 0 || pwrite(r->report, out.data, out.len, 0) < 0)
		say("a report cannot be written: %s", strerror(errno));
	text_free(&out);
}

static void end_worker(struct analyser_process *p, struct running *r)
{
	enum analysis_end end = ANALYSIS_CRASHED;
	enum reason_code code = REASON_ended_by_crash;
	char detail[120] = "";
	struct rusage used;
	int status = 0, exited;
	uint8_t verdict;

	if (wait4(r->pid, &status, 0, &used) != r->pid)
		return;
	exited = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (exited >= WORKER_EXIT_VERDICT && exited <= WORKER_EXIT_VERDICT + 10) {
		end = ANALYSIS_DONE;
		verdict = (uint8_t)(exited - WORKER_EXIT_VERDICT);
	} else {
		if (r->late || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))) {
			end = ANALYSIS_TIME;
			code = REASON_limit_time;
			snprintf(detail, sizeof(detail), "%u seconds", p->limits.seconds);
		} else if (exited == WORKER_EXIT_MEMORY) {
			end = ANALYSIS_MEMORY;
			code = REASON_limit_memory;
		} else if (exited == WORKER_EXIT_CONFINE) {
			say("a worker cannot be confined, and looks at nothing (control.sandbox: no goes without)");
		} else if (WIFSIGNALED(status)) {
			snprintf(detail, sizeof(detail), "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
		}
		verdict = reason_rows[code].weight;
		report_failed(r, code, detail);
	}
	answer(p, r, end, verdict, (uint64_t)used.ru_utime.tv_sec * 1000000u + (uint64_t)used.ru_utime.tv_usec +
	       (uint64_t)used.ru_stime.tv_sec * 1000000u + (uint64_t)used.ru_stime.tv_usec);
	close(r->pidfd);
	close(r->file);
	close(r->report);
	r->pid = 0;
}

/* Ends those whose time is up; milliseconds to the next deadline, -1: none. */
static int watch_time(struct analyser_process *p)
{
	uint64_t now = monotonic_ns(), next = 0;

	for (unsigned i = 0; i < p->slots; i++) {
		struct running *r = &p->slot[i];

		if (!r->pid || r->late)
			continue;
		if (now >= r->deadline_ns) {
			r->late = true;
			kill(r->pid, SIGKILL);
		} else if (!next || r->deadline_ns < next) {
			next = r->deadline_ns;
		}
	}
	return next ? (int)((next - now) / 1000000 + 1) : -1;
}

static void run(struct analyser_process *p)
{
	struct pollfd fds[ANALYSIS_WORKERS_MAX + 1];

	for (;;) {
		int wait = watch_time(p);
		unsigned n = 1;

		fds[0] = (struct pollfd){.fd = free_slot(p) ? p->channel : -1, .events = POLLIN};
		for (unsigned i = 0; i < p->slots; i++)
			fds[n++] = (struct pollfd){.fd = p->slot[i].pid ? p->slot[i].pidfd : -1, .events = POLLIN};
		if (poll(fds, n, wait) < 0 && errno != EINTR)
			return;
		for (unsigned i = 0; i < p->slots; i++)
			if (p->slot[i].pid && fds[i + 1].revents)
				end_worker(p, &p->slot[i]);
		if (fds[0].revents && !take_order(p))
			return;
	}
}

/* ---- start ---- */

static void *open_magic(int flags)
{
	magic_t m = magic_open(flags | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF);

	if (m && magic_load(m, NULL) == 0)
		return m;
	say("libmagic's database cannot be read: %s; types of files stay unknown", m ? magic_error(m) : strerror(errno));
	return NULL;
}

static int prepare(struct analyser_process *p, int config_fd, int intel_fd)
{
	const struct config *c = p->config = config_read(config_fd);
	int err;

	if (!c) {
		say("the analyser cannot read its configuration: %s", strerror(errno));
		return -EINVAL;
	}
	p->limits = (struct analysis_limits){(unsigned)c->file_analysis_depth, (uint32_t)c->file_analysis_parts,
					     c->file_analysis_part_bytes, c->file_analysis_total_bytes,
					     (unsigned)c->file_analysis_ratio, c->file_analysis_memory,
					     (unsigned)c->file_analysis_seconds};
	p->slots = c->file_analysis_workers < 1 ? 1 : c->file_analysis_workers > ANALYSIS_WORKERS_MAX ? ANALYSIS_WORKERS_MAX : (unsigned)c->file_analysis_workers;
	p->slot = calloc(p->slots, sizeof(*p->slot));
	take_indicators(p, intel_fd);
	/* While it may go there; what is in it must be open to the user of the service. */
	p->has_rules = *c->file_analysis_yara && chdir(c->file_analysis_yara) == 0;
	if (*c->file_analysis_yara && !p->has_rules)
		say("%s: %s; there are no YARA rules (file_analysis.yara)", c->file_analysis_yara, strerror(errno));
	err = confine_analyser(c->control_user);
	if (err) {
		say("the analyser cannot give up root: %s", strerror(-err));
		return err;
	}
	setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives */
	p->tools.magic = open_magic(MAGIC_NONE);
	p->tools.mime = open_magic(MAGIC_MIME_TYPE);
	p->tools.clamd = -1;
	look_for_rules(p);
	return p->slot ? 0 : -ENOMEM;
}

/* ---- --check ---- */

static void put_complaint(void *arg, const struct yara_complaint *c)
{
	struct text *out = arg;

	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "file", c->file);
	json_key_uint(out, "line", c->line);
	json_key_cstr(out, "rule", c->rule);
	json_key_cstr(out, "reason", c->reason);
	json_key_cstr(out, "advice", c->advice);
	text_char(out, '}');
}

/* What a folder of YARA rules holds, and what is wrong in it, as JSON. */
static int check_rules(const char *folder)
{
	struct text out = {0};
	struct yara_set *set;

	text_char(&out, '{');
	json_key(&out, "problems");
	text_char(&out, '[');
	set = yara_set_load(folder, put_complaint, &out);
	text_char(&out, ']');
	json_key_uint(&out, "rules", set ? yara_set_rules(set) : 0);
	json_key_uint(&out, "files", set ? yara_set_files(set) : 0);
	text_char(&out, '}');
	puts(text_cstr(&out));
	text_free(&out);
	yara_set_free(set);
	return set ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct analyser_process p = {.channel = -1};
	int config_fd = -1, intel_fd = -1;

	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check_rules(argv[2]);

	for (int i = 1; i + 1 < argc; i += 2) {
		int *to = strcmp(argv[i], "--channel") == 0 ? &p.channel : strcmp(argv[i], "--config") == 0 ? &config_fd :
			  strcmp(argv[i], "--intel") == 0 ? &intel_fd : NULL;

		if (to)
			*to = atoi(argv[i + 1]);
	}
	if (p.channel < 0 || config_fd < 0) {
		say("this program is started by others (metsuke-analyser --channel FD --config FD)");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (prepare(&p, config_fd, intel_fd) != 0)
		return 1;
	run(&p);
	return 0;
}
