-- 001-office.sqlite.sql - accounts, rosters, presence subscriptions and what waits for people who are
-- away. The same tables as in 001-office.postgresql.sql, where each table and column is explained.
-- Times are microseconds since 1970 (UTC). Whoever changes rows by hand switches foreign keys on
-- first: PRAGMA foreign_keys = ON. Small rows found by their key live in the key's own tree (WITHOUT
-- ROWID); those with stanzas in them do not. Steps are never edited once released.

-- One row for each file of schema/ that was applied; written by the server only.
CREATE TABLE schema_version (
	number BIGINT PRIMARY KEY,
	name TEXT NOT NULL,
	applied_at BIGINT NOT NULL
);

-- The accounts. Deleting a row deletes all that belongs to the account.
CREATE TABLE users (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	scram_sha_1 TEXT,
	scram_sha_256 TEXT,
	disabled BOOLEAN NOT NULL DEFAULT false,
	created_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	PRIMARY KEY (domain, username),
	CONSTRAINT domain_is_lower_case_and_not_empty
		CHECK (domain <> '' AND domain NOT GLOB '*[A-Z@/ ]*'),
	CONSTRAINT username_is_lower_case_and_not_empty
		CHECK (username <> '' AND username NOT GLOB '*[A-Z]*'),
	CONSTRAINT username_has_no_forbidden_character
		CHECK (username NOT GLOB '*["&''/:<>@ ]*'),
	CONSTRAINT scram_sha_1_is_a_scram_key
		CHECK (scram_sha_1 GLOB 'SCRAM-SHA-1$[0-9]*:?*$?*:?*'),
	CONSTRAINT scram_sha_256_is_a_scram_key
		CHECK (scram_sha_256 GLOB 'SCRAM-SHA-256$[0-9]*:?*$?*:?*')
) WITHOUT ROWID;

-- The contact lists: one row for each contact of an account (RFC 6121 section 2).
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
	CONSTRAINT contact_is_a_bare_jid CHECK (contact <> '' AND contact NOT GLOB '*/*'),
	CONSTRAINT subscription_is_none_to_from_or_both
		CHECK (subscription IN ('none', 'to', 'from', 'both')),
	CONSTRAINT ask_needs_subscription_none_or_from
		CHECK (NOT ask OR subscription IN ('none', 'from'))
) WITHOUT ROWID;

-- The groups each contact stands in; a contact without rows stands in none.
CREATE TABLE roster_groups (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	contact TEXT NOT NULL,
	group_name TEXT NOT NULL,
	PRIMARY KEY (domain, username, contact, group_name),
	FOREIGN KEY (domain, username, contact) REFERENCES roster_items
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT group_name_is_not_empty CHECK (group_name <> '')
) WITHOUT ROWID;

-- Who has asked for an account's presence and waits for an answer (RFC 6121 section 3.1.3).
CREATE TABLE subscription_requests (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	contact TEXT NOT NULL,
	stanza TEXT NOT NULL,
	requested_at BIGINT NOT NULL,
	PRIMARY KEY (domain, username, contact),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT contact_is_a_bare_jid CHECK (contact <> '' AND contact NOT GLOB '*/*')
);

-- Messages that wait for their receiver to log in (XEP-0160); deleted once delivered.
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

-- The vCard of each account that has one (XEP-0054).
CREATE TABLE vcards (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	vcard TEXT NOT NULL,
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
);

-- What clients keep on the server for themselves (XEP-0049), such as bookmarks.
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

-- Whom an account does not want to hear of (XEP-0191).
CREATE TABLE blocked_jids (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	jid TEXT NOT NULL,
	PRIMARY KEY (domain, username, jid),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT jid_is_not_empty CHECK (jid <> '')
) WITHOUT ROWID;

-- When an account was last online (XEP-0012).
CREATE TABLE last_activity (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	at BIGINT NOT NULL,
	status TEXT,
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
