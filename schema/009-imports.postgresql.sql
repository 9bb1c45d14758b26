-- 009-imports.postgresql.sql - what was imported (godwitctl import), so that the same file can be
-- imported again: what an account has got once it does not get a second time, whatever has become of
-- it since. 009-imports.sqlite.sql makes the same in SQLite.

CREATE TABLE imports (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	imported_at BIGINT NOT NULL,
	fingerprint TEXT NOT NULL,
	messages TEXT NOT NULL DEFAULT '[]',
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE imports IS 'What was imported for each account (godwitctl import), so that a second import does not bring back what was deleted, or messages that were read. Can be emptied when the move is over.';
COMMENT ON COLUMN imports.domain IS 'The account: its domain.';
COMMENT ON COLUMN imports.username IS 'The account: the part before the @.';
COMMENT ON COLUMN imports.imported_at IS 'When it was last imported, in microseconds since 1970.';
COMMENT ON COLUMN imports.fingerprint IS 'A hash of all that the file had for it, without its password.';
COMMENT ON COLUMN imports.messages IS 'Hashes of the messages that were taken, a list in JSON.';

CREATE FUNCTION privileges_of_imports() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT (domain, username, imported_at) ON imports TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT (domain, username, imported_at), DELETE ON imports TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_imports IS 'Grants on the table of step 009.';
SELECT privileges_grant();
