-- 004-outbox.postgresql.sql - messages that are sent with SQL: an application writes a row in the
-- transaction of its own data, and the server sends it once that is committed. What makes it
-- happen exactly once is that the row's change to "sent" and the message in the receiver's mailbox
-- are one statement: an INSERT into the view outbox_moves. For a message to a group, a row in
-- outbox_receivers for each member takes the place of that change.

CREATE TABLE outbox (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
	created_at BIGINT NOT NULL DEFAULT microseconds(),
	sent_at BIGINT,
	CONSTRAINT state_is_waiting_sent_or_failed CHECK (state IN ('waiting', 'sent', 'failed')),
	CONSTRAINT either_recipient_or_to_online_or_to_group
		CHECK (num_nonnulls(recipient, to_online, to_group) = 1),
	CONSTRAINT either_body_or_stanza CHECK (num_nonnulls(body, stanza) = 1),
	CONSTRAINT a_stanza_has_type_subject_language_and_id_in_it CHECK (stanza IS NULL
		OR num_nonnulls(type, subject, language, message_id) = 0),
	CONSTRAINT type_is_normal_chat_or_headline CHECK (type IN ('normal', 'chat', 'headline')),
	CONSTRAINT message_id_is_not_empty CHECK (message_id <> ''),
	CONSTRAINT language_is_a_language_tag CHECK (language ~ '^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$'),
	CONSTRAINT a_message_has_at_most_a_million_bytes
		CHECK (octet_length(concat(subject, body, stanza)) <= 1000000)
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE state = 'waiting';
CREATE INDEX outbox_done ON outbox (sent_at) WHERE state <> 'waiting';
COMMENT ON TABLE outbox IS 'Messages to be sent: insert a row, and it is sent after your COMMIT, once. Rows are removed 7 days after they were sent or have failed.';
COMMENT ON COLUMN outbox.id IS 'Made by the database, ascending; messages are sent in this order.';
COMMENT ON COLUMN outbox.sender IS 'From whom: the address of an account (user@domain), or a domain that is served.';
COMMENT ON COLUMN outbox.recipient IS 'To whom: the address of an account. What is sent to a full address (user@domain/resource) reaches that client or, if it is gone, what its type says; at most once.';
COMMENT ON COLUMN outbox.to_online IS 'Instead of a recipient: to everybody who is online on this domain, or on any (*); each client at most once.';
COMMENT ON COLUMN outbox.to_group IS 'Instead of a recipient: to each member of this shared group (groups.name) of the sender''s domain, online or not, once; what became of each is in outbox_receivers.';
COMMENT ON COLUMN outbox.type IS 'normal (the same as NULL), chat, or headline: headlines are not kept for who is away.';
COMMENT ON COLUMN outbox.subject IS 'The subject, or NULL.';
COMMENT ON COLUMN outbox.body IS 'The text.';
COMMENT ON COLUMN outbox.language IS 'The language of subject and body, such as en (xml:lang), or NULL.';
COMMENT ON COLUMN outbox.message_id IS 'The id of the message, by which the receiver knows it; NULL: outbox- and the number of the row.';
COMMENT ON COLUMN outbox.stanza IS 'Instead of a body: a whole <message/> as XML; its from and to are replaced by sender and recipient.';
COMMENT ON COLUMN outbox.state IS 'waiting; sent: kept for the receiver, or handed to who is online; failed: see error. Set it to waiting again to have it tried once more.';
COMMENT ON COLUMN outbox.error IS 'Why it failed: a condition of RFC 6120 section 8.3.3 and what that means here.';
COMMENT ON COLUMN outbox.created_at IS 'When the row was made, in microseconds since 1970.';
COMMENT ON COLUMN outbox.sent_at IS 'When it was sent or has failed, in microseconds since 1970; NULL while it waits.';

CREATE TABLE outbox_receivers (
	outbox_id BIGINT NOT NULL,
	username TEXT NOT NULL,
	state TEXT NOT NULL,
	error TEXT,
	sent_at BIGINT NOT NULL,
	PRIMARY KEY (outbox_id, username),
	CONSTRAINT outbox_id_is_in_outbox FOREIGN KEY (outbox_id) REFERENCES outbox ON DELETE CASCADE,
	CONSTRAINT state_is_sent_or_failed CHECK (state IN ('sent', 'failed'))
);
COMMENT ON TABLE outbox_receivers IS 'Of a message to a group: what became of it for each member. Who is not in here still waits. Written by the server.';
COMMENT ON COLUMN outbox_receivers.outbox_id IS 'The message, as in outbox.id.';
COMMENT ON COLUMN outbox_receivers.username IS 'The member: the part of its address before the @.';
COMMENT ON COLUMN outbox_receivers.state IS 'sent: kept for the member, or handed to it; failed: see error.';
COMMENT ON COLUMN outbox_receivers.error IS 'Why it failed, as in outbox.error.';
COMMENT ON COLUMN outbox_receivers.sent_at IS 'When it was sent or has failed, in microseconds since 1970.';

CREATE FUNCTION outbox_check() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	bare TEXT := split_part(NEW.sender, '/', 1);
	sender_domain TEXT := substring(bare FROM position('@' IN bare) + 1);
BEGIN
	IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{state,error,sent_at}'::TEXT[]
		<> to_jsonb(NEW) - '{state,error,sent_at}'::TEXT[] THEN
		RAISE EXCEPTION 'only the state of a message can be changed'
			USING ERRCODE = 'check_violation', HINT = 'Delete it, and insert another.';
	END IF;
	IF TG_OP = 'INSERT' AND NEW.state <> 'waiting' THEN
		RAISE EXCEPTION 'a new message is not % yet', NEW.state USING ERRCODE = 'check_violation',
			HINT = 'Leave the column state out.';
	END IF;
	IF bare = '' OR bare ~ '[[:space:]]' THEN
		RAISE EXCEPTION 'the sender "%" is no address', NEW.sender USING ERRCODE = 'check_violation',
			HINT = 'Write user@domain, or a domain that is served.';
	END IF;
	IF position('@' IN bare) > 0 AND NOT EXISTS (SELECT FROM users
		WHERE domain = split_part(bare, '@', 2) AND username = split_part(bare, '@', 1)) THEN
		RAISE EXCEPTION 'the sender % has no account', bare USING ERRCODE = 'foreign_key_violation',
			HINT = 'Write it in lower case, insert it into users first, or send as the domain itself.';
	END IF;
	IF NEW.recipient !~ '^[^@/[:space:]]+@[^@/[:space:]]+(/.+)?$' THEN
		RAISE EXCEPTION 'the recipient "%" is no account', NEW.recipient
			USING ERRCODE = 'check_violation',
			HINT = 'Write user@domain; to everybody who is online on a domain, use the column to_online.';
	END IF;
	IF NEW.to_online ~ '[@/[:space:]]' OR NEW.to_online = '' THEN
		RAISE EXCEPTION 'to_online is "%", which is no domain', NEW.to_online
			USING ERRCODE = 'check_violation', HINT = 'Write a domain that is served, or * for all.';
	END IF;
	IF TG_OP = 'INSERT' AND NEW.to_group IS NOT NULL AND NOT EXISTS (SELECT FROM groups
		WHERE domain = sender_domain AND name = NEW.to_group) THEN
		RAISE EXCEPTION 'there is no group "%" on %', NEW.to_group, sender_domain
			USING ERRCODE = 'foreign_key_violation', HINT = format('INSERT INTO groups first, or '
				'take one of these: SELECT name FROM groups WHERE domain = %L.', sender_domain);
	END IF;
	IF concat(NEW.subject, NEW.body, NEW.stanza, NEW.message_id)
		~ '[\x01-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]' THEN
		RAISE EXCEPTION 'the message has characters that XML cannot carry'
			USING ERRCODE = 'check_violation',
			HINT = 'Take out control characters other than tab and line break.';
	END IF;
	IF NEW.state = 'waiting' THEN
		NEW.error := NULL;
		NEW.sent_at := NULL;
		DELETE FROM outbox_receivers WHERE outbox_id = NEW.id AND state = 'failed';
	END IF;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION outbox_check IS 'Trigger: refuses what could never be sent.';
CREATE TRIGGER outbox_check BEFORE INSERT OR UPDATE ON outbox
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION outbox_check();
CREATE TRIGGER zz_change_note AFTER INSERT OR UPDATE OR DELETE ON outbox
	FOR EACH ROW WHEN (session_user <> 'godwit_server')
	EXECUTE FUNCTION change_note('subject', 'body', 'stanza');

-- The server inserts here what it inserts into offline_messages otherwise, with the row it is from.
CREATE VIEW outbox_moves AS
	SELECT outbox.id AS outbox_id, offline_messages.* FROM outbox, offline_messages WHERE false;
COMMENT ON VIEW outbox_moves IS 'For the server: a row inserted here goes into offline_messages, and the one of the outbox is sent; both or, if that does not wait any more, none. None either, and 0 is returned for outbox_id, if somebody has that row locked.';
COMMENT ON COLUMN outbox_moves.outbox_id IS 'The row of the outbox; 0 in what is returned: somebody has it locked.';
COMMENT ON COLUMN outbox_moves.domain IS 'Of the account that gets it, as in offline_messages.';
COMMENT ON COLUMN outbox_moves.username IS 'Of the account that gets it, as in offline_messages.';
COMMENT ON COLUMN outbox_moves.id IS 'As in offline_messages.';
COMMENT ON COLUMN outbox_moves.stanza IS 'As in offline_messages.';
COMMENT ON COLUMN outbox_moves.bytes IS 'As in offline_messages.';
COMMENT ON COLUMN outbox_moves.stored_at IS 'As in offline_messages.';
COMMENT ON COLUMN outbox_moves.expires_at IS 'As in offline_messages.';

CREATE FUNCTION outbox_move() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	waiting_id BIGINT := NEW.outbox_id;
BEGIN
	-- Who waited for an administrator's lock here would keep everybody waiting.
	UPDATE outbox SET state = 'sent', sent_at = NEW.stored_at WHERE id = (SELECT id FROM outbox
		WHERE id = NEW.outbox_id AND state = 'waiting' AND to_group IS NULL
		FOR NO KEY UPDATE SKIP LOCKED);
	IF NOT FOUND THEN
		INSERT INTO outbox_receivers (outbox_id, username, state, sent_at)
			SELECT id, NEW.username, 'sent', NEW.stored_at FROM outbox
			WHERE id = NEW.outbox_id AND state = 'waiting' AND to_group IS NOT NULL
			FOR KEY SHARE SKIP LOCKED
			ON CONFLICT DO NOTHING;
	END IF;
	IF NOT FOUND THEN
		NEW.outbox_id := 0;
		RETURN CASE WHEN EXISTS (SELECT FROM outbox o WHERE o.id = waiting_id AND o.state = 'waiting'
			AND NOT EXISTS (SELECT FROM outbox_receivers r
				WHERE r.outbox_id = o.id AND r.username = NEW.username)) THEN NEW END;
	END IF;
	INSERT INTO offline_messages (domain, username, id, stanza, bytes, stored_at, expires_at)
		VALUES (NEW.domain, NEW.username, NEW.id, NEW.stanza, NEW.bytes, NEW.stored_at,
			NEW.expires_at);
	RETURN NEW;
END $$;
COMMENT ON FUNCTION outbox_move IS 'Trigger: moves a message from the outbox into the mailbox of its receiver.';
CREATE TRIGGER outbox_move INSTEAD OF INSERT ON outbox_moves
	FOR EACH ROW EXECUTE FUNCTION outbox_move();

CREATE FUNCTION privileges_of_outbox() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT (id, sender, recipient, to_online, to_group, type, language, message_id, state,
			error, created_at, sent_at) ON outbox TO godwit_readonly;
		GRANT SELECT ON outbox_receivers TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT (id, sender, recipient, to_online, to_group, type, language, message_id, state,
			error, created_at, sent_at), INSERT, UPDATE (state), DELETE ON outbox TO godwit_admin;
		GRANT SELECT ON outbox_receivers TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_outbox IS 'Grants on the tables of step 004.';
SELECT privileges_grant();
