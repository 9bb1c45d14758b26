/* ctl-request.c - a request to the server by its control socket, and what to do when none listens.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/text.h"
#include "core/config.h"
#include "core/loader.h"
#include "core/module.h"
#include "tools/ctl.h"

/* The server answers within its own deadlines (a database that is away: 30 s). */
#define ANSWER_SECONDS 60
#define ANSWER_MAX_BYTES (64u << 20)

bool ctl_read_top(struct ctl *ctl, const char **error_out)
{
	if (ctl->top == NULL)
		ctl->top = config_top(ctl->config_path, ctl->arena, error_out);
	return ctl->top != NULL;
}

bool ctl_load_modules(struct ctl *ctl, const char **error_out)
{
	if (!ctl->has_modules)
		ctl->has_modules =
		    loader_load(ctl->top->module_path, ctl->top->modules, ctl->arena, error_out);
	return ctl->has_modules;
}

bool ctl_configure(struct ctl *ctl, const char **error_out)
{
	if (ctl->config != NULL)
		return true;
	if (!ctl_read_top(ctl, error_out) || !ctl_load_modules(ctl, error_out))
		return false;
	ctl->config = config_load(ctl->config_path, server_modules(), false, ctl->arena, error_out);
	return ctl->config != NULL;
}

/* ---- the socket ---- */

/* The connected socket; -1 if no server listens, -2 and the reason if it cannot be reached. */
static int control_connect(const struct ctl *ctl, const char **error_out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	const char *path = ctl->top->control;
	int fd, reason;

	if (path == NULL)
		return -1;
	if (strlen(path) >= sizeof address.sun_path) {
		*error_out = arena_printf(ctl->arena, "%s: too long for a socket", path);
		return -2;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		return fd;
	}
	reason = errno;
	close(fd);
	if (reason == ENOENT || reason == ECONNREFUSED)
		return -1;
	*error_out = arena_printf(ctl->arena, "%s: %s%s", path, strerror(reason),
	    reason == EACCES ? "; be root, or the user the server runs as" : "");
	return -2;
}

int ctl_find_server(struct ctl *ctl, const char **error_out)
{
	int fd = control_connect(ctl, error_out);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? CTL_GOOD : fd == -1 ? CTL_NOT_RUNNING : CTL_FAILED;
}

static void line_send(int fd, const char *line, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, line, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		line += sent;
		length -= (size_t)sent;
	}
}

static bool line_receive(int fd, struct text *line)
{
	while (line->length == 0 || line->at[line->length - 1] != '\n') {
		ssize_t got = recv(fd, text_reserve(line, 65536), 65536, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || line->length > ANSWER_MAX_BYTES)
			return false;
		line->length += (size_t)got;
	}
	return true;
}

static json_t *control_ask(int fd, const json_t *request)
{
	char *line = json_dumps(request, JSON_COMPACT);
	size_t length = strlen(line);
	struct text received = { 0 };
	json_t *answer = NULL;

	/* One character of the line becomes its end: the NUL. */
	line[length] = '\n';
	/* Who is refused may have the answer before having asked. */
	line_send(fd, line, length + 1);
	if (line_receive(fd, &received))
		answer = json_loadb(received.at, received.length, 0, NULL);
	crypto_wipe(line, length);
	free(line);
	text_free(&received);
	return answer;
}

/* ---- either way ---- */

static bool request_works_offline(const json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));

	return strncmp(command, "user-", 5) == 0;
}

static const char *why_nobody_answers(const struct ctl *ctl)
{
	if (ctl->top->control == NULL)
		return arena_printf(ctl->arena,
		    "\"control\" is empty in %s: a server with that cannot be asked",
		    ctl->config_path);
	return arena_printf(ctl->arena,
	    "no server is running that has %s as its control socket; start it, or name its "
	    "configuration with --config FILE",
	    ctl->top->control);
}

/* The answer from wherever it comes; NULL after having said why not. */
static json_t *request_ask(struct ctl *ctl, json_t *request, int *status_out)
{
	const char *error = NULL;
	json_t *answer = NULL;
	int fd;

	*status_out = CTL_FAILED;
	fd = ctl_read_top(ctl, &error) ? control_connect(ctl, &error) : -2;
	if (fd >= 0) {
		answer = control_ask(fd, request);
		close(fd);
		if (answer == NULL)
			error = "the server did not answer; its log may say why";
	} else if (fd == -1 && request_works_offline(request)) {
		answer = ctl_offline(ctl, json_incref(request), &error);
	} else if (fd == -1) {
		*status_out = CTL_NOT_RUNNING;
		error = why_nobody_answers(ctl);
	}
	if (answer == NULL)
		ctl_fail("%s", error);
	return answer;
}

int ctl_request(struct ctl *ctl, json_t *request, json_t **answer_out)
{
	int status;
	json_t *answer = request_ask(ctl, request, &status);

	json_decref(request);
	if (answer == NULL)
		return status;
	if (json_is_true(json_object_get(answer, "ok"))) {
		*answer_out = answer;
		return CTL_GOOD;
	}
	if (ctl->json)
		ctl_print_json(answer);
	ctl_fail("%s", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return CTL_FAILED;
}

int ctl_run(struct ctl *ctl, json_t *request, void (*print)(const json_t *answer))
{
	json_t *answer;
	int status = ctl_request(ctl, request, &answer);

	if (status != CTL_GOOD)
		return status;
	if (ctl->json)
		ctl_print_json(answer);
	else if (print != NULL)
		print(answer);
	json_decref(answer);
	return CTL_GOOD;
}
