/* link-test-cure.c - what can be done about a step of a test that has failed, and by whom. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"
#include "s2s/link-test.h"

const char *cure_of_policy(struct arena *arena, const char *remote)
{
	if (!s2s_config()->enabled)
		return "turn federation on: write listen s2s { } or s2s { enabled = true } into "
		       "godwit.conf";
	if (config_s2s_policy(s2s_config(), remote) != S2S_DENIED)
		return arena_printf(arena,
		    "delete its row in the table bans: DELETE FROM bans WHERE domain = '%s'",
		    remote);
	return "take it out of deny in section s2s, or into allow if there is such a list";
}

const char *cure_of_dns(struct arena *arena, enum resolver_status status, const char *remote)
{
	switch (status) {
	case RESOLVER_NO_NAME:
		return "is the name right? Else its owner has to make it known in DNS; a server in "
		       "a network of your own gets a route in godwit.conf";
	case RESOLVER_NO_ADDRESS:
		return "its owner has to give the host that its SRV records name, or the domain "
		       "itself, an address (A or AAAA)";
	case RESOLVER_NO_SERVICE:
		return "its owner says that nobody speaks XMPP there: nothing can be done here";
	case RESOLVER_BOGUS:
		return "its owner has to sign the zone anew; or somebody on the way changes "
		       "answers: ask another DNS server, with forward in section dns";
	case RESOLVER_BUSY:
		return "try again in a moment";
	case RESOLVER_FOUND:
	case RESOLVER_TIMEOUT:
	case RESOLVER_FAILED:
		break;
	}
	return arena_printf(arena,
	    "see whether \"dig SRV _xmpp-server._tcp.%s\" has an answer on this machine, and that "
	    "the DNS servers of section dns, or of /etc/resolv.conf, can be reached (port 53, UDP "
	    "and TCP)",
	    remote);
}

#define SILENT \
	"it does not answer: is that port one of an XMPP server, and is its kind right, " \
	"_xmpps-server for direct TLS and _xmpp-server for STARTTLS?"

/* The first row whose text is found in `why`; the last has an empty one. */
struct cure {
	const char *why, *text;
};

static const char *cure_find(const struct cure *cures, const char *why)
{
	while (strstr(why, cures->why) == NULL)
		cures++;
	return cures->text;
}

const char *cure_of_tcp(const char *why)
{
	static const struct cure cures[] = {
		{ "refused", "nothing listens there: its owner has to start the server, or to "
			     "correct the port in its SRV records or the firewall" },
		{ "timed out", "the machine is down, or a firewall drops what goes there: let TCP "
			       "out to any port here (doc/federation.md), and in there" },
		{ "not in time",
		    "the machine is down, or a firewall drops what goes there: let TCP "
		    "out to any port here (doc/federation.md), and in there" },
		{ "unreachable",
		    "there is no way there from this machine: if the address is an IPv6 "
		    "one, this machine has no IPv6" },
		{ "", "see that this machine may connect to that address" },
	};

	return cure_find(cures, why);
}

const char *cure_of_tls(const char *why)
{
	static const struct cure cures[] = {
		{ "TLS is not offered", "its owner has to turn TLS on (STARTTLS): nothing is sent "
					"in clear" },
		{ "TLS is refused",
		    "its owner has to see why its server refuses TLS: it may have no "
		    "certificate for the domain" },
		{ "host-unknown", "that server does not serve the domain: its owner has to correct "
				  "DNS, or the server's configuration" },
		{ "in time", SILENT },
		{ "connection-timeout", SILENT },
		{ "wrong version number", "it does not speak TLS there: its SRV records mix up "
					  "direct TLS and STARTTLS, or the port is not one of an "
					  "XMPP server" },
		{ "protocol version", "its server is too old: its owner has to allow TLS 1.2 or "
				      "1.3" },
		{ "", "its owner's log may say why: TLS 1.2 with ECDHE and AEAD, or 1.3, is asked "
		      "for" },
	};

	return cure_find(cures, why);
}

const char *cure_of_certificate(struct arena *arena, const char *why, const char *remote)
{
	static const struct cure cures[] = {
		{ "expired", "its owner has to renew it" },
		{ "not yet valid",
		    "its owner has to set it in force, or somebody the clock: here or "
		    "there" },
		{ "names other", "its owner has to get one that names the domain" },
		{ "revoked", "its owner has to get another" },
		{ "",
		    "its owner has to get one from an authority that others know, and to put the "
		    "intermediate certificates behind it in the file; an authority of your own is "
		    "named with ca in section s2s" },
	};

	/* Nothing here helps against that. */
	if (strstr(why, "TLSA") != NULL)
		return arena_printf(arena,
		    "its owner has to make TLSA records of the certificate that the server shows, "
		    "or to have it show another; if nothing is wrong there somebody stands "
		    "between: a route \"%s\" in godwit.conf would go by no TLSA records",
		    remote);
	return arena_printf(arena,
	    "%s; until then insecure = { \"%s\" } in section s2s is content with dialback, which "
	    "is "
	    "as safe as DNS",
	    cure_find(cures, why), remote);
}

const char *cure_of_refusal(struct arena *arena, const char *local, enum dialback_type outcome)
{
	const struct config_domain *domain = config_domain(home_config(), local);
	const char *warning = domain == NULL ? NULL : config_domain_warning(domain, arena);

	if (warning != NULL)
		return arena_printf(arena, "put our own certificate right: %s", warning);
	if (outcome == DIALBACK_INVALID)
		return arena_printf(arena,
		    "it has asked another server than this one: the SRV records of %s have to lead "
		    "here, as the world sees them",
		    local);
	if (outcome == DIALBACK_ERROR)
		return arena_printf(arena,
		    "it could not ask back, or may not: the SRV records of %s have to lead here, "
		    "port 5269 has to be open to the world, and its owner has to allow dialback, "
		    "or "
		    "to trust who issued our certificate",
		    local);
	return "its owner's log says why; it has to trust who issued our certificate, or to allow "
	       "dialback";
}
