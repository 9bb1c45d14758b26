/* log-writer.c - the thread that writes the log.
 * Lines gather in a bounded buffer; the thread takes all there is and writes it with one call, so a
 * slow disk delays nobody. What finds the buffer full is dropped and counted, as is what could not
 * be written, and a later line says how many lines are missing. */
#include "base/log-private.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PENDING_MAX_BYTES (1024 * 1024)
#define KEPT_MAX_BYTES (64 * 1024) /* of an emptied buffer */
#define STALL_MAX_MS 5000

static atomic_int format_now = LOG_TEXT;

static struct {
	pthread_mutex_t lock; /* covers what follows, up to `thread` */
	pthread_cond_t wake;
	struct text pending;
	int64_t dropped;
	bool running;
	bool stopping;
	bool reopening;
	pthread_t thread;
	char *path; /* NULL: standard error */
	int fd;
} writer = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

enum log_format log_writer_format(void)
{
	return (enum log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
}

/* Returns how many bytes were written; fewer than `length` if that failed. */
static size_t bytes_write(int fd, const char *bytes, size_t length)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	size_t done = 0;
	ssize_t wrote;

	while (done < length) {
		wrote = write(fd, bytes + done, length - done);
		if (wrote >= 0)
			done += (size_t)wrote;
		else if (errno == EAGAIN && poll(&ready, 1, STALL_MAX_MS) > 0)
			continue;
		else if (errno != EINTR)
			break;
	}
	return done;
}

/* Writes whole lines; returns how many of them did not get out. */
static int64_t lines_write(const struct text *lines)
{
	size_t done = bytes_write(writer.fd, lines->at, lines->length);
	int64_t lost = 0;

	for (; done < lines->length; done++)
		lost += lines->at[done] == '\n';
	return lost;
}

static void line_write(
    enum log_level level, const char *text, const struct log_field *fields, int64_t *lost)
{
	struct text line = { 0 };

	log_line(&line, log_writer_format(), time_now_us(), level, NULL, text, fields);
	*lost += lines_write(&line);
	text_free(&line);
}

static int log_open(const char *path)
{
	return path == NULL ? STDERR_FILENO
	                    : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void log_close(int fd)
{
	if (fd != STDERR_FILENO)
		close(fd);
}

static void writer_reopen(int64_t *lost)
{
	int fd = log_open(writer.path);

	if (fd < 0) {
		line_write(LOG_ERROR, "log file cannot be opened again",
		    LOG_FIELDS(KV("path", writer.path), KV("error", strerror(errno))), lost);
		return;
	}
	log_close(writer.fd);
	writer.fd = fd;
}

/* Waits for something to do, under the lock; false once there is nothing left and there will be no
 * more. */
static bool writer_wait(void)
{
	while (writer.pending.length == 0 && !writer.stopping && !writer.reopening)
		pthread_cond_wait(&writer.wake, &writer.lock);
	return writer.pending.length > 0 || writer.reopening;
}

/* Writes all that is pending and says what is missing; called and left with the lock held. */
static void writer_round(struct text *lines)
{
	bool is_reopening = writer.reopening;
	struct text empty = *lines;
	int64_t missing = writer.dropped, lost = 0;

	*lines = writer.pending;
	writer.pending = empty;
	writer.reopening = false;
	writer.dropped = 0;
	pthread_mutex_unlock(&writer.lock);

	if (is_reopening)
		writer_reopen(&lost);
	missing += lines_write(lines);
	if (missing > 0) {
		line_write(
		    LOG_WARNING, "log lines were dropped", LOG_FIELDS(KV("lines", missing)), &lost);
		missing = lost > 0 ? missing : 0;
	}
	if (lines->capacity > KEPT_MAX_BYTES)
		text_free(lines);
	text_clear(lines);

	pthread_mutex_lock(&writer.lock);
	writer.dropped += missing;
}

static void *writer_main(void *state)
{
	struct text lines = { 0 };

	prctl(PR_SET_NAME, "log");
	pthread_mutex_lock(&writer.lock);
	while (writer_wait())
		writer_round(&lines);
	writer.running = false;
	pthread_mutex_unlock(&writer.lock);
	text_free(&lines);
	return NULL;
}

/* The thread takes no signals: they are for the main thread. */
static void thread_start(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ASSERT(pthread_create(&writer.thread, NULL, writer_main, NULL) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool log_start(const char *path, enum log_format format)
{
	int fd = log_open(path);

	if (fd < 0)
		return false;
	ASSERT(!writer.running);
	atomic_store(&format_now, (int)format);
	writer.fd = fd;
	writer.path = path == NULL ? NULL : mem_strdup(path);
	writer.stopping = false;
	writer.running = true;
	thread_start();
	return true;
}

void log_stop(void)
{
	pthread_mutex_lock(&writer.lock);
	if (!writer.running) {
		pthread_mutex_unlock(&writer.lock);
		return;
	}
	writer.stopping = true;
	pthread_cond_signal(&writer.wake);
	pthread_mutex_unlock(&writer.lock);
	pthread_join(writer.thread, NULL);
	log_close(writer.fd);
	mem_free(writer.path);
	text_free(&writer.pending);
}

void log_reopen(void)
{
	pthread_mutex_lock(&writer.lock);
	writer.reopening = writer.running;
	pthread_cond_signal(&writer.wake);
	pthread_mutex_unlock(&writer.lock);
}

/* Hands the line to the thread, if there is one. */
static bool writer_take(const char *line, size_t length)
{
	bool is_running;

	pthread_mutex_lock(&writer.lock);
	is_running = writer.running;
	if (is_running && writer.pending.length + length > PENDING_MAX_BYTES) {
		writer.dropped++;
	} else if (is_running) {
		if (writer.pending.length == 0)
			pthread_cond_signal(&writer.wake);
		text_append(&writer.pending, line, length);
	}
	pthread_mutex_unlock(&writer.lock);
	return is_running;
}

void log_writer_put(const char *line, size_t length)
{
	if (!writer_take(line, length))
		bytes_write(STDERR_FILENO, line, length);
}
