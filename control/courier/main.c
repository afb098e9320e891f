/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The courier process. `metsuke-courier --boot FD` (live, started by the supervisor): reads the
 * configuration and the secrets it names, becomes control.user, enters its sandbox, then carries
 * out requests until its channel is closed, each on a thread of its own. `--channel FD` (offline): for one asker, without.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/courier/message.h"
#include "control/courier/request.h"
#include "control/courier/secrets.h"
#include "dataplane/event/boot.h"

#define ERRANDS_MAX 16 /* at once; what is asked beyond waits in the channel */

static int drop_root(const struct config *c)
{
	struct passwd *user = geteuid() == 0 && c->control_user[0] ? getpwnam(c->control_user) : NULL;

	/* Without that user it stays root inside its sandbox, as control does, which says so. */
	if (!user || user->pw_uid == 0)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
		return -errno;
	return 0;
}

static int allow_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	struct stat st;
	int err = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		err = -errno;
	close(rule.parent_fd);
	return err;
}

/* Certificates, and what looking a name up needs; nothing to write. */
static int enter_landlock(const struct config *c)
{
	static const char *const readable[] = {
		"/etc/ssl", "/usr/share/ca-certificates", "/usr/lib/ssl", "/etc/resolv.conf",
		"/run/systemd/resolve", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf",
		"/etc/host.conf", "/etc/services", "/etc/ld.so.cache", "/lib", "/usr/lib",
		"/dev/urandom", "/etc/localtime", "/usr/share/zoneinfo", "/proc/sys/crypto"};
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	struct landlock_ruleset_attr attr = {.handled_access_fs =
						     (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), err = 0;

	if (ruleset < 0)
		return 0; /* an old kernel: the other barriers stand */
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && !err; i++)
		err = allow_path(ruleset, readable[i], read);
	if (!err && c->courier_ca[0])
		err = allow_path(ruleset, c->courier_ca, read);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		err = -errno;
	close(ruleset);
	return err;
}

/* What a messenger never does. A list of what it may do would be the resolver's and TLS library's
 * business, which changes with every update. */
static int enter_seccomp(void)
{
	static const int refused[] = {
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
		SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
		SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
		SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
		SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
		SCMP_SYS(kexec_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
		SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(userfaultfd),
		SCMP_SYS(open_by_handle_at), SCMP_SYS(io_uring_setup), SCMP_SYS(bind),
		SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(kill),
		SCMP_SYS(tkill), SCMP_SYS(setuid), SCMP_SYS(setresuid)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	if (!err)
		err = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return err;
}

static int enter_sandbox(const struct config *c)
{
	int err = drop_root(c);

	if (!err && !c->sandbox)
		return 0;
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		     prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0))
		err = -errno;
	if (!err)
		err = enter_landlock(c);
	if (!err)
		err = enter_seccomp();
	if (err)
		say("the courier's sandbox cannot be entered: %s (control.sandbox: no goes without)",
		    strerror(-err));
	return err;
}

static void answer(int channel, const struct courier_order *o, struct courier_answer *a)
{
	char *text = message_of_answer(a, o->id);
	int err = text ? message_send(channel, text, a->body_fd) : -ENOMEM;

	if (err && err != -EPIPE)
		say("the courier could not answer: %s", strerror(-err));
	if (a->body_fd >= 0)
		close(a->body_fd);
	free(text);
}

/* One request under way, on a thread of its own: a server that says nothing holds up nobody else. */
struct errand {
	struct courier_order o;
	int channel, body;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;
static unsigned under_way;

static void *run_errand(void *arg)
{
	struct errand *e = arg;
	struct courier_answer a = {.body_fd = -1};

	request_carry_out(&e->o, e->body, &a);
	answer(e->channel, &e->o, &a);
	message_order_free(&e->o);
	if (e->body >= 0)
		close(e->body);
	free(e);
	pthread_mutex_lock(&lock);
	under_way--;
	pthread_cond_signal(&fewer);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Takes the errand. */
static void begin_errand(struct errand *e)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_lock(&lock);
	while (under_way >= ERRANDS_MAX)
		pthread_cond_wait(&fewer, &lock);
	under_way++;
	pthread_mutex_unlock(&lock);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, run_errand, e) != 0)
		run_errand(e);
	pthread_attr_destroy(&attr);
}

static int serve(int channel)
{
	static char text[MESSAGE_BYTES_MAX];

	for (;;) {
		struct errand *e;
		int body;
		ssize_t n = message_receive(channel, text, &body, -1);

		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : 1;
		e = calloc(1, sizeof(*e));
		if (e && message_read_request(&e->o, text, (size_t)n)) {
			/* Its lists point into it: they stay where they are. */
			e->channel = channel;
			e->body = body;
			begin_errand(e);
			continue;
		}
		free(e);
		if (body >= 0)
			close(body);
	}
}

static int run_live(int boot_fd)
{
	struct boot *b = boot_attach(boot_fd);
	struct config *c = b ? config_read(b->config_fd) : NULL;

	if (!c || b->courier_channel < 0) {
		say("this program is started by metsuked (metsuke-courier --boot FD)");
		return 2;
	}
	secrets_load(c);
	if (enter_sandbox(c) != 0)
		return 1;
	return serve(b->courier_channel);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (argc == 3 && strcmp(argv[1], "--boot") == 0)
		return run_live(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "--channel") == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		secrets_allow_reading();
		return serve(atoi(argv[2]));
	}
	say("this program is started by metsuked (metsuke-courier --boot FD)");
	return 2;
}
