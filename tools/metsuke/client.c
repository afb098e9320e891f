/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls to the engine: JSON-RPC 2.0, one message a line, over the control socket; or, with
 * --store, the same methods by the same code on a store that no daemon has open.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/metsuke/cli.h"
#include "tools/metsuke/store_call.h"

#define DEFAULT_SOCKET "/run/metsuke/control.sock"

static int connect_socket(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(to.sun_path)) {
		fprintf(stderr, "metsuke: %s: the path of the socket is too long\n", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		if (errno == EACCES)
			fprintf(stderr, "metsuke: %s: no permission; be root or in the group metsuke\n",
				path);
		else
			fprintf(stderr,
				"metsuke: no engine answers at %s (%s); start metsuked, or name a "
				"store with --store DIR\n",
				path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		if (done <= 0)
			return -1;
		text += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The request, and the file beside its first byte. */
static int send_request(int fd, const char *text, size_t n, int file)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {(void *)(uintptr_t)text, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (file >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						.cmsg_level = SOL_SOCKET,
						.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &file, sizeof(int));
	}
	sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	if (sent < 0 || send_all(fd, text + sent, n - (size_t)sent) != 0)
		return -1;
	return send_all(fd, "\n", 1);
}

/* One line of any length; NULL when the other end is gone. */
static char *receive_line(int fd)
{
	size_t len = 0, cap = 65536;
	char *line = malloc(cap);

	while (line) {
		ssize_t n = recv(fd, line + len, cap - len - 1, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		line[len] = '\0';
		if (line[len - 1] == '\n')
			return line;
		if (cap - len < 32768) {
			char *bigger = realloc(line, cap *= 2);

			if (!bigger)
				break;
			line = bigger;
		}
	}
	free(line);
	return NULL;
}

static json_t *unpack_reply(const char *method, const char *line)
{
	json_t *reply = line ? json_loads(line, 0, NULL) : NULL, *result, *error;

	if (!reply) {
		fprintf(stderr, "metsuke: %s: the engine closed the connection without an answer\n",
			method);
		return NULL;
	}
	error = json_object_get(reply, "error");
	result = json_incref(json_object_get(reply, "result"));
	if (error && !json_is_null(error)) {
		const char *why = json_string_value(json_object_get(error, "message"));

		fprintf(stderr, "metsuke: %s: %s\n", method, why ? why : "failed");
		json_decref(result);
		result = NULL;
	}
	json_decref(reply);
	return result;
}

/* What runs for us, as one line on stderr. */
static json_int_t show_progress(const char *socket_path, bool cancel)
{
	json_t *jobs = cli_call(socket_path, NULL, "jobs", NULL), *job;
	json_int_t number = 0;
	size_t i;

	json_array_foreach(jobs, i, job) {
		json_int_t done = json_integer_value(json_object_get(job, "done"));
		json_int_t total = json_integer_value(json_object_get(job, "total"));
		double seconds = json_number_value(json_object_get(job, "seconds"));
		double rate = seconds > 0 ? (double)done / seconds : 0;

		if (strcmp(cli_text(job, "state"), "running") != 0)
			continue;
		number = json_integer_value(json_object_get(job, "job"));
		fprintf(stderr, "\r\033[K%s: %" JSON_INTEGER_FORMAT, cli_text(job, "what"), done);
		if (total && rate > 0)
			fprintf(stderr, " of %" JSON_INTEGER_FORMAT ", %.0f/s, %.0f s to go", total, rate,
				(double)(total - done) / rate);
	}
	json_decref(jobs);
	if (cancel && number)
		json_decref(cli_call(socket_path, NULL, "jobs.cancel",
				     json_pack("{s:I}", "job", number)));
	return number;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = 1;
}

/* Until the reply begins. The first Ctrl-C stops the work, the second the waiting. */
static void wait_for_reply(int fd, const char *socket_path)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND}, before;
	bool shown = false;

	sigaction(SIGINT, &act, &before);
	while (poll(&p, 1, 500) <= 0) {
		if (interrupted || isatty(2))
			show_progress(socket_path, interrupted);
		shown |= isatty(2);
		interrupted = 0;
	}
	sigaction(SIGINT, &before, NULL);
	if (shown)
		fputs("\r\033[K", stderr);
}

static json_t *call(const char *socket_path, const char *store, const char *method, json_t *params,
		    int file, bool works)
{
	json_t *request = json_pack("{s:s s:i s:s s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
				    "params", params ? params : json_object());
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL, *line = NULL;
	json_t *result = NULL;
	int fd;

	if (!text)
		return NULL;
	if (store) {
		line = store_call(store, text, file);
		result = line ? unpack_reply(method, line) : NULL;
	} else {
		fd = connect_socket(socket_path ? socket_path : DEFAULT_SOCKET);
		if (fd >= 0) {
			if (send_request(fd, text, strlen(text), file) == 0) {
				if (works)
					wait_for_reply(fd, socket_path);
				line = receive_line(fd);
			}
			result = unpack_reply(method, line);
			close(fd);
		}
	}
	free(line);
	free(text);
	json_decref(request);
	return result;
}

json_t *cli_call(const char *socket_path, const char *store, const char *method, json_t *params)
{
	return call(socket_path, store, method, params, -1, false);
}

json_t *cli_work(const char *socket_path, const char *store, const char *method, json_t *params,
		 int fd)
{
	return call(socket_path, store, method, params, fd, true);
}
