/* news.c - a domain was lost, or is back: told to all workers, for their users have contacts there.
 * And the suspicion that it may be, for the home of the domain, which tries to call it. */
#include "base/mem.h"
#include "base/text.h"
#include "core/home.h"
#include "core/presence-remote.h"
#include "s2s/s2s-private.h"

struct news {
	struct mail mail;
	char *local, *remote;
	bool is_lost;
};

static void news_free(struct news *news)
{
	mem_free(news->local);
	mem_free(news->remote);
	mem_free(news);
}

static struct news *news_new(const char *local, const char *remote)
{
	struct news *news = mem_alloc_zero(sizeof *news);

	news->local = local == NULL ? NULL : mem_strdup(local);
	news->remote = mem_strdup(remote);
	return news;
}

static void news_came(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);

	if (news->is_lost)
		presence_remote_lost(news->remote);
	else
		presence_remote_back(news->remote);
	news_free(news);
}

void news_tell(const char *remote, bool is_lost)
{
	for (size_t i = 0; i < homes_count(); i++) {
		struct news *news = news_new(NULL, remote);

		news->is_lost = is_lost;
		worker_post(homes_worker(i), &news->mail, news_came);
	}
}

/* ---- suspicion ---- */

bool is_proper_end(const char *why)
{
	return text_equal(why, "ended by the peer") || text_equal(why, "ended by the server");
}

bool news_is_abrupt(const char *why)
{
	if (is_proper_end(why))
		return false;
	for (int error = 0; error <= STREAM_UNSUPPORTED_VERSION; error++)
		if (text_equal(why, stream_error_name((enum stream_error)error)))
			return false;
	return true;
}

/* Somebody of ours has to do with it. */
static void concern_came(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);
	struct link *link = s2s.is_shutting ? NULL : link_get_for_others(news->local, news->remote);

	if (link != NULL)
		link_suspect(link);
	news_free(news);
}

static void question_came(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);

	if (presence_remote_is_watched(news->remote))
		worker_post(home_of_domain(news->remote), &news->mail, concern_came);
	else
		news_free(news);
}

/* All workers are asked. */
static void concern_ask(const char *local, const char *remote)
{
	for (size_t i = 0; i < homes_count(); i++)
		worker_post(homes_worker(i), &news_new(local, remote)->mail, question_came);
}

/* Where there is no stream it is called only if that matters to anybody here: who has proved a
 * hundred domains, and ends without a word, must not make us call whatever DNS names for them. */
static void suspicion_came(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);
	struct link *link = link_find(news->local, news->remote);

	if (link == NULL || link->stream == NULL)
		concern_ask(news->local, news->remote);
	else if (!s2s.is_shutting)
		link_suspect(link);
	news_free(news);
}

static void sign_came(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);
	struct link *link = link_find(news->local, news->remote);

	if (link != NULL)
		link_alive(link);
	news_free(news);
}

void news_alive(const char *local, const char *remote)
{
	struct news *news = news_new(local, remote);

	worker_post(home_of_domain(remote), &news->mail, sign_came);
}

void news_suspect(const char *local, const char *remote)
{
	struct news *news = news_new(local, remote);

	worker_post(home_of_domain(remote), &news->mail, suspicion_came);
}
