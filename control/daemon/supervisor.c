/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "control/base/program.h"
#include "control/courier/message.h"
#include "control/process/rights.h"
#include "dataplane/event/cores.h"
#include "dataplane/event/ring.h"

#define TICK_MS 100
#define QUICK_DEATH_NS 5000000000ull
#define QUICK_DEATHS_MAX 20
#define STOP_WAIT_NS 30000000000ull
#define HEARTBEAT_LOST_NS 30000000000ull

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

unsigned supervisor_workers(const struct config *c, bool offline)
{
	uint16_t list[CORES_MAX];
	cpu_set_t set;
	unsigned cores = 1;
	char error[200];
	int pinned;

	if (c->workers)
		return c->workers > MAX_WORKERS ? MAX_WORKERS : (unsigned)c->workers;
	if (offline)
		return 1;
	pinned = cores_parse(c->cores, list, error, sizeof(error));
	if (pinned > 0)
		return (unsigned)pinned;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = (unsigned)CPU_COUNT(&set);
	cores = cores > 1 ? cores - 1 : 1;
	return cores > MAX_WORKERS ? MAX_WORKERS : cores;
}

static int make_rings(struct supervisor *s, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		s->boot->event_ring_fd[i] =
			ring_create("metsuke-events", s->config->event_ring, s->boot->boot_id);
		if (s->boot->event_ring_fd[i] < 0)
			return s->boot->event_ring_fd[i];
		s->boot->bulk_ring_fd[i] =
			ring_create("metsuke-bulk", s->config->bulk_ring, s->boot->boot_id);
		if (s->boot->bulk_ring_fd[i] < 0)
			return s->boot->bulk_ring_fd[i];
		s->boot->packet_ring_fd[i] = -1;
		if (s->no_capture)
			continue;
		s->boot->packet_ring_fd[i] =
			ring_create("metsuke-packets", s->config->packet_ring, s->boot->boot_id);
		if (s->boot->packet_ring_fd[i] < 0)
			return s->boot->packet_ring_fd[i];
	}
	s->boot->file_ring_fd = -1;
	if (s->config->file_analysis)
		s->boot->file_ring_fd = ring_create("metsuke-file-records", s->config->event_ring, s->boot->boot_id);
	return s->config->file_analysis && s->boot->file_ring_fd < 0 ? s->boot->file_ring_fd : 0;
}

static int make_captures(struct supervisor *s, char *const *captures, size_t count)
{
	int fd;

	s->boot->captures_fd = -1;
	if (!captures)
		return 0;
	fd = memfd_create("metsuke-captures", 0);
	if (fd < 0)
		return -errno;
	s->boot->captures_fd = fd;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(captures[i]) + 1;

		if (write(fd, captures[i], n) != (ssize_t)n)
			return -errno;
	}
	return 0;
}

/* The workers' table of indicators as the store has it, so that it is there before the first
 * packet: written by a control process of its own, which reads the store and ends. */
static void make_indicators(struct supervisor *s)
{
	char program[PATH_MAX + 32], path[PATH_MAX];
	int fd, status = 0;
	struct stat st;
	pid_t pid;

	snprintf(path, sizeof(path), "%.4000s/CURRENT", s->config->store_dir);
	if (access(path, F_OK) != 0)
		return;
	fd = memfd_create("metsuke-indicators", 0);
	program_find("metsuke-control", program, sizeof(program));
	pid = fd < 0 ? -1 : fork();
	if (pid == 0) {
		dup2(fd, 1);
		execl(program, program, "--store", s->config->store_dir, "--image", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (pid > 0 && status == 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
		s->boot->indicators_fd = fd;
		return;
	}
	if (pid < 0 || status != 0)
		fprintf(stderr, "metsuke: the table of indicators could not be read from %s; it comes "
				"with the next change of intelligence\n", s->config->store_dir);
	if (fd >= 0)
		close(fd);
}

static int make_boot(struct supervisor *s, enum boot_purpose purpose, unsigned workers)
{
	s->boot_fd = memfd_create("metsuke-boot", 0);
	if (s->boot_fd < 0 || ftruncate(s->boot_fd, sizeof(struct boot)) != 0)
		return -errno;
	s->boot = mmap(NULL, sizeof(struct boot), PROT_READ | PROT_WRITE, MAP_SHARED, s->boot_fd, 0);
	if (s->boot == MAP_FAILED) {
		s->boot = NULL;
		return -errno;
	}
	s->boot->magic = BOOT_MAGIC;
	s->boot->purpose = purpose;
	s->boot->worker_count = workers;
	s->boot->indicators_fd = s->boot->trace_fd = s->boot->rule_stats_fd = -1;
	if (getrandom(&s->boot->boot_id, sizeof(s->boot->boot_id), 0) < 0)
		return -errno;
	return 0;
}

/* Whether anything is to be fetched or sent. */
static bool wants_courier(const struct config *c)
{
	return c->intel_feeds.count || c->intel_share.count || *c->notify_webhook ||
	       *c->notify_mail_server || *c->notify_syslog;
}

static int make_shared(struct supervisor *s, enum boot_purpose purpose, unsigned workers,
		       char *const *captures, size_t capture_count)
{
	int pair[2], err = make_boot(s, purpose, workers);

	if (!err)
		err = make_rings(s, workers);
	if (!err)
		err = make_captures(s, captures, capture_count);
	if (err)
		return err;
	s->boot->config_fd = memfd_create("metsuke-config", 0);
	if (s->boot->config_fd < 0)
		return -errno;
	err = config_write(s->config, s->boot->config_fd);
	if (err)
		return err;
	s->boot->indicators_fd = -1;
	if (purpose != BOOT_CHECK)
		make_indicators(s);
	s->boot->courier_channel = s->boot->control_courier = -1;
	if (purpose == BOOT_LIVE && wants_courier(s->config)) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
			return -errno;
		s->boot->courier_channel = pair[0];
		s->boot->control_courier = pair[1];
	}
	s->boot->files_channel = s->boot->control_files = -1;
	if (s->config->file_analysis) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
			return -errno;
		s->boot->files_channel = pair[0];
		s->boot->control_files = pair[1];
	}
	s->boot->counters_fd = counters_create(workers);
	if (s->boot->counters_fd < 0)
		return s->boot->counters_fd;
	s->counters = counters_attach(s->boot->counters_fd);
	if (!s->counters)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return -errno;
	s->boot->dataplane_channel = pair[0];
	s->boot->control_channel = pair[1];
	return 0;
}

int supervisor_init(struct supervisor *s, const struct config *c, enum boot_purpose purpose,
		    unsigned workers, char *const *captures, size_t capture_count, char *error,
		    size_t error_size)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->config = c;
	s->boot_fd = -1;
	/* A running engine may be asked at any time. */
	s->no_capture = purpose != BOOT_LIVE && !c->capture_enabled;
	err = make_shared(s, purpose, workers, captures, capture_count);
	if (err) {
		snprintf(error, error_size, "the shared memory could not be made: %s%s",
			 strerror(-err),
			 err == -ENOMEM || err == -ENOSPC
				 ? " (lower rings.event and rings.bulk, or use fewer workers)"
				 : "");
		supervisor_free(s);
		return err;
	}
	s->dataplane.name = "dataplane";
	s->dataplane.starts = &s->boot->dataplane_starts;
	program_find("metsuke-dataplane", s->dataplane.program, sizeof(s->dataplane.program));
	s->courier.name = "courier";
	s->courier.starts = &s->boot->courier_starts;
	s->courier.told_pid = &s->boot->courier_pid;
	s->courier.finished = s->boot->courier_channel < 0;
	program_find("metsuke-courier", s->courier.program, sizeof(s->courier.program));
	s->files.name = "files";
	s->files.starts = &s->boot->files_starts;
	s->files.finished = s->no_files = !c->file_store && !c->file_analysis;
	s->boot->files_here = c->file_analysis;
	program_find("metsuke-files", s->files.program, sizeof(s->files.program));
	s->capture.name = "capture";
	s->capture.starts = &s->boot->capture_starts;
	s->capture.finished = s->no_capture;
	program_find("metsuke-capture", s->capture.program, sizeof(s->capture.program));
	s->control.name = "control";
	s->control.starts = &s->boot->control_starts;
	program_find("metsuke-control", s->control.program, sizeof(s->control.program));
	return 0;
}

static void close_fd(int fd)
{
	if (fd > 2)
		close(fd);
}

void supervisor_free(struct supervisor *s)
{
	if (s->boot) {
		for (unsigned i = 0; i < s->boot->worker_count; i++) {
			close_fd(s->boot->event_ring_fd[i]);
			close_fd(s->boot->bulk_ring_fd[i]);
			close_fd(s->boot->packet_ring_fd[i]);
		}
		close_fd(s->boot->file_ring_fd);
		close_fd(s->boot->captures_fd);
		close_fd(s->boot->indicators_fd);
		close_fd(s->boot->config_fd);
		close_fd(s->boot->counters_fd);
		close_fd(s->boot->dataplane_channel);
		close_fd(s->boot->control_channel);
		close_fd(s->boot->courier_channel);
		close_fd(s->boot->control_courier);
		close_fd(s->boot->files_channel);
		close_fd(s->boot->control_files);
		munmap(s->boot, sizeof(*s->boot));
	}
	close_fd(s->boot_fd);
	memset(s, 0, sizeof(*s));
	s->boot_fd = -1;
}

/* A descriptor that only reads what is behind fd. */
static int only_read(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY);
}

/* What comes over the network meets the courier first. It starts with its channel and with copies
 * of boot block and configuration, so that it can neither speak to the dataplane nor tell the
 * others what to do, and is confined before its program runs. In the child; the number for --boot,
 * or -errno. */
static int courier_prepare(const struct supervisor *s)
{
	struct boot b = *s->boot;
	const struct config *c = s->config;
	struct passwd *user = c->control_user[0] ? getpwnam(c->control_user) : NULL;
	int fd = memfd_create("metsuke-courier-boot", 0), err = 0;

	b.config_fd = only_read(b.config_fd);
	if (fd < 0 || b.config_fd < 0 || write(fd, &b, sizeof(b)) != sizeof(b))
		return -errno;
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0 || fcntl(fd, F_SETFD, 0) != 0 ||
	    fcntl(b.config_fd, F_SETFD, 0) != 0 || fcntl(b.courier_channel, F_SETFD, 0) != 0)
		return -errno;
	/* It becomes that user by itself, after its secrets were read. */
	if (geteuid() == 0 && (!user || user->pw_uid == 0))
		err = rights_give_up_capabilities();
	if (!err && c->sandbox)
		err = rights_confine_courier();
	return err ? err : fd;
}

/* In the child: the ends of channels that are not its own, so that none can speak for another. */
static void close_others(const struct supervisor *s, const struct supervisor_child *child)
{
	if (child != &s->dataplane)
		close_fd(s->boot->dataplane_channel);
	if (child != &s->control) {
		close_fd(s->boot->control_channel);
		close_fd(s->boot->control_courier);
		close_fd(s->boot->control_files);
	}
	if (child != &s->files)
		close_fd(s->boot->files_channel);
	if (child != &s->courier)
		close_fd(s->boot->courier_channel);
}

static int child_start(struct supervisor *s, struct supervisor_child *child)
{
	char number[16];
	pid_t parent = getpid(), pid;
	sigset_t none;
	int boot_fd = s->boot_fd;

	(*child->starts)++;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
		/* A terminal's Ctrl-C is for the supervisor, which ends the others in order. */
		setpgid(0, 0);
		close_others(s, child);
		if (child == &s->courier)
			boot_fd = courier_prepare(s);
		if (boot_fd < 0) {
			fprintf(stderr, "metsuke: the courier cannot be confined: %s (control.sandbox: "
					"no goes without)\n", strerror(-boot_fd));
			_exit(127);
		}
		snprintf(number, sizeof(number), "%d", boot_fd);
		execl(child->program, child->program, "--boot", number, (char *)NULL);
		fprintf(stderr, "metsuke: %s cannot be started: %s\n", child->program,
			strerror(errno));
		_exit(127);
	}
	child->pid = pid;
	if (child->told_pid)
		__atomic_store_n(child->told_pid, pid, __ATOMIC_RELEASE);
	child->started_ns = monotonic_ns();
	child->restart_at_ns = 0;
	return 0;
}

static const char *how_it_ended(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
	return text;
}

static bool ended_well(const struct supervisor_child *child)
{
	return WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

/* Whether a dead child stays dead. A capture is not read twice; a process that says at its first
 * start why it cannot work will only say so again. */
static bool stays_dead(const struct supervisor *s, const struct supervisor_child *child)
{
	bool live = s->boot->purpose == BOOT_LIVE;
	bool is_dataplane = child == &s->dataplane;

	if (child == &s->courier && s->stopping)
		return true;
	if (ended_well(child) || child->quick_deaths > QUICK_DEATHS_MAX)
		return true;
	if (WIFEXITED(child->status))
		return !live || s->stopping || *child->starts == 1;
	return is_dataplane && (!live || s->stopping);
}

/* Both ends of the courier's channel are kept here, for those who are started again: who waits for
 * a dead courier would wait for long. What it had not yet read goes, and who waits is told. */
static void tell_courier_gone(struct supervisor *s, const char *how)
{
	int channel = s->boot->courier_channel;
	char text[256];

	while (recv(channel, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	snprintf(text, sizeof(text),
		 "{\"id\":%d,\"status\":%d,\"error\":\"the courier process %s before it answered%s\"}",
		 MESSAGE_GONE_ID, -EPIPE, how,
		 s->courier.finished ? "" : "; it is started again");
	send(channel, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (s->courier.finished)
		shutdown(channel, SHUT_RDWR);
}

static void child_gone(struct supervisor *s, struct supervisor_child *child, int status)
{
	uint64_t now = monotonic_ns();
	bool quick = now - child->started_ns < QUICK_DEATH_NS;
	char how[96];

	child->pid = 0;
	if (child->told_pid)
		__atomic_store_n(child->told_pid, 0, __ATOMIC_RELEASE);
	child->status = status;
	child->quick_deaths = quick ? child->quick_deaths + 1 : 0;
	child->finished = stays_dead(s, child);
	how_it_ended(status, how, sizeof(how));
	if (child == &s->courier)
		tell_courier_gone(s, how);
	if (ended_well(child) || (child->finished && WIFEXITED(status)))
		return;
	fprintf(stderr, "metsuke: the %s process %s%s\n", child->name, how,
		child->finished ? "" : "; it is started again");
	/* 0, 0, then 25 ms doubling up to 800 ms */
	if (child->quick_deaths > 2) {
		unsigned step = child->quick_deaths - 3 < 5 ? child->quick_deaths - 3 : 5;

		child->restart_at_ns = now + (25000000ull << step);
	}
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->dataplane.pid)
			child_gone(s, &s->dataplane, status);
		else if (pid == s->control.pid)
			child_gone(s, &s->control, status);
		else if (pid == s->courier.pid)
			child_gone(s, &s->courier, status);
		else if (pid == s->files.pid)
			child_gone(s, &s->files, status);
		else if (pid == s->capture.pid)
			child_gone(s, &s->capture, status);
	}
}

static void restart_due(struct supervisor *s, struct supervisor_child *child)
{
	if (!child->pid && !child->finished && monotonic_ns() >= child->restart_at_ns) {
		int err = child_start(s, child);

		if (err) {
			fprintf(stderr, "metsuke: the %s process cannot be started: %s\n",
				child->name, strerror(-err));
			child->restart_at_ns = monotonic_ns() + 1000000000ull;
		}
	}
}

/* A dataplane that runs but no longer beats is ended, so that it is started again. */
static void watch_heartbeat(struct supervisor *s)
{
	const struct dataplane_status *st = &s->counters->status;
	uint64_t beat = __atomic_load_n(&st->heartbeat_ns, __ATOMIC_RELAXED), now = monotonic_ns();

	if (s->boot->purpose != BOOT_LIVE || !s->dataplane.pid || s->stopping ||
	    __atomic_load_n(&st->state, __ATOMIC_RELAXED) != DATAPLANE_RUNNING)
		return;
	if (beat > s->dataplane.started_ns && now > beat + HEARTBEAT_LOST_NS) {
		fprintf(stderr, "metsuke: the dataplane has not answered for 30 seconds; it is ended\n");
		kill(s->dataplane.pid, SIGKILL);
	}
}

static void stop_children(struct supervisor *s)
{
	if (!s->stopping) {
		s->stopping = true;
		s->stop_deadline_ns = monotonic_ns() + STOP_WAIT_NS;
		if (s->dataplane.pid)
			kill(s->dataplane.pid, SIGTERM);
		else
			s->dataplane.finished = true;
		return;
	}
	/* A second signal, or too long a wait: at once. */
	if (s->dataplane.pid)
		kill(s->dataplane.pid, SIGKILL);
	if (s->control.pid && s->dataplane.finished)
		kill(s->control.pid, SIGKILL);
	if (s->files.pid && s->dataplane.finished)
		kill(s->files.pid, SIGKILL);
	if (s->capture.pid && s->dataplane.finished)
		kill(s->capture.pid, SIGKILL);
	s->stop_deadline_ns = monotonic_ns() + STOP_WAIT_NS;
}

static void notify_service_manager(const char *what)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

static void after_dataplane(struct supervisor *s)
{
	/* Live, a dataplane that will not come back ends the service. */
	if (s->dataplane.finished && !s->boot->dataplane_gone) {
		s->boot->stop = 1;
		__atomic_store_n(&s->boot->dataplane_gone, 1, __ATOMIC_RELEASE);
	}
	if (s->files.finished)
		__atomic_store_n(&s->boot->files_here, 0, __ATOMIC_RELEASE);
	if ((s->control.finished || (s->files.finished && !s->no_files) ||
	     (s->capture.finished && !s->no_capture)) && !s->dataplane.finished && !s->stopping)
		stop_children(s);
}

static void run_until_ended(struct supervisor *s, int signals)
{
	bool ready = false;

	while (!s->dataplane.finished || !s->control.finished || !s->files.finished || !s->capture.finished) {
		struct pollfd p = {.fd = signals, .events = POLLIN};
		struct signalfd_siginfo info;

		restart_due(s, &s->dataplane);
		restart_due(s, &s->control);
		restart_due(s, &s->courier);
		restart_due(s, &s->files);
		restart_due(s, &s->capture);
		if (poll(&p, 1, TICK_MS) > 0 && read(signals, &info, sizeof(info)) > 0) {
			if (info.ssi_signo == SIGHUP && s->control.pid)
				kill(s->control.pid, SIGHUP);
			else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGHUP)
				stop_children(s);
		}
		reap(s);
		after_dataplane(s);
		watch_heartbeat(s);
		if (s->stopping && monotonic_ns() > s->stop_deadline_ns)
			stop_children(s);
		if (!ready && s->counters->status.state == DATAPLANE_RUNNING) {
			ready = true;
			notify_service_manager("READY=1");
		}
		if (s->tick)
			s->tick(s, s->tick_arg);
	}
}

/* Nobody asks it any more. */
static void end_courier(struct supervisor *s)
{
	if (!s->courier.pid)
		return;
	kill(s->courier.pid, SIGKILL);
	waitpid(s->courier.pid, NULL, 0);
	s->courier.pid = 0;
}

int supervisor_run(struct supervisor *s)
{
	sigset_t handled, before;
	int signals, status = 0;

	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGHUP);
	sigprocmask(SIG_BLOCK, &handled, &before);
	signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		fprintf(stderr, "metsuke: signalfd: %s\n", strerror(errno));
		return 1;
	}
	run_until_ended(s, signals);
	end_courier(s);
	close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (s->counters->status.error[0] && s->counters->status.state == DATAPLANE_FAILED)
		fprintf(stderr, "metsuke: %s\n", s->counters->status.error);
	if (!ended_well(&s->dataplane) || !ended_well(&s->control) ||
	    (!s->no_files && !ended_well(&s->files)) || (!s->no_capture && !ended_well(&s->capture)))
		status = 1;
	return status;
}

int supervisor_check(struct supervisor *s)
{
	struct supervisor_child *asked[] = {&s->control, &s->dataplane};
	bool well = true;

	for (unsigned i = 0; i < 2; i++) {
		int err = child_start(s, asked[i]);

		if (!err && waitpid(asked[i]->pid, &asked[i]->status, 0) < 0)
			err = -errno;
		asked[i]->pid = 0;
		if (err)
			fprintf(stderr, "metsuke: the %s process cannot be asked: %s\n", asked[i]->name, strerror(-err));
		well = well && !err && ended_well(asked[i]);
	}
	if (s->counters->status.error[0])
		fprintf(stderr, "metsuke: %s\n", s->counters->status.error);
	return well ? 0 : 1;
}
