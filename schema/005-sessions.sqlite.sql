-- 005-sessions.sqlite.sql - who is logged in. The same as in 005-sessions.postgresql.sql, where each
-- column is explained.

CREATE TABLE sessions (
	id INTEGER PRIMARY KEY,
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
);

CREATE TRIGGER session_made BEFORE INSERT ON sessions
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'sessions are made by clients that log in: a row can only be deleted, which disconnects one');
END;
CREATE TRIGGER session_changed BEFORE UPDATE ON sessions
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'sessions are as their clients have them: a row can only be deleted, which disconnects one');
END;
CREATE TRIGGER change_note_sessions_delete AFTER DELETE ON sessions
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('sessions', 'delete', OLD.domain, OLD.username,
			json_object('id', OLD.id, 'domain', OLD.domain, 'username', OLD.username,
			'resource', OLD.resource, 'address', OLD.address, 'client', OLD.client,
			'tls', OLD.tls, 'since', OLD.since, 'last_active', OLD.last_active,
			'available', OLD.available, 'priority', OLD.priority, 'worker', OLD.worker),
			NULL);
END;
