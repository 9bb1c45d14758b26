-- 011-links.sqlite.sql - what there is to and from other servers. The same as in
-- 011-links.postgresql.sql, where each column is explained.

CREATE TABLE links (
	id INTEGER PRIMARY KEY,
	direction TEXT NOT NULL,
	domain TEXT NOT NULL,
	peer TEXT NOT NULL,
	state TEXT NOT NULL,
	proved_by TEXT,
	certificate TEXT,
	address TEXT,
	tls TEXT,
	certificate_expires BIGINT,
	waiting BIGINT NOT NULL,
	stanzas_in BIGINT NOT NULL,
	stanzas_out BIGINT NOT NULL,
	bytes_in BIGINT NOT NULL,
	bytes_out BIGINT NOT NULL,
	error TEXT,
	since BIGINT NOT NULL,
	stream TEXT,
	worker INTEGER NOT NULL
);

CREATE TRIGGER link_made BEFORE INSERT ON links
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'links are made when somebody writes to another server: a row can only be deleted, which ends one');
END;
CREATE TRIGGER link_changed BEFORE UPDATE ON links
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'links are as the server has them: a row can only be deleted, which ends one');
END;
CREATE TRIGGER change_note_links_delete AFTER DELETE ON links
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('links', 'delete', OLD.domain,
			json_object('id', OLD.id, 'direction', OLD.direction, 'domain', OLD.domain,
			'peer', OLD.peer, 'state', OLD.state, 'proved_by', OLD.proved_by,
			'certificate', OLD.certificate, 'address', OLD.address,
			'tls', OLD.tls, 'certificate_expires', OLD.certificate_expires,
			'waiting', OLD.waiting, 'stanzas_in', OLD.stanzas_in, 'stanzas_out',
			OLD.stanzas_out, 'bytes_in', OLD.bytes_in, 'bytes_out', OLD.bytes_out,
			'error', OLD.error, 'since', OLD.since, 'stream', OLD.stream, 'worker',
			OLD.worker),
			NULL);
END;
