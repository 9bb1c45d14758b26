-- 009-imports.sqlite.sql - what was imported. The same as in 009-imports.postgresql.sql, where each
-- column is explained.

CREATE TABLE imports (
	domain TEXT NOT NULL,
	username TEXT NOT NULL,
	imported_at BIGINT NOT NULL,
	fingerprint TEXT NOT NULL,
	messages TEXT NOT NULL DEFAULT '[]',
	PRIMARY KEY (domain, username),
	FOREIGN KEY (domain, username) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
