-- 003-live.sqlite.sql - the tables become an interface that is live. The same as in
-- 003-live.postgresql.sql, where each table and column is explained. The server looks four times a
-- second whether another process has committed, and then reads on in the log. SQLite does not know
-- who writes: the server's own transactions leave a mark for as long as they are open, and what is
-- written then is not logged. Passwords turn into keys when the server sees them.

-- Never holds a row that others could see.
CREATE TABLE server_transaction (mark INTEGER PRIMARY KEY);

CREATE TABLE changes (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	changed_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	subject TEXT NOT NULL,
	operation TEXT NOT NULL,
	domain TEXT,
	username TEXT,
	before TEXT,
	after TEXT
);
CREATE INDEX changes_age ON changes (changed_at);

CREATE TABLE change_readers (
	reader TEXT PRIMARY KEY,
	position TEXT NOT NULL
) WITHOUT ROWID;

ALTER TABLE users ADD COLUMN password TEXT;
ALTER TABLE users ADD COLUMN disabled_until BIGINT;
CREATE INDEX users_password ON users (domain, username) WHERE password IS NOT NULL;

CREATE TABLE deleted_users (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	deleted_at BIGINT NOT NULL,
	reserved_until BIGINT NOT NULL,
	PRIMARY KEY (domain, username)
) WITHOUT ROWID;

CREATE TRIGGER user_made BEFORE INSERT ON users
WHEN EXISTS (SELECT 1 FROM deleted_users WHERE domain = NEW.domain AND username = NEW.username)
BEGIN
	SELECT RAISE(ABORT, 'an account of this name was deleted, and the name is reserved for a while: DELETE FROM deleted_users WHERE domain = ... AND username = ... sets it free')
	FROM deleted_users WHERE domain = NEW.domain AND username = NEW.username
		AND reserved_until > (julianday('now') - 2440587.5) * 86400000000;
	DELETE FROM deleted_users WHERE domain = NEW.domain AND username = NEW.username;
END;

CREATE TRIGGER user_deleted AFTER DELETE ON users
BEGIN
	INSERT OR REPLACE INTO deleted_users (domain, username, deleted_at, reserved_until)
	VALUES (OLD.domain, OLD.username,
		CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER),
		CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) + 86400000000 * coalesce(
			(SELECT CAST(coalesce(value, configured, default_value) AS INTEGER) FROM settings
				WHERE name = 'reserved_days'), 30));
END;

CREATE TRIGGER user_password_insert BEFORE INSERT ON users WHEN NEW.password = ''
BEGIN
	SELECT RAISE(ABORT, 'the password is empty: give one with at least one visible character, or NULL for none');
END;
CREATE TRIGGER user_password_update BEFORE UPDATE OF password ON users WHEN NEW.password = ''
BEGIN
	SELECT RAISE(ABORT, 'the password is empty: give one with at least one visible character, or NULL for none');
END;

-- ---- the log's triggers ----

CREATE TRIGGER change_note_users_insert AFTER INSERT ON users
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('users', 'insert', NEW.domain, NEW.username,
			NULL,
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'disabled', NEW.disabled, 'disabled_until', NEW.disabled_until,
			'created_at', NEW.created_at), json_object('scram_sha_1', CASE WHEN
			NEW.scram_sha_1 IS NOT NULL THEN 'changed' END, 'scram_sha_256', CASE
			WHEN NEW.scram_sha_256 IS NOT NULL THEN 'changed' END, 'password', CASE
			WHEN NEW.password IS NOT NULL THEN 'changed' END)));
END;

CREATE TRIGGER change_note_users_update AFTER UPDATE ON users
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.disabled IS NOT
	NEW.disabled OR OLD.disabled_until IS NOT NEW.disabled_until OR
	OLD.created_at IS NOT NEW.created_at OR OLD.scram_sha_1 IS NOT
	NEW.scram_sha_1 OR OLD.scram_sha_256 IS NOT NEW.scram_sha_256 OR
	OLD.password IS NOT NEW.password)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('users', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'disabled',
			OLD.disabled, 'disabled_until', OLD.disabled_until, 'created_at',
			OLD.created_at),
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'disabled', NEW.disabled, 'disabled_until', NEW.disabled_until,
			'created_at', NEW.created_at), json_object('scram_sha_1', CASE WHEN
			NEW.scram_sha_1 IS NOT OLD.scram_sha_1 THEN 'changed' END,
			'scram_sha_256', CASE WHEN NEW.scram_sha_256 IS NOT OLD.scram_sha_256
			THEN 'changed' END, 'password', CASE WHEN NEW.password IS NOT
			OLD.password THEN 'changed' END)));
END;

CREATE TRIGGER change_note_users_delete AFTER DELETE ON users
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('users', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'disabled',
			OLD.disabled, 'disabled_until', OLD.disabled_until, 'created_at',
			OLD.created_at),
			NULL);
END;

CREATE TRIGGER change_note_roster_items_insert AFTER INSERT ON roster_items
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_items', 'insert', NEW.domain, NEW.username,
			NULL,
			json_object('domain', NEW.domain, 'username', NEW.username, 'contact',
			NEW.contact, 'name', NEW.name, 'subscription', NEW.subscription, 'ask',
			NEW.ask, 'approved', NEW.approved));
END;

CREATE TRIGGER change_note_roster_items_update AFTER UPDATE ON roster_items
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.contact IS NOT
	NEW.contact OR OLD.name IS NOT NEW.name OR OLD.subscription IS NOT
	NEW.subscription OR OLD.ask IS NOT NEW.ask OR OLD.approved IS NOT
	NEW.approved)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_items', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'name', OLD.name, 'subscription', OLD.subscription, 'ask',
			OLD.ask, 'approved', OLD.approved),
			json_object('domain', NEW.domain, 'username', NEW.username, 'contact',
			NEW.contact, 'name', NEW.name, 'subscription', NEW.subscription, 'ask',
			NEW.ask, 'approved', NEW.approved));
END;

CREATE TRIGGER change_note_roster_items_delete AFTER DELETE ON roster_items
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_items', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'name', OLD.name, 'subscription', OLD.subscription, 'ask',
			OLD.ask, 'approved', OLD.approved),
			NULL);
END;

CREATE TRIGGER change_note_roster_groups_insert AFTER INSERT ON roster_groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_groups', 'insert', NEW.domain, NEW.username,
			NULL,
			json_object('domain', NEW.domain, 'username', NEW.username, 'contact',
			NEW.contact, 'group_name', NEW.group_name));
END;

CREATE TRIGGER change_note_roster_groups_update AFTER UPDATE ON roster_groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.contact IS NOT
	NEW.contact OR OLD.group_name IS NOT NEW.group_name)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_groups', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'group_name', OLD.group_name),
			json_object('domain', NEW.domain, 'username', NEW.username, 'contact',
			NEW.contact, 'group_name', NEW.group_name));
END;

CREATE TRIGGER change_note_roster_groups_delete AFTER DELETE ON roster_groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('roster_groups', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'group_name', OLD.group_name),
			NULL);
END;

CREATE TRIGGER change_note_subscription_requests_insert AFTER INSERT ON subscription_requests
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('subscription_requests', 'insert', NEW.domain, NEW.username,
			NULL,
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'contact', NEW.contact, 'requested_at', NEW.requested_at),
			json_object('stanza', CASE WHEN NEW.stanza IS NOT NULL THEN 'changed'
			END)));
END;

CREATE TRIGGER change_note_subscription_requests_update AFTER UPDATE ON subscription_requests
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.contact IS NOT
	NEW.contact OR OLD.requested_at IS NOT NEW.requested_at OR OLD.stanza IS
	NOT NEW.stanza)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('subscription_requests', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'requested_at', OLD.requested_at),
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'contact', NEW.contact, 'requested_at', NEW.requested_at),
			json_object('stanza', CASE WHEN NEW.stanza IS NOT OLD.stanza THEN
			'changed' END)));
END;

CREATE TRIGGER change_note_subscription_requests_delete AFTER DELETE ON subscription_requests
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('subscription_requests', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'contact',
			OLD.contact, 'requested_at', OLD.requested_at),
			NULL);
END;

CREATE TRIGGER change_note_blocked_jids_insert AFTER INSERT ON blocked_jids
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('blocked_jids', 'insert', NEW.domain, NEW.username,
			NULL,
			json_object('domain', NEW.domain, 'username', NEW.username, 'jid',
			NEW.jid));
END;

CREATE TRIGGER change_note_blocked_jids_update AFTER UPDATE ON blocked_jids
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.jid IS NOT
	NEW.jid)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('blocked_jids', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'jid',
			OLD.jid),
			json_object('domain', NEW.domain, 'username', NEW.username, 'jid',
			NEW.jid));
END;

CREATE TRIGGER change_note_blocked_jids_delete AFTER DELETE ON blocked_jids
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('blocked_jids', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'jid',
			OLD.jid),
			NULL);
END;

CREATE TRIGGER change_note_vcards_insert AFTER INSERT ON vcards
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('vcards', 'insert', NEW.domain, NEW.username,
			NULL,
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username),
			json_object('vcard', CASE WHEN NEW.vcard IS NOT NULL THEN 'changed'
			END)));
END;

CREATE TRIGGER change_note_vcards_update AFTER UPDATE ON vcards
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.vcard IS NOT
	NEW.vcard)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('vcards', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username),
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username),
			json_object('vcard', CASE WHEN NEW.vcard IS NOT OLD.vcard THEN 'changed'
			END)));
END;

CREATE TRIGGER change_note_vcards_delete AFTER DELETE ON vcards
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('vcards', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username),
			NULL);
END;

CREATE TRIGGER change_note_private_xml_insert AFTER INSERT ON private_xml
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('private_xml', 'insert', NEW.domain, NEW.username,
			NULL,
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'namespace', NEW.namespace, 'name', NEW.name), json_object('data', CASE
			WHEN NEW.data IS NOT NULL THEN 'changed' END)));
END;

CREATE TRIGGER change_note_private_xml_update AFTER UPDATE ON private_xml
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.namespace IS NOT
	NEW.namespace OR OLD.name IS NOT NEW.name OR OLD.data IS NOT NEW.data)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('private_xml', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'namespace',
			OLD.namespace, 'name', OLD.name),
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'namespace', NEW.namespace, 'name', NEW.name), json_object('data', CASE
			WHEN NEW.data IS NOT OLD.data THEN 'changed' END)));
END;

CREATE TRIGGER change_note_private_xml_delete AFTER DELETE ON private_xml
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('private_xml', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'namespace',
			OLD.namespace, 'name', OLD.name),
			NULL);
END;

CREATE TRIGGER change_note_offline_messages_insert AFTER INSERT ON offline_messages
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('offline_messages', 'insert', NEW.domain, NEW.username,
			NULL,
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'id', NEW.id, 'bytes', NEW.bytes, 'stored_at', NEW.stored_at,
			'expires_at', NEW.expires_at), json_object('stanza', CASE WHEN
			NEW.stanza IS NOT NULL THEN 'changed' END)));
END;

CREATE TRIGGER change_note_offline_messages_update AFTER UPDATE ON offline_messages
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.username IS NOT NEW.username OR OLD.id IS NOT NEW.id
	OR OLD.bytes IS NOT NEW.bytes OR OLD.stored_at IS NOT NEW.stored_at OR
	OLD.expires_at IS NOT NEW.expires_at OR OLD.stanza IS NOT NEW.stanza)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('offline_messages', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'id',
			OLD.id, 'bytes', OLD.bytes, 'stored_at', OLD.stored_at, 'expires_at',
			OLD.expires_at),
			json_patch(json_object('domain', NEW.domain, 'username', NEW.username,
			'id', NEW.id, 'bytes', NEW.bytes, 'stored_at', NEW.stored_at,
			'expires_at', NEW.expires_at), json_object('stanza', CASE WHEN
			NEW.stanza IS NOT OLD.stanza THEN 'changed' END)));
END;

CREATE TRIGGER change_note_offline_messages_delete AFTER DELETE ON offline_messages
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('offline_messages', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'username', OLD.username, 'id',
			OLD.id, 'bytes', OLD.bytes, 'stored_at', OLD.stored_at, 'expires_at',
			OLD.expires_at),
			NULL);
END;
