-- 005-sessions.postgresql.sql - who is logged in. The server writes the rows some moments after what
-- they tell has happened, and empties the table when it starts, so it need not survive a crash.
-- Rows do not refer to users: the server ends the sessions of an account that is deleted, and to
-- log in must not touch the account's row.

CREATE UNLOGGED TABLE sessions (
	id BIGINT PRIMARY KEY,
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	resource TEXT NOT NULL,
	address TEXT,
	client TEXT,
	tls TEXT,
	since BIGINT NOT NULL,
	last_active BIGINT NOT NULL,
	available BOOLEAN NOT NULL,
	priority SMALLINT NOT NULL,
	worker INTEGER NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE sessions IS 'Who is logged in, as the server writes it, within a second. Delete a row to disconnect that session.';
COMMENT ON COLUMN sessions.id IS 'The session''s number: a later one of the same resource has another.';
COMMENT ON COLUMN sessions.domain IS 'The account''s domain.';
COMMENT ON COLUMN sessions.username IS 'The part of its address before the @.';
COMMENT ON COLUMN sessions.resource IS 'The part of the session''s address behind the /.';
COMMENT ON COLUMN sessions.address IS 'The IP address that the client comes from.';
COMMENT ON COLUMN sessions.client IS 'The program, as it says itself in its presence (XEP-0115, node); NULL when it does not say.';
COMMENT ON COLUMN sessions.tls IS 'The version of TLS; NULL without.';
COMMENT ON COLUMN sessions.since IS 'When it logged in, in microseconds since 1970.';
COMMENT ON COLUMN sessions.last_active IS 'When it last sent something, in microseconds since 1970; written once a minute.';
COMMENT ON COLUMN sessions.available IS 'Whether it has sent available presence.';
COMMENT ON COLUMN sessions.priority IS 'That of its presence, from -128 to 127; 0 while it is not available.';
COMMENT ON COLUMN sessions.worker IS 'The thread of the server that the account lives on.';

-- Only the server makes and changes rows; those who may delete them are granted just that.
CREATE TRIGGER change_note AFTER DELETE ON sessions
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();

CREATE FUNCTION privileges_of_sessions() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON sessions TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT, DELETE ON sessions TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_sessions IS 'Grants on the tables of step 005.';
SELECT privileges_grant();
