/* control.c - the control socket: accepting, reading lines, writing answers. */
#define _GNU_SOURCE /* ucred, accept4() */
#include "admin/control.h"

#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/command.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/text.h"
#include "loop/descriptor.h"
#include "loop/timer.h"

#define ACCEPT_PAUSE_MS 500
#define READ_BYTES 4096

struct client {
	LIST_ENTRY(client) sibling;
	int fd;
	struct descriptor *descriptor;
	struct timer *idle;
	struct text input, output;
	bool busy;   /* a command is being run */
	bool ending; /* nothing more is read; freed when all is written */
};

static struct {
	int fd;
	char *path;
	struct descriptor *descriptor; /* NULL: not listening */
	struct timer *pause;           /* no descriptors were left: accepting rests */
	LIST_HEAD(, client) clients;
	unsigned count;
} control;

static void client_serve(struct client *client);

/* ---- clients ---- */

static void client_free(struct client *client)
{
	LIST_REMOVE(client, sibling);
	control.count--;
	descriptor_free(&client->descriptor);
	timer_free(&client->idle);
	text_free(&client->input);
	text_free(&client->output);
	close(client->fd);
	mem_free(client);
}

/* Ends it now, or when its command has answered. */
static void client_end(struct client *client)
{
	client->ending = true;
	text_clear(&client->output);
	if (client->busy)
		descriptor_watch(client->descriptor, 0);
	else
		client_free(client);
}

static void client_idled(void *state)
{
	client_end(state);
}

/* Writes what the kernel takes. False if the client is no more. */
static bool client_write(struct client *client)
{
	while (client->output.length > 0) {
		ssize_t sent =
		    send(client->fd, client->output.at, client->output.length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0) {
			client_end(client);
			return false;
		}
		text_consume(&client->output, (size_t)sent);
	}
	if (client->ending && !client->busy) {
		client_free(client);
		return false;
	}
	return true;
}

/* Waits for what has to come next: room for the answer, or a request. */
static void client_watch(struct client *client)
{
	unsigned what = client->output.length > 0        ? READY_WRITE
	                : client->busy || client->ending ? 0
	                                                 : READY_READ;

	descriptor_watch(client->descriptor, what);
	if (what != 0)
		timer_set(client->idle, CONTROL_IDLE_MS);
	else
		timer_clear(client->idle);
}

static void client_say(struct client *client, json_t *answer)
{
	char *line = json_dumps(answer, JSON_COMPACT);

	text_puts(&client->output, line);
	text_putc(&client->output, '\n');
	free(line);
	json_decref(answer);
}

/* The last word to somebody we do not listen to any more. */
static void client_refuse(struct client *client, enum rc rc, const char *text)
{
	client_say(client, command_refusal(rc_name(rc), text));
	client->ending = true;
}

/* ---- requests ---- */

static void client_answered(void *state, json_t *answer)
{
	struct client *client = state;

	client->busy = false;
	if (client->ending)
		json_decref(answer);
	else
		client_say(client, answer);
	if (control.descriptor == NULL)
		client->ending = true;
	client_serve(client);
}

static void client_request(struct client *client, const char *line, size_t length)
{
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(request)) {
		json_decref(request);
		client_refuse(client, RC_BAD_REQUEST, "a request is a JSON object on one line");
		return;
	}
	client->busy = true;
	command_run(request, client_answered, client);
}

/* The next line, if it is complete. There may be a password in it. */
static void client_take_line(struct client *client)
{
	struct text *input = &client->input;
	char *end = input->length == 0 ? NULL : memchr(input->at, '\n', input->length);
	size_t length = end == NULL ? input->length : (size_t)(end - input->at);

	if (length > CONTROL_REQUEST_MAX_BYTES) {
		client_refuse(client, RC_POLICY_VIOLATION, "a request has at most 16384 bytes");
	} else if (end != NULL) {
		client_request(client, input->at, length);
		crypto_wipe(input->at, length);
		text_consume(input, length + 1);
	}
}

/* Writes what there is to say, then does the next thing. */
static void client_serve(struct client *client)
{
	if (!client_write(client))
		return;
	if (!client->busy && !client->ending && client->output.length == 0) {
		client_take_line(client);
		if (client->output.length > 0 && !client_write(client))
			return;
	}
	client_watch(client);
}

/* False if the client is no more. */
static bool client_read(struct client *client)
{
	ssize_t got = recv(client->fd, text_reserve(&client->input, READ_BYTES), READ_BYTES, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0) {
		client_end(client);
		return false;
	}
	client->input.length += (size_t)got;
	return true;
}

static void client_ready(void *state, unsigned what)
{
	struct client *client = state;

	if ((what & READY_READ) != 0 && !client_read(client))
		return;
	client_serve(client);
}

/* ---- listening ---- */

static bool peer_is_allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	log_warning(
	    NULL, "control socket refused a user", KV("uid", peer.uid), KV("pid", peer.pid));
	return false;
}

static void client_new(int fd)
{
	struct client *client = mem_alloc_zero(sizeof *client);

	client->fd = fd;
	client->descriptor = descriptor_new(fd, client_ready, client);
	client->idle = timer_new(client_idled, client);
	LIST_INSERT_HEAD(&control.clients, client, sibling);
	control.count++;
	if (!peer_is_allowed(fd))
		client_refuse(client, RC_FORBIDDEN, "only root and the server's own user may ask");
	else if (control.count > CONTROL_CLIENTS_MAX)
		client_refuse(client, RC_RESOURCE_CONSTRAINT, "too many others are asking");
	client_serve(client);
}

static void control_ready(void *state, unsigned what)
{
	int fd = accept4(control.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)state;
	(void)what;
	if (fd >= 0) {
		client_new(fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		descriptor_watch(control.descriptor, 0);
		timer_set(control.pause, ACCEPT_PAUSE_MS);
	}
}

static void control_resume(void *state)
{
	(void)state;
	descriptor_watch(control.descriptor, READY_READ);
}

void control_make_folder(const char *path, const char *user)
{
	struct passwd *entry = *user == '\0' ? NULL : getpwnam(user);
	char *copy = mem_strdup(path);
	const char *folder = dirname(copy);

	if (geteuid() == 0 && mkdir(folder, 0755) == 0 && entry != NULL &&
	    chown(folder, entry->pw_uid, entry->pw_gid) != 0)
		log_warning(NULL, "cannot give away the folder of the control socket",
		    KV("folder", folder), KV("why", strerror(errno)));
	mem_free(copy);
}

/* A socket that nobody listens on is of a server that died; anything else stays. */
static bool place_is_free(const struct sockaddr_un *address, const char **why_out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool connected =
	    fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	int reason = connected ? 0 : errno;
	struct stat status;

	if (fd >= 0)
		close(fd);
	if (reason == ENOENT)
		return true;
	if (reason == ECONNREFUSED && lstat(address->sun_path, &status) == 0 &&
	    S_ISSOCK(status.st_mode) && unlink(address->sun_path) == 0)
		return true;
	*why_out = connected || reason == EAGAIN
	               ? "a server listens there already; stop it, or set another \"control\""
	               : "something else is in its place; remove it, or set another \"control\"";
	return false;
}

static int socket_bind(const struct sockaddr_un *address, const char **why_out)
{
	int fd;

	if (!place_is_free(address, why_out))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* The mode is there before bind() makes the name: at no time can others connect. */
	if (fd >= 0 && fchmod(fd, 0600) == 0 &&
	    bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
	    listen(fd, CONTROL_CLIENTS_MAX) == 0)
		return fd;
	*why_out = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

bool control_start(const char *path, struct arena *arena, const char **error_out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *why = "its path is too long for a socket (107 bytes); set another \"control\"";

	control.fd = -1;
	if (strlen(path) < sizeof address.sun_path) {
		strcpy(address.sun_path, path);
		control.fd = socket_bind(&address, &why);
	}
	if (control.fd < 0) {
		*error_out = arena_printf(arena, "control socket %s: %s", path, why);
		return false;
	}
	control.path = mem_strdup(path);
	LIST_INIT(&control.clients);
	control.pause = timer_new(control_resume, NULL);
	control.descriptor = descriptor_new(control.fd, control_ready, NULL);
	descriptor_watch(control.descriptor, READY_READ);
	return true;
}

void control_stop(void)
{
	struct client *client, *next;

	if (control.descriptor == NULL)
		return;
	descriptor_free(&control.descriptor);
	timer_free(&control.pause);
	close(control.fd);
	unlink(control.path);
	mem_free(control.path);
	for (client = LIST_FIRST(&control.clients); client != NULL; client = next) {
		next = LIST_NEXT(client, sibling);
		if (!client->busy)
			client_free(client);
	}
}
