-- 002-secrets.sqlite.sql - what the server makes up once and keeps to itself. The same table as in
-- 002-secrets.postgresql.sql, where each column is explained. Steps are never edited once released.

-- One row for each purpose, random and in base64. Who deletes a row has the server make another at its
-- next start.
CREATE TABLE secrets (
	name TEXT PRIMARY KEY NOT NULL,
	value TEXT NOT NULL,
	created_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	CONSTRAINT value_is_not_empty CHECK (value <> '')
) WITHOUT ROWID;
