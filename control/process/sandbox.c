/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/base/say.h"
#include "control/process/rights.h"

#define FILES_MAX 4096

/* ---- user ---- */

static uid_t owner_uid; /* for nftw, which takes no argument; main thread, before any other */
static gid_t owner_gid;

static int give_away(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (st->st_uid != owner_uid && lchown(path, owner_uid, owner_gid) != 0)
		return -1;
	return 0;
}

static int make_folders(const struct sandbox *s)
{
	int err = 0;

	for (int i = 0; i < SANDBOX_FOLDERS && !err; i++) {
		if (!s->folders[i] || !*s->folders[i])
			continue;
		err = folder_make(s->folders[i], 0750);
		if (err)
			say("%s cannot be made: %s", s->folders[i], strerror(-err));
	}
	return err;
}

static int own(const struct sandbox *s, const char *dir)
{
	int err = folder_make(dir, 0750);

	if (!err && nftw(dir, give_away, 16, FTW_PHYS | FTW_MOUNT) != 0)
		err = -errno;
	if (err)
		say("%s cannot be made or given to the user of %s: %s", dir, s->process, strerror(-err));
	return err;
}

/* User root without what makes root mighty: files of others are others' from now on. */
static int stay_root(const struct sandbox *s, const struct config *c)
{
	int err = make_folders(s);

	if (err)
		return err;
	err = rights_give_up_capabilities();
	if (err)
		say("%s cannot give up its capabilities: %s", s->process, strerror(-err));
	else if (strcmp(s->process, SANDBOX_CONTROL) != 0)
		return 0; /* said once is enough */
	else if (c->control_user[0] && strcmp(c->control_user, "root") != 0)
		say("there is no user %s (control.user): control and courier stay user root, without "
		    "any capability; systemd-sysusers, or adduser --system --group %s, makes the user",
		    c->control_user, c->control_user);
	else
		say("control and courier are user root (control.user), without any capability");
	return err;
}

static int drop_root(const struct sandbox *s, const struct config *c, const struct boot *b)
{
	struct passwd *user;
	int err = 0;

	if (geteuid() != 0 || b->purpose != BOOT_LIVE)
		return 0;
	user = c->control_user[0] ? getpwnam(c->control_user) : NULL;
	if (!user || user->pw_uid == 0)
		return stay_root(s, c);
	owner_uid = user->pw_uid;
	owner_gid = user->pw_gid;
	for (int i = 0; i < SANDBOX_FOLDERS && !err; i++)
		if (s->folders[i] && *s->folders[i])
			err = own(s, s->folders[i]);
	if (err)
		return err;
	if (setgroups(0, NULL) != 0 || setresgid(owner_gid, owner_gid, owner_gid) != 0 ||
	    setresuid(owner_uid, owner_uid, owner_uid) != 0) {
		err = -errno;
		say("%s cannot become user %s: %s", s->process, c->control_user, strerror(-err));
	}
	return err;
}

/* ---- Landlock ---- */

static int allow_path(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	struct stat st;
	int err = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		err = -errno;
	close(rule.parent_fd);
	return err;
}

static int enter_landlock(const struct sandbox *s)
{
	static const char *const readable[] = {"/etc/localtime", "/usr/share/zoneinfo",
					       "/sys/devices/system/cpu",
					       "/proc/sys/kernel/random", "/dev/null",
					       "/dev/urandom"};
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	/* The second version knows of files that move between folders; the first refuses that always. */
	const uint64_t all = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
	const uint64_t own = all & ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE |
					       LANDLOCK_ACCESS_FS_MAKE_CHAR |
					       LANDLOCK_ACCESS_FS_MAKE_BLOCK);
	struct landlock_ruleset_attr attr = {.handled_access_fs = all};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), err;

	if (ruleset < 0) {
		/* A kernel before 5.19: the other barriers stand. */
		say("Landlock is not there (%s); files are guarded by their owner alone",
		    strerror(errno));
		return 0;
	}
	err = 0;
	for (int i = 0; i < SANDBOX_FOLDERS && !err; i++)
		if (s->folders[i] && *s->folders[i])
			err = allow_path(ruleset, s->folders[i], own);
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && !err; i++)
		err = allow_path(ruleset, readable[i], read);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		err = -errno;
	close(ruleset);
	return err;
}

/* ---- seccomp ---- */

static const int allowed[] = {
	/* files */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv),
	SCMP_SYS(writev), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(open), SCMP_SYS(openat),
	SCMP_SYS(close), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(syncfs), SCMP_SYS(utimensat), SCMP_SYS(sync_file_range), SCMP_SYS(fallocate), SCMP_SYS(ftruncate),
	SCMP_SYS(truncate), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(getdents64), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(fadvise64), SCMP_SYS(readahead), SCMP_SYS(statfs),
	SCMP_SYS(fstatfs), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(pipe2),
	SCMP_SYS(getcwd), SCMP_SYS(umask),
	/* memory */
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(brk), SCMP_SYS(memfd_create), SCMP_SYS(mincore),
	/* time, threads, signals */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(futex),
	SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler), SCMP_SYS(setpriority), SCMP_SYS(getpriority),
	SCMP_SYS(ioprio_get), SCMP_SYS(ioprio_set), SCMP_SYS(getcpu), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrusage), SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(prctl),
	SCMP_SYS(membarrier),
	/* the control socket and the command channel: nothing new is opened */
	SCMP_SYS(accept4), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(sendfile), SCMP_SYS(eventfd2), SCMP_SYS(mlock), SCMP_SYS(munlock), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(getsockopt), SCMP_SYS(shutdown), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(poll), SCMP_SYS(ppoll),
};

static int enter_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!err)
		err = rights_allow_own_signals(filter);
	/* Threads, not processes. clone3 hides its flags: glibc does with clone where it is not. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, 0x00010000 /* CLONE_THREAD */,
					       0x00010000));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!err)
		err = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return err;
}

static int limit(int what, rlim_t most)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)what, &l) != 0)
		return -errno;
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &l) == 0 ? 0 : -errno;
}

static int enter(const struct sandbox *s)
{
	int err = make_folders(s); /* they must be there to be allowed */

	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		     prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0))
		err = -errno;
	if (!err)
		err = limit(RLIMIT_NOFILE, FILES_MAX);
	if (!err)
		err = limit(RLIMIT_CORE, 0);
	if (!err)
		err = enter_landlock(s);
	if (!err)
		err = enter_seccomp();
	if (err)
		say("the sandbox cannot be entered: %s (control.sandbox: no goes without)",
		    strerror(-err));
	return err;
}

int sandbox_begin(const struct sandbox *s, const struct config *c, const struct boot *b)
{
	int err = drop_root(s, c, b);

	/* a sanitizer needs what the filter refuses */
	if (err || METSUKE_SANITIZED || !c->sandbox || b->purpose != BOOT_LIVE)
		return err;
	return enter(s);
}
