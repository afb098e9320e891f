/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/metsuke/store_call.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/base/program.h"

static char *read_all(int fd)
{
	size_t len = 0, cap = 65536;
	char *text = malloc(cap);

	while (text) {
		ssize_t n = read(fd, text + len, cap - len - 1);

		if (n <= 0)
			break;
		len += (size_t)n;
		if (cap - len < 32768) {
			char *bigger = realloc(text, cap *= 2);

			if (!bigger) {
				free(text);
				return NULL;
			}
			text = bigger;
		}
	}
	if (text)
		text[len] = '\0';
	return text;
}

char *store_call(const char *store, const char *request, int file)
{
	char program[PATH_MAX + 32], *reply = NULL;
	int out[2], status = 0;
	pid_t pid;

	program_find("metsuke-control", program, sizeof(program));
	if (pipe(out) != 0)
		return NULL;
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		if (file > 0)
			dup2(file, 0);
		close(out[0]);
		close(out[1]);
		execl(program, program, "--store", store, "--call", request,
		      file >= 0 ? "--input" : (char *)NULL, (char *)NULL);
		fprintf(stderr, "metsuke: %s cannot be started: %s\n", program, strerror(errno));
		_exit(127);
	}
	close(out[1]);
	if (pid > 0) {
		reply = read_all(out[0]);
		waitpid(pid, &status, 0);
	}
	close(out[0]);
	/* The control process has said on stderr why it could not. */
	if (reply && !*reply) {
		free(reply);
		reply = NULL;
	}
	return reply;
}
