/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls to the engine: JSON-RPC 2.0, one message a line, over the control socket; or, with
 * --store, the same methods by the same code on a store that no daemon has open.
 */
#include <errno.h>
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

json_t *cli_call(const char *socket_path, const char *store, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s s:i s:s s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
				    "params", params ? params : json_object());
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL, *line = NULL;
	json_t *result = NULL;
	int fd;

	if (!text)
		return NULL;
	if (store) {
		line = store_call(store, text);
		result = line ? unpack_reply(method, line) : NULL;
	} else {
		fd = connect_socket(socket_path ? socket_path : DEFAULT_SOCKET);
		if (fd >= 0) {
			if (send_all(fd, text, strlen(text)) == 0 && send_all(fd, "\n", 1) == 0)
				line = receive_line(fd);
			result = unpack_reply(method, line);
			close(fd);
		}
	}
	free(line);
	free(text);
	json_decref(request);
	return result;
}
