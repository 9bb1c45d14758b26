-- 002-secrets.postgresql.sql - what the server makes up once and keeps to itself.
-- 002-secrets.sqlite.sql makes the same table in SQLite. Steps are never edited once released.

CREATE TABLE secrets (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL,
	created_at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT,
	CONSTRAINT value_is_not_empty CHECK (value <> '')
);
COMMENT ON TABLE secrets IS 'What the server makes up once and keeps to itself, one row for each purpose. Who deletes a row has the server make another at its next start.';
COMMENT ON COLUMN secrets.name IS 'What it is for. fake_salts: gives a name that has no account the same salt at every login (RFC 5802), so that nobody can tell it from one that has.';
COMMENT ON COLUMN secrets.value IS 'Random, in base64.';
COMMENT ON COLUMN secrets.created_at IS 'When it was made, in microseconds since 1970.';
