/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/process/rights.h"

#define NOBODY 65534
#define KILL_AFTER_SECONDS 3 /* beyond the limit, for who does not hear SIGXCPU */

int confine_analyser(const char *user)
{
	struct passwd *p = user && *user ? getpwnam(user) : NULL;
	uid_t uid = p && p->pw_uid ? p->pw_uid : NOBODY;
	gid_t gid = p && p->pw_uid ? p->pw_gid : NOBODY;

	if (geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

static int limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit l = {soft, hard};

	return setrlimit((__rlimit_resource_t)what, &l) == 0 ? 0 : -errno;
}

/* Bytes of address space that the process has now. */
static uint64_t space_now(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Everything that Landlock knows, and no rule that allows any of it. */
static int enter_landlock(void)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = (LANDLOCK_ACCESS_FS_REFER << 1) - 1};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), err = 0;

	if (ruleset < 0)
		return 0; /* a kernel without it: the filter of system calls refuses the same */
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		err = -errno;
	close(ruleset);
	return err;
}

static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(fstat),
	SCMP_SYS(close), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getrandom), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(sched_yield), SCMP_SYS(getrusage), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
};

#define PROTECTION_EXEC 4 /* PROT_EXEC */

static int enter_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory, but none that runs. */
	for (size_t i = 0; i < 2 && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROTECTION_EXEC, 0));
	if (!err)
		err = rights_allow_own_signals(filter);
	if (!err)
		err = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return err;
}

int confine_worker(uint64_t memory_bytes, unsigned seconds, uint64_t report_bytes)
{
	rlim_t space = space_now() + memory_bytes;
	int err = limit(RLIMIT_AS, space, space);

	if (!err)
		err = limit(RLIMIT_CPU, seconds, seconds + KILL_AFTER_SECONDS);
	if (!err)
		err = limit(RLIMIT_FSIZE, report_bytes, report_bytes);
	if (!err)
		err = limit(RLIMIT_CORE, 0, 0);
	if (!err && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		err = -errno;
	if (!err)
		err = enter_landlock();
	if (!err)
		err = enter_seccomp();
	return err;
}
