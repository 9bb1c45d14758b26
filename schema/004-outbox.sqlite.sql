-- 004-outbox.sqlite.sql - messages that are sent with SQL. The same as in 004-outbox.postgresql.sql,
-- where each table and column is explained.

CREATE TABLE outbox (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	sender TEXT NOT NULL,
	recipient TEXT,
	to_online TEXT,
	to_group TEXT,
	type TEXT,
	subject TEXT,
	body TEXT,
	language TEXT,
	message_id TEXT,
	stanza TEXT,
	state TEXT NOT NULL DEFAULT 'waiting',
	error TEXT,
	created_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	sent_at BIGINT,
	CONSTRAINT state_is_waiting_sent_or_failed CHECK (state IN ('waiting', 'sent', 'failed')),
	CONSTRAINT either_recipient_or_to_online_or_to_group CHECK (
		(recipient IS NOT NULL) + (to_online IS NOT NULL) + (to_group IS NOT NULL) = 1),
	CONSTRAINT either_body_or_stanza CHECK ((body IS NULL) <> (stanza IS NULL)),
	CONSTRAINT a_stanza_has_type_subject_language_and_id_in_it CHECK (stanza IS NULL
		OR coalesce(type, subject, language, message_id) IS NULL),
	CONSTRAINT type_is_normal_chat_or_headline CHECK (type IN ('normal', 'chat', 'headline')),
	CONSTRAINT message_id_is_not_empty CHECK (message_id <> ''),
	CONSTRAINT language_is_a_language_tag
		CHECK (language <> '' AND language NOT GLOB '*[^A-Za-z0-9-]*'),
	CONSTRAINT a_message_has_at_most_a_million_bytes
		CHECK (length(CAST(coalesce(subject, '') || coalesce(body, stanza) AS BLOB)) <= 1000000)
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE state = 'waiting';
CREATE INDEX outbox_done ON outbox (sent_at) WHERE state <> 'waiting';

CREATE TABLE outbox_receivers (
	outbox_id BIGINT NOT NULL,
	username TEXT NOT NULL,
	state TEXT NOT NULL,
	error TEXT,
	sent_at BIGINT NOT NULL,
	PRIMARY KEY (outbox_id, username),
	CONSTRAINT outbox_id_is_in_outbox FOREIGN KEY (outbox_id) REFERENCES outbox ON DELETE CASCADE,
	CONSTRAINT state_is_sent_or_failed CHECK (state IN ('sent', 'failed'))
) WITHOUT ROWID;

-- The server inserts here what it inserts into offline_messages otherwise, with the row it is from.
CREATE VIEW outbox_moves AS
	SELECT outbox.id AS outbox_id, offline_messages.* FROM outbox, offline_messages WHERE false;

CREATE TRIGGER outbox_move INSTEAD OF INSERT ON outbox_moves
BEGIN
	INSERT INTO offline_messages (domain, username, id, stanza, bytes, stored_at, expires_at)
		SELECT NEW.domain, NEW.username, NEW.id, NEW.stanza, NEW.bytes, NEW.stored_at,
			NEW.expires_at
		FROM outbox WHERE id = NEW.outbox_id AND state = 'waiting'
		AND (to_group IS NULL OR NOT EXISTS (SELECT 1 FROM outbox_receivers r
			WHERE r.outbox_id = NEW.outbox_id AND r.username = NEW.username));
	INSERT INTO outbox_receivers (outbox_id, username, state, sent_at)
		SELECT id, NEW.username, 'sent', NEW.stored_at FROM outbox
		WHERE id = NEW.outbox_id AND state = 'waiting' AND to_group IS NOT NULL
		ON CONFLICT DO NOTHING;
	UPDATE outbox SET state = 'sent', sent_at = NEW.stored_at
		WHERE id = NEW.outbox_id AND state = 'waiting' AND to_group IS NULL;
END;

CREATE TRIGGER outbox_check_insert BEFORE INSERT ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'a new message is neither sent nor failed: leave the column state out')
	WHERE NEW.state <> 'waiting';
	SELECT RAISE(ABORT, 'the sender is no address: write user@domain, or a domain that is served')
	WHERE NEW.sender = '' OR NEW.sender GLOB '/*' OR NEW.sender GLOB '* *' AND NOT NEW.sender GLOB '*/*';
	SELECT RAISE(ABORT, 'the sender has no account: write it in lower case, insert it into users first, or send as the domain itself')
	FROM (SELECT substr(NEW.sender, 1, instr(NEW.sender || '/', '/') - 1) AS bare)
	WHERE instr(bare, '@') > 0 AND NOT EXISTS (SELECT 1 FROM users
		WHERE domain = substr(bare, instr(bare, '@') + 1)
		AND username = substr(bare, 1, instr(bare, '@') - 1));
	SELECT RAISE(ABORT, 'the recipient is no account: write user@domain; to everybody who is online on a domain, use the column to_online')
	FROM (SELECT substr(NEW.recipient, 1, instr(NEW.recipient || '/', '/') - 1) AS bare)
	WHERE bare NOT GLOB '?*@?*' OR bare GLOB '* *' OR bare GLOB '*@*@*';
	SELECT RAISE(ABORT, 'to_online is no domain: write one that is served, or * for all')
	WHERE NEW.to_online = '' OR NEW.to_online GLOB '*[@/ ]*';
	SELECT RAISE(ABORT, 'there is no such group on the sender''s domain: INSERT INTO groups first, or write the name as it stands there')
	FROM (SELECT substr(NEW.sender, 1, instr(NEW.sender || '/', '/') - 1) AS bare)
	WHERE NEW.to_group IS NOT NULL AND NOT EXISTS (SELECT 1 FROM groups
		WHERE domain = substr(bare, instr(bare, '@') + 1) AND name = NEW.to_group);
	SELECT RAISE(ABORT, 'the message has characters that XML cannot carry: take out control characters other than tab and line break')
	WHERE coalesce(NEW.subject, '') || coalesce(NEW.body, NEW.stanza, '') || coalesce(NEW.message_id, '')
		GLOB '*[' || char(1) || '-' || char(8) || char(11) || char(12) || char(14) || '-' || char(31) || ']*';
END;

-- Only what may be changed by hand is looked at again.
CREATE TRIGGER outbox_check_update BEFORE UPDATE ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (NEW.sender <> OLD.sender
	OR NEW.recipient IS NOT OLD.recipient OR NEW.to_online IS NOT OLD.to_online
	OR NEW.to_group IS NOT OLD.to_group
	OR NEW.body IS NOT OLD.body OR NEW.stanza IS NOT OLD.stanza)
BEGIN
	SELECT RAISE(ABORT, 'only the state of a message can be changed: delete it, and insert another');
END;
CREATE TRIGGER outbox_again AFTER UPDATE OF state ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND NEW.state = 'waiting'
BEGIN
	UPDATE outbox SET error = NULL, sent_at = NULL WHERE id = NEW.id;
	DELETE FROM outbox_receivers WHERE outbox_id = NEW.id AND state = 'failed';
END;

CREATE TRIGGER change_note_outbox_insert AFTER INSERT ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, before, after)
		VALUES ('outbox', 'insert', NULL,
			json_object('id', NEW.id, 'sender', NEW.sender, 'recipient', NEW.recipient,
			'to_online', NEW.to_online, 'to_group', NEW.to_group,
			'type', NEW.type, 'message_id', NEW.message_id,
			'state', NEW.state));
END;
CREATE TRIGGER change_note_outbox_update AFTER UPDATE OF state ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND NEW.state <> OLD.state
BEGIN
	INSERT INTO changes (subject, operation, before, after)
		VALUES ('outbox', 'update',
			json_object('id', OLD.id, 'state', OLD.state, 'error', OLD.error),
			json_object('id', NEW.id, 'state', NEW.state, 'error', NEW.error));
END;
CREATE TRIGGER change_note_outbox_delete AFTER DELETE ON outbox
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, before, after)
		VALUES ('outbox', 'delete',
			json_object('id', OLD.id, 'sender', OLD.sender, 'recipient', OLD.recipient,
			'to_online', OLD.to_online, 'to_group', OLD.to_group,
			'type', OLD.type, 'message_id', OLD.message_id,
			'state', OLD.state), NULL);
END;
