-- 003-live.postgresql.sql - the tables become an interface that is live: what somebody changes with
-- SQL is written into a log by triggers, and the server, woken by NOTIFY, reads on there from where
-- it stopped. The log is the audit trail at the same time. Passwords turn into keys inside the
-- transaction that sets them. What the server writes itself, as the role godwit_server, is not
-- logged: it knows, and to log it would cost each of its commits (session_user is what somebody
-- logged in as; nobody but a superuser can set it).

CREATE EXTENSION IF NOT EXISTS pgcrypto;

-- ---- time ----

CREATE FUNCTION microseconds(moment TIMESTAMPTZ DEFAULT clock_timestamp()) RETURNS BIGINT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM moment) * 1000000)::BIGINT;
COMMENT ON FUNCTION microseconds IS 'A moment as the tables keep it: microseconds since 1970. microseconds(now() + interval ''1 day'') is tomorrow.';

CREATE FUNCTION moment(microseconds BIGINT) RETURNS TIMESTAMPTZ
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(microseconds / 1000000.0);
COMMENT ON FUNCTION moment IS 'The other way round: a column such as created_at as a date that people read.';

-- ---- the log ----

CREATE TABLE changes (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
	changed_at BIGINT NOT NULL DEFAULT microseconds(),
	changed_by TEXT NOT NULL DEFAULT session_user,
	subject TEXT NOT NULL,
	operation TEXT NOT NULL,
	domain TEXT,
	username TEXT,
	before TEXT,
	after TEXT,
	CONSTRAINT operation_is_insert_update_or_delete
		CHECK (operation IN ('insert', 'update', 'delete'))
);
-- Numbers are given before the commit, so the reader goes by transactions: a snapshot tells what it
-- has seen.
CREATE INDEX changes_transaction ON changes (transaction_id, id);
CREATE INDEX changes_age ON changes (changed_at);
COMMENT ON TABLE changes IS 'Who has changed what with SQL, and when. Written by triggers, read by the server, which acts on it.';
COMMENT ON COLUMN changes.id IS 'Ascending; not without gaps.';
COMMENT ON COLUMN changes.transaction_id IS 'The transaction, by which the server knows what it has read.';
COMMENT ON COLUMN changes.changed_at IS 'When, in microseconds since 1970.';
COMMENT ON COLUMN changes.changed_by IS 'The database role that had logged in.';
COMMENT ON COLUMN changes.subject IS 'The table.';
COMMENT ON COLUMN changes.operation IS 'insert, update or delete.';
COMMENT ON COLUMN changes.domain IS 'Of the account that the row is about, if it is about one.';
COMMENT ON COLUMN changes.username IS 'Of the account that the row is about, if it is about one.';
COMMENT ON COLUMN changes.before IS 'The row as it was, as JSON, without secrets and stanzas; NULL for an insert.';
COMMENT ON COLUMN changes.after IS 'The row as it is, as JSON; of secrets and stanzas only that they are "changed". NULL for a delete.';

CREATE TABLE change_readers (
	reader TEXT PRIMARY KEY,
	position TEXT NOT NULL
);
COMMENT ON TABLE change_readers IS 'How far the log of changes was read; written by the server only.';
COMMENT ON COLUMN change_readers.reader IS 'Who reads.';
COMMENT ON COLUMN change_readers.position IS 'What it has seen: a snapshot, as pg_current_snapshot() gives it.';

-- Notes the change of a row. The arguments name columns whose values are nobody's business.
CREATE FUNCTION change_note() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	old_row JSONB := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
	new_row JSONB := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
	about JSONB := coalesce(new_row, old_row);
	hidden_columns TEXT[] := coalesce(TG_ARGV, '{}');
	hidden TEXT;
	changed JSONB := '{}';
BEGIN
	IF old_row = new_row THEN
		RETURN NULL;
	END IF;
	FOREACH hidden IN ARRAY hidden_columns LOOP
		IF new_row -> hidden IS DISTINCT FROM coalesce(old_row -> hidden, 'null') THEN
			changed := changed || jsonb_build_object(hidden, 'changed');
		END IF;
	END LOOP;
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES (TG_TABLE_NAME, lower(TG_OP), about ->> 'domain', about ->> 'username',
			(old_row - hidden_columns)::TEXT, ((new_row - hidden_columns) || changed)::TEXT);
	PERFORM pg_notify('godwit_changes', '');
	RETURN NULL;
END $$;
COMMENT ON FUNCTION change_note IS 'Trigger: writes a change into the log and wakes the server.';

CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON roster_items
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON roster_groups
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON subscription_requests
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note('stanza');
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON blocked_jids
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON vcards
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note('vcard');
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON private_xml
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note('data');
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON offline_messages
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note('stanza');

-- ---- passwords ----

-- What people type differently is one password (SASLprep, RFC 4013): spaces of other kinds are
-- spaces, what is not seen is left out, compatible forms are one.
CREATE FUNCTION password_prepare(password TEXT) RETURNS TEXT
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
	prepared TEXT := normalize(regexp_replace(regexp_replace(password,
		U&'[\00AD\034F\1806\180B-\180D\200B-\200D\2060\FE00-\FE0F\FEFF]', '', 'g'),
		U&'[\00A0\1680\2000-\200A\202F\205F\3000]', ' ', 'g'), NFKC);
BEGIN
	IF prepared = '' THEN
		RAISE EXCEPTION 'the password is empty' USING ERRCODE = 'check_violation',
			HINT = 'Give one with at least one visible character, or none at all (NULL).';
	END IF;
	IF prepared ~ U&'[\0001-\001F\007F-\009F\2028\2029\FFF9-\FFFF]' THEN
		RAISE EXCEPTION 'the password has control characters in it' USING ERRCODE = 'check_violation',
			HINT = 'Leave them out; a line break at the end comes along easily when it is pasted.';
	END IF;
	RETURN prepared;
END $$;
COMMENT ON FUNCTION password_prepare IS 'A password as it is compared (SASLprep); refuses what no client can send.';

-- RFC 5802: PBKDF2 of one block, and the two keys that the server keeps of it.
CREATE FUNCTION scram_key(digest TEXT, password TEXT, iterations INTEGER DEFAULT 10000) RETURNS TEXT
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
	bits INTEGER := CASE digest WHEN 'sha1' THEN 160 WHEN 'sha256' THEN 256 END;
	name TEXT := CASE digest WHEN 'sha1' THEN 'SCRAM-SHA-1' ELSE 'SCRAM-SHA-256' END;
	secret BYTEA := convert_to(password_prepare(password), 'UTF8');
	salt BYTEA := gen_random_bytes(16);
	block BYTEA := hmac(salt || '\x00000001'::BYTEA, secret, digest);
	salted BIT VARYING;
	client BYTEA;
	key BYTEA;
BEGIN
	salted := ('x' || encode(block, 'hex'))::BIT VARYING;
	FOR i IN 2 .. iterations LOOP
		block := hmac(block, secret, digest);
		salted := salted # ('x' || encode(block, 'hex'))::BIT VARYING;
	END LOOP;
	SELECT decode(string_agg(lpad(to_hex(substring(salted FROM at FOR 32)::BIT(32)::BIGINT), 8, '0'), ''
			ORDER BY at), 'hex')
		INTO key FROM generate_series(1, bits, 32) AS at;
	client := hmac('Client Key'::BYTEA, key, digest);
	RETURN name || '$' || iterations || ':' || encode(salt, 'base64') || '$'
		|| encode(digest(client, digest), 'base64') || ':'
		|| encode(hmac('Server Key'::BYTEA, key, digest), 'base64');
END $$;
COMMENT ON FUNCTION scram_key IS 'The key of a password for users.scram_sha_1 (digest sha1) or users.scram_sha_256 (sha256); about 25 ms for 10000 iterations.';

-- ---- accounts ----

ALTER TABLE users ADD COLUMN password TEXT;
ALTER TABLE users ADD COLUMN disabled_until BIGINT;
-- Always empty here; the server looks for passwords in rows, as it has to on SQLite.
CREATE INDEX users_password ON users (domain, username) WHERE password IS NOT NULL;
COMMENT ON COLUMN users.password IS 'Write-only: set it to give a password. It turns into both keys at once, and is NULL again in the same transaction.';
COMMENT ON COLUMN users.disabled_until IS 'Nobody can log in before this moment, in microseconds since 1970; see microseconds().';

CREATE TABLE deleted_users (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	deleted_at BIGINT NOT NULL,
	reserved_until BIGINT NOT NULL,
	PRIMARY KEY (domain, username)
);
COMMENT ON TABLE deleted_users IS 'Names of accounts that are no more: nobody else is to get their messages. Delete a row to set its name free at once.';
COMMENT ON COLUMN deleted_users.domain IS 'The account''s domain.';
COMMENT ON COLUMN deleted_users.username IS 'The part of its address before the @.';
COMMENT ON COLUMN deleted_users.deleted_at IS 'When it was deleted, in microseconds since 1970.';
COMMENT ON COLUMN deleted_users.reserved_until IS 'When the name may be used again, in microseconds since 1970: after as many days as the setting reserved_days said when the account was deleted.';

-- What no client can write as an address is refused here (RFC 7622), with what to write instead.
CREATE FUNCTION user_check() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	name TEXT := normalize(lower(NEW.username), NFKC);
BEGIN
	IF name <> NEW.username THEN
		RAISE EXCEPTION 'the username "%" is not in its prepared form', NEW.username
			USING ERRCODE = 'check_violation', HINT = format('Write %L.', name);
	END IF;
	IF octet_length(name) > 1023 THEN
		RAISE EXCEPTION 'the username has % bytes', octet_length(name)
			USING ERRCODE = 'check_violation', HINT = 'An address allows 1023.';
	END IF;
	IF lower(NEW.domain) <> NEW.domain OR NEW.domain = '' OR octet_length(NEW.domain) > 1023 THEN
		RAISE EXCEPTION 'the domain "%" is none', NEW.domain
			USING ERRCODE = 'check_violation', HINT = 'Write it as it is configured, in lower case.';
	END IF;
	IF NEW.password IS NOT NULL THEN
		NEW.scram_sha_1 := scram_key('sha1', NEW.password);
		NEW.scram_sha_256 := scram_key('sha256', NEW.password);
		NEW.password := NULL;
	END IF;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION user_check IS 'Trigger: refuses what is no address, and turns a password into keys.';
CREATE TRIGGER user_check BEFORE INSERT OR UPDATE OF domain, username, password ON users
	FOR EACH ROW EXECUTE FUNCTION user_check();

CREATE FUNCTION user_made() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	until BIGINT;
BEGIN
	SELECT reserved_until INTO until FROM deleted_users
		WHERE domain = NEW.domain AND username = NEW.username;
	IF until > microseconds() THEN
		RAISE EXCEPTION 'an account %@% was deleted, and its name is reserved until %', NEW.username,
			NEW.domain, moment(until) USING ERRCODE = 'raise_exception',
			HINT = format('DELETE FROM deleted_users WHERE domain = %L AND username = %L sets it free.',
				NEW.domain, NEW.username);
	END IF;
	DELETE FROM deleted_users WHERE domain = NEW.domain AND username = NEW.username;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION user_made IS 'Trigger: keeps the names of deleted accounts from others for a while.';
CREATE TRIGGER user_made AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION user_made();

CREATE FUNCTION user_deleted() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	days BIGINT := coalesce((SELECT coalesce(value, configured, default_value) FROM settings
		WHERE name = 'reserved_days'), '30');
	moment BIGINT := microseconds();
BEGIN
	INSERT INTO deleted_users (domain, username, deleted_at, reserved_until)
		VALUES (OLD.domain, OLD.username, moment, moment + days * 86400000000)
		ON CONFLICT (domain, username) DO UPDATE SET deleted_at = excluded.deleted_at,
			reserved_until = excluded.reserved_until;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION user_deleted IS 'Trigger: remembers the names of deleted accounts.';
CREATE TRIGGER user_deleted AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION user_deleted();

CREATE TRIGGER zz_change_note AFTER INSERT OR UPDATE OR DELETE ON users
	FOR EACH ROW WHEN (session_user <> 'godwit_server')
	EXECUTE FUNCTION change_note('scram_sha_1', 'scram_sha_256', 'password');

-- ---- who may do what ----

-- godwit_admin changes what the server acts on, godwit_readonly looks. Neither reads keys, nor what
-- people write. A step that makes tables has a function privileges_of_... like the one below, and
-- calls privileges_grant() at its end.
CREATE FUNCTION privileges_grant() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	part REGPROC;
BEGIN
	FOR part IN SELECT oid FROM pg_proc
		WHERE proname LIKE 'privileges\_of\_%' AND pronamespace = current_schema()::REGNAMESPACE
	LOOP
		EXECUTE format('SELECT %s()', part);
	END LOOP;
END $$;
COMMENT ON FUNCTION privileges_grant IS 'Gives the roles of schema/roles.sql what they need, as far as they exist; called by that file, and by each step of the schema.';

CREATE FUNCTION privileges_of_live() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON schema_version, roster_items, roster_groups, vcards, blocked_jids,
			last_activity, deleted_users, changes, change_readers TO godwit_readonly;
		GRANT SELECT (domain, username, disabled, disabled_until, created_at) ON users
			TO godwit_readonly;
		GRANT SELECT (domain, username, contact, requested_at) ON subscription_requests
			TO godwit_readonly;
		GRANT SELECT (domain, username, id, bytes, stored_at, expires_at) ON offline_messages
			TO godwit_readonly;
		GRANT SELECT (domain, username, namespace, name) ON private_xml TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT ON schema_version, changes, change_readers, last_activity TO godwit_admin;
		GRANT SELECT, INSERT, UPDATE, DELETE ON roster_items, roster_groups, vcards, blocked_jids
			TO godwit_admin;
		GRANT SELECT (domain, username, disabled, disabled_until, created_at), INSERT, UPDATE, DELETE
			ON users TO godwit_admin;
		GRANT SELECT, DELETE ON deleted_users TO godwit_admin;
		GRANT SELECT (domain, username, contact, requested_at), DELETE ON subscription_requests
			TO godwit_admin;
		GRANT SELECT (domain, username, id, bytes, stored_at, expires_at), DELETE
			ON offline_messages TO godwit_admin;
		GRANT SELECT (domain, username, namespace, name), DELETE ON private_xml TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_live IS 'Grants on the tables of steps 001 and 003.';
SELECT privileges_grant();
