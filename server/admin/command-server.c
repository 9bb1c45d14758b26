/* command-server.c - the server as a whole: its state, and its end; reload.c is beside it. */
#include "admin/command-private.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/home.h"
#include "core/module.h"
#include "store/database.h"
#include "xml/parser.h"

static void status_collect(const struct command *command, json_t *part)
{
	size_t connections = command_host()->connections();

	(void)command;
	json_object_set_new(part, "connections", json_integer((json_int_t)connections));
	json_object_set_new(part, "sessions", json_integer((json_int_t)home_sessions()));
	json_object_set_new(part, "accounts", json_integer((json_int_t)home_accounts()));
	json_object_set_new(part, "database_up", json_boolean(store_is_up()));
}

static void status_gathered(struct command *command)
{
	char started[TIME_TEXT_BYTES];
	json_t *status, *workers = json_array();
	int64_t uptime_us = time_now_us() - server_started_us();
	bool up = true;

	time_to_text(started, server_started_us());
	for (size_t i = 0; i < homes_count(); i++) {
		json_t *part = command_part(command, i);

		up = up && json_is_true(json_object_get(part, "database_up"));
		json_array_append(workers, part);
	}
	status = json_pack("{s:s,s:s,s:I,s:b,s:s,s:s,s:o}", "version", server_version(), "started",
	    started, "uptime_seconds", (json_int_t)(uptime_us / 1000000), "database_up", up,
	    "expat", xml_parser_library(), "openssl", crypto_library(), "workers", workers);
	command_host()->describe(status);
	command_succeed(command, status);
}

void command_status(struct command *command)
{
	command_gather(command, status_collect, status_gathered);
}

/* ---- stop ---- */

void command_stop(struct command *command)
{
	/* The answer is in the mailbox before the order to close is. */
	command_succeed(command, NULL);
	command_host()->stop();
}
