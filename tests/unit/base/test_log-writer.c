/* test_log-writer.c - the writer thread: everything arrives, in order; overflow is counted and
 * said; rotation works. */
#include "base/log-private.h"

#include "base/mem.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 4
#define LINES 2000

static char folder[] = "/tmp/test_log-writer-XXXXXX";
static char path[100], old_path[100], pipe_path[100];

static void file_read(const char *name, struct text *content)
{
	FILE *file = fopen(name, "r");
	size_t got;

	assert_non_null(file);
	text_clear(content);
	while ((got = fread(text_reserve(content, 4096), 1, 4096, file)) > 0)
		content->length += got;
	text_append(content, "", 0);
	fclose(file);
}

static int count_of(const struct text *content, const char *part)
{
	int count = 0;

	for (const char *at = content->at; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

/* Before log_start() and after log_stop() a line goes to standard error at once. */
static void test_no_thread(void **state)
{
	char said[200] = { 0 };
	int ends[2], before = dup(STDERR_FILENO);

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_info(NULL, "hello", KV("number", 7));
	dup2(before, STDERR_FILENO);
	assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
	assert_non_null(strstr(said, " info main \"hello\" number=7\n"));
	close(ends[0]);
	close(ends[1]);
	close(before);
	log_stop();
	log_reopen();
}

static void test_no_file(void **state)
{
	assert_false(log_start("/dev/null/file", LOG_TEXT));
	assert_int_equal(errno, ENOTDIR);
}

static void *lines_say(void *state)
{
	const int *thread = state;

	for (int i = 0; i < LINES; i++)
		log_info(NULL, "line", KV("thread", *thread), KV("number", i));
	return NULL;
}

/* Lines of one thread keep their order, and none is lost or torn. */
static void test_threads(void **state)
{
	int numbers[THREADS], next[THREADS] = { 0 }, thread, number;
	pthread_t threads[THREADS];
	struct text content = { 0 };
	char *line, *rest;

	unlink(path);
	assert_true(log_start(path, LOG_TEXT));
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, lines_say, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_stop();
	file_read(path, &content);
	for (line = strtok_r(content.at, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		line = strstr(line, " info main \"line\" ");
		assert_non_null(line);
		assert_int_equal(
		    sscanf(line, " info main \"line\" thread=%d number=%d", &thread, &number), 2);
		assert_int_equal(number, next[thread]++);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	text_free(&content);
}

/* The log is a pipe that nobody reads at first, so the writer is stuck and the buffer fills. */
static void *pipe_read(void *state)
{
	struct text *content = state;
	int fd = open(pipe_path, O_RDONLY);
	ssize_t got;

	while ((got = read(fd, text_reserve(content, 65536), 65536)) > 0)
		content->length += (size_t)got;
	text_append(content, "", 0);
	close(fd);
	return NULL;
}

static void test_overflow(void **state)
{
	const char *said = "\"log lines were dropped\" lines=";
	struct text content = { 0 };
	pthread_t reader;
	char *place;
	int fd, written;

	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	fd = open(pipe_path, O_RDWR);
	assert_true(fd >= 0);
	assert_true(log_start(pipe_path, LOG_TEXT));
	for (int i = 0; i < 40000; i++)
		log_info(NULL, "filler", KV("number", i));
	assert_int_equal(pthread_create(&reader, NULL, pipe_read, &content), 0);
	log_stop();
	close(fd);
	pthread_join(reader, NULL);
	written = count_of(&content, "\"filler\"");
	place = strstr(content.at, said);
	assert_non_null(place);
	assert_int_equal(count_of(&content, said), 1);
	assert_int_equal(written + atoi(place + strlen(said)), 40000);
	assert_in_range(content.length, 1000000, 3000000);
	text_free(&content);
}

static void test_rotation(void **state)
{
	struct text content = { 0 };

	unlink(path);
	assert_true(log_start(path, LOG_JSON));
	log_info(NULL, "first");
	log_stop();
	assert_true(log_start(path, LOG_TEXT));
	assert_int_equal(rename(path, old_path), 0);
	log_reopen();
	log_info(NULL, "second");
	log_stop();
	file_read(old_path, &content);
	assert_int_equal(count_of(&content, "\"text\":\"first\"}\n"), 1);
	file_read(path, &content);
	assert_int_equal(count_of(&content, "\"second\""), 1);
	assert_int_equal(count_of(&content, "first"), 0);
	text_free(&content);
}

/* A file that cannot be opened again leaves the old one in use, and is told there. */
static void test_rotation_fails(void **state)
{
	char away[120];
	struct text content = { 0 };

	unlink(path);
	assert_true(log_start(path, LOG_TEXT));
	snprintf(away, sizeof(away), "%s-away", folder);
	assert_int_equal(rename(folder, away), 0);
	log_reopen();
	log_info(NULL, "still here");
	log_stop();
	assert_int_equal(rename(away, folder), 0);
	file_read(path, &content);
	assert_int_equal(count_of(&content, "log file cannot be opened again"), 1);
	assert_int_equal(count_of(&content, "still here"), 1);
	text_free(&content);
}

/* A full disk loses lines; the thread goes on and log_stop() returns. */
static void test_full_disk(void **state)
{
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_true(log_start("/dev/full", LOG_TEXT));
	for (int i = 0; i < 100; i++)
		log_info(NULL, "lost");
	log_stop();
}

static int folder_make(void **state)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old_path, sizeof(old_path), "%s/log.1", folder);
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
	return 0;
}

static int folder_remove(void **state)
{
	unlink(path);
	unlink(old_path);
	unlink(pipe_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_rotation_fails),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
