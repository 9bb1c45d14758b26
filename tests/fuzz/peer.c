/* peer.c - the far end of a stream that is fuzzed. */
#define _GNU_SOURCE
#include "peer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "loop/worker.h"
#include "net/transport.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/jid.h"

static struct worker *office;
static bool round_over;

bool peer_prepare(void)
{
	if (office != NULL)
		return false;
	log_set_level(LOG_ERROR);
	crypto_init();
	jid_init();
	office = worker_new(0);
	worker_enter(office);
	return true;
}

struct transport *peer_open(struct peer *peer)
{
	static const struct transport_limits limits = { 1 << 20, 4 << 20, 60000, 0, 0 };
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	peer->fd = fds[1];
	return transport_new(fds[0], NULL, &limits, NULL, NULL);
}

/* ---- what it says */

static void round_ends(struct mail *mail)
{
	round_over = true;
}

void peer_rounds(struct peer *peer)
{
	char bytes[4096];
	ssize_t count;

	for (int i = 0; i < 3; i++) {
		struct mail mail = { 0 };

		round_over = false;
		worker_post(office, &mail, round_ends);
		worker_run_until(office, &round_over);
		if (peer->round != NULL)
			peer->round(peer->owner);
	}
	while ((count = recv(peer->fd, bytes, sizeof bytes, 0)) > 0)
		text_append(&peer->heard, bytes, (size_t)count);
}

void peer_say(struct peer *peer, const void *bytes, size_t length)
{
	if (length > 0)
		(void)!send(peer->fd, bytes, length, MSG_NOSIGNAL);
	peer_rounds(peer);
}

void peer_play(struct peer *peer, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const uint8_t *nul = memchr(data + at, '\0', size - at);
		size_t length = nul == NULL ? size - at : (size_t)(nul - data) - at;

		peer_say(peer, data + at, length);
		at += length + 1;
		if (at < size)
			peer->act(peer->owner, data[at++]);
	}
	peer_rounds(peer);
}

void peer_finish(struct peer *peer)
{
	shutdown(peer->fd, SHUT_WR);
}

/* ---- what it has heard */

static void heard_opened(void *state, const struct element *header)
{
}

static void heard_element(void *state, struct arena *arena, struct element *element)
{
	arena_free(&arena);
}

static void heard_closed(void *state)
{
}

/* Each header begins a document of its own. */
static void check_heard(const struct text *heard)
{
	static const struct xml_events nothing = { heard_opened, heard_element, heard_closed };
	static const char start[] = "<?xml ";
	const char *at = heard->at, *end = heard->length == 0 ? at : at + heard->length;

	while (at < end) {
		const char *next = memmem(at + 1, (size_t)(end - at) - 1, start, 6);
		size_t length = (size_t)((next == NULL ? end : next) - at);
		struct xml_parser *parser = xml_parser_new(&XML_LIMITS_DEFAULT, &nothing, NULL);

		REQUIRE(xml_parser_feed(parser, at, length) == XML_OK);
		REQUIRE(xml_parser_pending(parser) == 0);
		xml_parser_free(&parser);
		at += length;
	}
}

void peer_close(struct peer *peer)
{
	check_heard(&peer->heard);
	text_free(&peer->heard);
	close(peer->fd);
	transport_abandon_all();
}
