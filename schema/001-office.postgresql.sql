-- 001-office.postgresql.sql - accounts, rosters, presence subscriptions and what waits for people
-- who are away. The tables are an interface for administrators as much as for the server: names are
-- plain, each row is one thing, and every table about an account has the columns (domain, username),
-- which refer to users and go with it. Times are microseconds since 1970 (UTC). Domains, usernames
-- and JIDs are kept in their prepared form (RFC 7622): lower case, without escapes.
-- 001-office.sqlite.sql makes the same tables in SQLite. Steps are never edited once released.

CREATE TABLE schema_version (
	number BIGINT PRIMARY KEY,
	name TEXT NOT NULL,
	applied_at BIGINT NOT NULL
);
COMMENT ON TABLE schema_version IS 'One row for each file of schema/ that was applied; written by the server only.';
COMMENT ON COLUMN schema_version.number IS 'The number the file name begins with; the highest is the version of the schema.';
COMMENT ON COLUMN schema_version.name IS 'The name of the file, without number and ending.';
COMMENT ON COLUMN schema_version.applied_at IS 'When it was applied, in microseconds since 1970.';

CREATE TABLE users (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	scram_sha_1 TEXT,
	scram_sha_256 TEXT,
	disabled BOOLEAN NOT NULL DEFAULT false,
	created_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT,
	PRIMARY KEY (domain, username),
	CONSTRAINT domain_is_lower_case_and_not_empty
		CHECK (domain <> '' AND domain COLLATE "C" !~ '[A-Z@/ ]'),
	CONSTRAINT username_is_lower_case_and_not_empty
		CHECK (username <> '' AND username COLLATE "C" !~ '[A-Z]'),
	CONSTRAINT username_has_no_forbidden_character
		CHECK (username COLLATE "C" !~ '["&''/:<>@ ]'),
	CONSTRAINT scram_sha_1_is_a_scram_key
		CHECK (scram_sha_1 ~ '^SCRAM-SHA-1\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$'),
	CONSTRAINT scram_sha_256_is_a_scram_key
		CHECK (scram_sha_256 ~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$')
);
COMMENT ON TABLE users IS 'The accounts. Deleting a row deletes all that belongs to the account.';
COMMENT ON COLUMN users.domain IS 'The domain of the account''s address, lower case; one that the server is configured to serve.';
COMMENT ON COLUMN users.username IS 'The part of the address before the @, lower case.';
COMMENT ON COLUMN users.scram_sha_1 IS 'Key for SCRAM-SHA-1, SCRAM-SHA-1$ITERATIONS:SALT$STOREDKEY:SERVERKEY (base64). NULL: no login by it.';
COMMENT ON COLUMN users.scram_sha_256 IS 'Key for SCRAM-SHA-256 in PostgreSQL''s own form, SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY (base64). NULL: no login by it.';
COMMENT ON COLUMN users.disabled IS 'True: the account keeps everything, but nobody can log in to it.';
COMMENT ON COLUMN users.created_at IS 'When the account was made, in microseconds since 1970.';

CREATE TABLE roster_items (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	contact TEXT NOT NULL,
	name TEXT,
	subscription TEXT NOT NULL DEFAULT 'none',
	ask BOOLEAN NOT NULL DEFAULT false,
	approved BOOLEAN NOT NULL DEFAULT false,
	PRIMARY KEY (domain, username, contact),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT contact_is_a_bare_jid CHECK (contact <> '' AND contact !~ '/'),
	CONSTRAINT subscription_is_none_to_from_or_both
		CHECK (subscription IN ('none', 'to', 'from', 'both')),
	CONSTRAINT ask_needs_subscription_none_or_from
		CHECK (NOT ask OR subscription IN ('none', 'from'))
);
COMMENT ON TABLE roster_items IS 'The contact lists: one row for each contact of an account (RFC 6121 section 2).';
COMMENT ON COLUMN roster_items.domain IS 'The account whose contact list it is: its domain.';
COMMENT ON COLUMN roster_items.username IS 'The account whose contact list it is: the part before the @.';
COMMENT ON COLUMN roster_items.contact IS 'Bare JID of the contact.';
COMMENT ON COLUMN roster_items.name IS 'What the owner calls the contact, or NULL.';
COMMENT ON COLUMN roster_items.subscription IS 'Who sees whose presence: none; to: the owner sees the contact''s; from: the contact sees the owner''s; both.';
COMMENT ON COLUMN roster_items.ask IS 'True: the owner has asked for the contact''s presence and has no answer yet.';
COMMENT ON COLUMN roster_items.approved IS 'True: the owner has approved a request of the contact in advance (RFC 6121 section 3.4).';

CREATE TABLE roster_groups (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	contact TEXT NOT NULL,
	group_name TEXT NOT NULL,
	PRIMARY KEY (domain, username, contact, group_name),
	FOREIGN KEY (domain, username, contact) REFERENCES roster_items
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT group_name_is_not_empty CHECK (group_name <> '')
);
COMMENT ON TABLE roster_groups IS 'The groups each contact stands in; a contact without rows stands in none.';
COMMENT ON COLUMN roster_groups.domain IS 'The account whose contact list it is: its domain.';
COMMENT ON COLUMN roster_groups.username IS 'The account whose contact list it is: the part before the @.';
COMMENT ON COLUMN roster_groups.contact IS 'Bare JID of the contact, as in roster_items.';
COMMENT ON COLUMN roster_groups.group_name IS 'Name of the group.';

CREATE TABLE subscription_requests (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	contact TEXT NOT NULL,
	stanza TEXT NOT NULL,
	requested_at BIGINT NOT NULL,
	PRIMARY KEY (domain, username, contact),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT contact_is_a_bare_jid CHECK (contact <> '' AND contact !~ '/')
);
COMMENT ON TABLE subscription_requests IS 'Who has asked for an account''s presence and waits for an answer (RFC 6121 section 3.1.3).';
COMMENT ON COLUMN subscription_requests.domain IS 'The account that was asked: its domain.';
COMMENT ON COLUMN subscription_requests.username IS 'The account that was asked: the part before the @.';
COMMENT ON COLUMN subscription_requests.contact IS 'Bare JID of who asks.';
COMMENT ON COLUMN subscription_requests.stanza IS 'The presence stanza of the request, as XML; delivered at each login until answered.';
COMMENT ON COLUMN subscription_requests.requested_at IS 'When it came, in microseconds since 1970.';

CREATE TABLE offline_messages (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	id BIGINT NOT NULL,
	stanza TEXT NOT NULL,
	bytes BIGINT NOT NULL,
	stored_at BIGINT NOT NULL,
	expires_at BIGINT,
	PRIMARY KEY (domain, username, id),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT bytes_is_not_negative CHECK (bytes >= 0)
);
-- Finds what has expired without a walk through all that waits.
CREATE INDEX offline_messages_expiry ON offline_messages (expires_at) WHERE expires_at IS NOT NULL;
COMMENT ON TABLE offline_messages IS 'Messages that wait for their receiver to log in (XEP-0160); deleted once delivered.';
COMMENT ON COLUMN offline_messages.domain IS 'The account of the receiver: its domain.';
COMMENT ON COLUMN offline_messages.username IS 'The account of the receiver: the part before the @.';
COMMENT ON COLUMN offline_messages.id IS 'Made by the server, ascending: the order of arrival.';
COMMENT ON COLUMN offline_messages.stanza IS 'The message stanza as XML.';
COMMENT ON COLUMN offline_messages.bytes IS 'Length of the stanza, as it counts for the quota.';
COMMENT ON COLUMN offline_messages.stored_at IS 'When it came, in microseconds since 1970; its delay stamp (XEP-0203).';
COMMENT ON COLUMN offline_messages.expires_at IS 'When it is no longer worth delivering, in microseconds since 1970; NULL: never.';

CREATE TABLE vcards (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	vcard TEXT NOT NULL,
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE vcards IS 'The vCard of each account that has one (XEP-0054).';
COMMENT ON COLUMN vcards.domain IS 'The account it describes: its domain.';
COMMENT ON COLUMN vcards.username IS 'The account it describes: the part before the @.';
COMMENT ON COLUMN vcards.vcard IS 'The vCard element as XML.';

CREATE TABLE private_xml (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	namespace TEXT NOT NULL,
	name TEXT NOT NULL,
	data TEXT NOT NULL,
	PRIMARY KEY (domain, username, namespace, name),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT name_is_not_empty CHECK (name <> '')
);
COMMENT ON TABLE private_xml IS 'What clients keep on the server for themselves (XEP-0049), such as bookmarks.';
COMMENT ON COLUMN private_xml.domain IS 'The owner: domain of the account.';
COMMENT ON COLUMN private_xml.username IS 'The owner: the part before the @.';
COMMENT ON COLUMN private_xml.namespace IS 'Namespace of the stored element.';
COMMENT ON COLUMN private_xml.name IS 'Name of the stored element.';
COMMENT ON COLUMN private_xml.data IS 'The element as XML.';

CREATE TABLE blocked_jids (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	jid TEXT NOT NULL,
	PRIMARY KEY (domain, username, jid),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT jid_is_not_empty CHECK (jid <> '')
);
COMMENT ON TABLE blocked_jids IS 'Whom an account does not want to hear of (XEP-0191).';
COMMENT ON COLUMN blocked_jids.domain IS 'The account that blocks: its domain.';
COMMENT ON COLUMN blocked_jids.username IS 'The account that blocks: the part before the @.';
COMMENT ON COLUMN blocked_jids.jid IS 'The blocked address: a full or bare JID, or a whole domain.';

-- Rewritten at each logout: room on the page lets the new row stay beside the old one.
CREATE TABLE last_activity (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	at BIGINT NOT NULL,
	status TEXT,
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
) WITH (fillfactor = 80);
COMMENT ON TABLE last_activity IS 'When an account was last online (XEP-0012).';
COMMENT ON COLUMN last_activity.domain IS 'The account: its domain.';
COMMENT ON COLUMN last_activity.username IS 'The account: the part before the @.';
COMMENT ON COLUMN last_activity.at IS 'When its last session ended, in microseconds since 1970.';
COMMENT ON COLUMN last_activity.status IS 'The status text it left behind, or NULL.';
