/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is given up: each in a child, which ends with the number of the first line that is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/process/rights.h"

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			_exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1);                              \
	} while (0)

static int in_child(void (*what)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool refused(long result)
{
	return result == -1 && errno == EPERM;
}

static void *nothing(void *arg)
{
	return arg;
}

static void courier(void)
{
	pthread_t t;
	long fd;

	MUST(rights_confine_courier() == 0);
	for (int family = 0; family < 50; family++)
		if (family != AF_INET && family != AF_INET6)
			MUST(refused(socket(family, SOCK_DGRAM, 0)));
	/* The kernel would cut it to AF_UNIX. */
	MUST(refused(syscall(SYS_socket, 0x100000001L, SOCK_STREAM, 0)));
	MUST(refused(syscall(SYS_socket, 0x200000002L, SOCK_STREAM, 0)));
	MUST(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	MUST(fd >= 0 || errno == EAFNOSUPPORT);
	MUST(refused(kill(getppid(), 0)));
	MUST(refused(syscall(SYS_tkill, getppid(), 0)));
	MUST(refused(syscall(SYS_tgkill, getppid(), getppid(), 0)));
	MUST(refused(syscall(SYS_pidfd_open, getppid(), 0)));
	MUST(refused(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0)));
	MUST(refused(syscall(SYS_rt_sigqueueinfo, getppid(), 0, NULL)));
	MUST(refused(fork()));
	/* What it needs stays: threads, abort(). */
	MUST(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
	MUST(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) == 0);
}

static void capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];

	MUST(rights_give_up_capabilities() == 0);
	MUST(syscall(SYS_capget, &head, has) == 0);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		MUST(!has[i].effective && !has[i].permitted && !has[i].inheritable);
	for (int c = 0; c <= CAP_LAST_CAP; c++)
		MUST(prctl(PR_CAPBSET_READ, c, 0, 0, 0) != 1);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(refused(chown("/", 1, 1)) || geteuid() != 0);
}

static void test_courier(void **state)
{
	assert_int_equal(in_child(courier), 0);
}

static void test_capabilities(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(capabilities), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_courier),
		cmocka_unit_test(test_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
