/* host.c - what the control socket asks of the process, on the first worker. */
#include <signal.h>
#include <unistd.h>

#include "admin/command.h"
#include "c2s/c2s.h"
#include "core/config.h"
#include "net/listener.h"
#include "process/process-private.h"
#include "store/database.h"

static void host_reload(void)
{
	kill(getpid(), SIGHUP);
}

static void host_amend(void)
{
	kill(getpid(), SIGUSR1);
}

static void host_stop(void)
{
	kill(getpid(), SIGTERM);
}

static json_t *listeners_describe(void)
{
	static const char *const kinds[] = { [LISTEN_C2S] = "c2s",
		[LISTEN_C2S_TLS] = "c2s-tls",
		[LISTEN_COMPONENT] = "component",
		[LISTEN_S2S] = "s2s",
		[LISTEN_S2S_TLS] = "s2s-tls" };
	const struct config *config = server.started;
	json_t *listeners = json_array();

	for (size_t i = 0; i < config->listen_count; i++)
		json_array_append_new(listeners,
		    json_pack("{s:s,s:s,s:i}", "kind", kinds[config->listens[i].kind], "address",
			config->listens[i].address == NULL ? "*" : config->listens[i].address,
			"port", (int)listener_port(server.listeners[i])));
	return listeners;
}

static void host_describe(json_t *status)
{
	json_object_set_new(status, "config", json_string(server.config_path));
	json_object_set_new(status, "database", json_string(store_version(server.store)));
	json_object_set_new(status, "schema", json_integer((json_int_t)store_schema(server.store)));
	json_object_set_new(status, "listeners", listeners_describe());
}

const struct command_host command_host_of_server = {
	.reload = host_reload,
	.amend = host_amend,
	.stop = host_stop,
	.describe = host_describe,
	.connections = c2s_count,
};
