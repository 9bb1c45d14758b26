/* store.c - the front of the database: who may ask, how much may wait, and who gets told.
 * A request is copied whole when it is asked, so that the caller's task may do as it likes; from
 * then on it belongs to the driver, which answers it exactly once. What is over the bound is
 * answered here, at the end of the round, with the wish to wait. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/driver.h"

#define FAILURE_LOG_INTERVAL_MS 1000

static _Thread_local struct connection *current;

void store_init(struct store *store, const struct driver *driver, const struct store_limits *limits)
{
	store->driver = driver;
	store->limits = limits == NULL ? STORE_LIMITS_DEFAULT : *limits;
	store->log = log_new(NULL, "store", LOG_FIELDS());
}

void store_finish(struct store *store)
{
	log_free(&store->log);
	mem_free(store->version);
}

static void requests_refuse(struct later *later)
{
	connection_refuse_now(CONTAINER_OF(later, struct connection, refuse));
}

void connection_init(struct connection *connection, struct store *store)
{
	connection->store = store;
	connection->worker = worker_current();
	STAILQ_INIT(&connection->refused);
}

struct connection *connection_current(void)
{
	return current;
}

void connection_refuse_now(struct connection *connection)
{
	const struct store_result full = STORE_RESULT_FAILED(RC_RESOURCE_CONSTRAINT,
	    connection->closing ? "the server is about to end" : "too much waits for the database");
	struct request_list refused = STAILQ_HEAD_INITIALIZER(refused);
	struct request *request;

	STAILQ_CONCAT(&refused, &connection->refused);
	while ((request = STAILQ_FIRST(&refused)) != NULL) {
		STAILQ_REMOVE_HEAD(&refused, link);
		request_finish(connection, request, &full);
	}
}

/* Trouble of one cause comes in crowds: one line a second is enough to find it. */
static void failure_log(
    struct connection *connection, const struct request *request, const struct store_result *result)
{
	int64_t failed =
	    log_crowd_due(&connection->failures, worker_now_ms(), FAILURE_LOG_INTERVAL_MS);

	if (failed > 0)
		log_warning(connection->store->log, "statement failed",
		    KV("reason", result->message), KV("condition", rc_name(result->rc)),
		    KV("statement", request->statement->sql), KV("unlogged", failed - 1));
}

void request_finish(
    struct connection *connection, struct request *request, const struct store_result *result)
{
	connection->waiting--;
	connection->waiting_bytes -= request->bytes;
	if (connection->waiting == 0)
		connection->drained = true;
	if (result->rc != RC_OK &&
	    (request->on_done == NULL || result->rc == RC_INTERNAL_SERVER_ERROR))
		failure_log(connection, request, result);
	if (request->on_done != NULL)
		request->on_done(result, request->state);
	mem_free(request);
}

/* How many values the parameters are, and how many bytes these need besides. */
static unsigned params_measure(const struct param *params, size_t *bytes_out)
{
	unsigned count = 0;

	*bytes_out = 0;
	for (; params->type != PARAM_END; params++, count++) {
		if (params->type == PARAM_TEXT || params->type == PARAM_BLOB)
			*bytes_out += params->bytes.length + 1;
		if (params->type != PARAM_ACCOUNT)
			continue;
		*bytes_out += strlen(params->account.domain) + strlen(params->account.username) + 2;
		count++;
	}
	ASSERT(count <= STORE_MAX_PARAMS);
	return count;
}

static struct value value_copy(int type, struct span bytes, char **room)
{
	struct value value = { .type = type, .length = (int)bytes.length, .bytes = *room };

	if (bytes.length > 0)
		memcpy(*room, bytes.at, bytes.length);
	(*room)[bytes.length] = '\0';
	*room += bytes.length + 1;
	return value;
}

static void params_copy(const struct param *params, struct request *request)
{
	char *room = (char *)&request->values[request->count];
	struct value *value = request->values;

	for (; params->type != PARAM_END; params++) {
		switch (params->type) {
		case PARAM_TEXT:
			*value++ = value_copy(VALUE_TEXT, params->bytes, &room);
			break;
		case PARAM_BLOB:
			*value++ = value_copy(VALUE_BLOB, params->bytes, &room);
			break;
		case PARAM_INTEGER:
			*value++ = (struct value){ VALUE_INTEGER, .integer = params->integer };
			break;
		case PARAM_ACCOUNT:
			*value++ = value_copy(VALUE_TEXT, span_of(params->account.domain), &room);
			*value++ = value_copy(VALUE_TEXT, span_of(params->account.username), &room);
			break;
		default:
			*value++ = (struct value){ VALUE_NULL };
		}
	}
}

static bool connection_has_room(const struct connection *connection, size_t bytes)
{
	const struct store_limits *limits = &connection->store->limits;

	return !connection->closing && connection->waiting < limits->max_waiting &&
	       bytes <= limits->max_waiting_bytes &&
	       connection->waiting_bytes <= limits->max_waiting_bytes - bytes;
}

void store_run(
    const struct statement *statement, const struct param *params, store_done *on_done, void *state)
{
	struct connection *connection = current;
	size_t bytes;
	unsigned count = params_measure(params, &bytes);
	struct request *request;
	bool accepted;

	ASSERT(connection != NULL);
	accepted = connection_has_room(connection, bytes);
	if (!accepted)
		count = bytes = 0;
	request = mem_alloc(sizeof(*request) + count * sizeof(request->values[0]) + bytes);
	*request = (struct request){ .statement = statement,
		.slot = statement_slot(statement),
		.on_done = on_done,
		.state = state,
		.asked_ms = worker_now_ms(),
		.bytes = bytes,
		.has_account = accepted && params->type == PARAM_ACCOUNT,
		.count = count };
	connection->waiting++;
	connection->waiting_bytes += bytes;
	connection->drained = false;
	if (accepted) {
		params_copy(params, request);
		connection->store->driver->run(connection, request);
		return;
	}
	STAILQ_INSERT_TAIL(&connection->refused, request, link);
	worker_later(&connection->refuse, requests_refuse);
}

struct store *store_open(const char *database, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out)
{
	if (strncmp(database, "sqlite:", 7) == 0)
		return sqlite_open(database + 7, schema_dir, migrate, limits, arena, error_out);
	if (strncmp(database, "postgresql://", 13) == 0 ||
	    strncmp(database, "postgres://", 11) == 0)
		return postgresql_open(database, schema_dir, migrate, limits, arena, error_out);
	/* The text itself may hold a password. */
	*error_out = "the database is neither \"sqlite:PATH\" nor "
		     "\"postgresql://USER@HOST/DATABASE\": write one of these";
	return NULL;
}

void store_attach(struct store *store)
{
	ASSERT(current == NULL);
	current = store->driver->attach(store);
}

size_t store_waiting(void)
{
	return current == NULL ? 0 : current->waiting;
}

void store_give_up(void)
{
	if (current != NULL && current->store->driver->give_up != NULL)
		current->store->driver->give_up(current);
}

void store_detach(struct store *store)
{
	ASSERT(current != NULL && current->store == store);
	store->driver->detach(current);
	current = NULL;
}

void store_close(struct store **store)
{
	if (*store == NULL)
		return;
	(*store)->driver->close(*store);
	*store = NULL;
}

bool store_is_up(void)
{
	return current != NULL && current->store->driver->is_up(current);
}

const char *store_version(const struct store *store)
{
	return store->version;
}

unsigned store_schema(const struct store *store)
{
	return store->schema;
}
