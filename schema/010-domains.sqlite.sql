-- 010-domains.sqlite.sql - the domains that are served. The same as in 010-domains.postgresql.sql, where
-- each column is explained.

CREATE TABLE domains (
	domain TEXT PRIMARY KEY,
	certificate TEXT NOT NULL,
	key TEXT NOT NULL,
	client_ca TEXT,
	origin TEXT NOT NULL DEFAULT 'table',
	state TEXT NOT NULL DEFAULT 'waiting',
	error TEXT,
	CONSTRAINT origin_is_file_or_table CHECK (origin IN ('file', 'table')),
	CONSTRAINT state_is_waiting_served_or_failed CHECK (state IN ('waiting', 'served', 'failed'))
) WITHOUT ROWID;

CREATE TRIGGER domain_check_insert BEFORE INSERT ON domains
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'the domain stands in godwit.conf: change its section there, and reload')
		FROM domains WHERE domain IN (NEW.domain) AND origin = 'file';
	SELECT RAISE(ABORT, 'the domain is none, or not in its prepared form: write its name alone, in lower case')
		WHERE NEW.domain = '' OR NEW.domain GLOB '*[@/ ]*' OR NEW.domain <> lower(NEW.domain)
			OR NEW.domain GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
			OR length(CAST(NEW.domain AS BLOB)) > 1023;
	SELECT RAISE(ABORT, 'the domain has no certificate and key: write the paths of files that the server can read; client_ca may be NULL')
		WHERE NEW.certificate = '' OR NEW.key = '' OR NEW.client_ca = ''
			OR length(CAST(NEW.certificate || NEW.key || coalesce(NEW.client_ca, '') AS BLOB)) > 10000;
	SELECT RAISE(ABORT, 'origin, state and error are the server''s: leave them out; state may be set to waiting, to have the files read again')
		WHERE NEW.origin <> 'table' OR NEW.state <> 'waiting' OR NEW.error IS NOT NULL;
END;
CREATE TRIGGER domain_check_update BEFORE UPDATE ON domains
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'the domain stands in godwit.conf: change its section there, and reload')
		FROM domains WHERE domain IN (OLD.domain, NEW.domain) AND origin = 'file';
	SELECT RAISE(ABORT, 'the domain is none, or not in its prepared form: write its name alone, in lower case')
		WHERE NEW.domain = '' OR NEW.domain GLOB '*[@/ ]*' OR NEW.domain <> lower(NEW.domain)
			OR NEW.domain GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
			OR length(CAST(NEW.domain AS BLOB)) > 1023;
	SELECT RAISE(ABORT, 'the domain has no certificate and key: write the paths of files that the server can read; client_ca may be NULL')
		WHERE NEW.certificate = '' OR NEW.key = '' OR NEW.client_ca = ''
			OR length(CAST(NEW.certificate || NEW.key || coalesce(NEW.client_ca, '') AS BLOB)) > 10000;
	SELECT RAISE(ABORT, 'origin, state and error are the server''s: leave them out; state may be set to waiting, to have the files read again')
		WHERE NEW.origin <> 'table' OR NEW.state NOT IN ('waiting', OLD.state) OR (NEW.error IS NOT OLD.error AND NEW.error IS NOT NULL);
END;
CREATE TRIGGER domain_check_delete BEFORE DELETE ON domains
WHEN OLD.origin = 'file' AND NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	SELECT RAISE(ABORT, 'the domain stands in godwit.conf: take its section away there, and reload');
END;

-- Whatever was changed, its files are read again.
CREATE TRIGGER domain_wait AFTER UPDATE OF domain, certificate, key, client_ca ON domains
WHEN NEW.state <> 'waiting' AND NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	UPDATE domains SET state = 'waiting', error = NULL WHERE domain = NEW.domain;
END;

CREATE TRIGGER change_note_domains_insert AFTER INSERT ON domains
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('domains', 'insert', NEW.domain, NULL,
			json_object('domain', NEW.domain, 'certificate', NEW.certificate, 'key',
			NEW.key, 'client_ca', NEW.client_ca, 'origin', NEW.origin, 'state', NEW.state));
END;

CREATE TRIGGER change_note_domains_update AFTER UPDATE ON domains
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('domains', 'update', NEW.domain,
			json_object('domain', OLD.domain, 'certificate', OLD.certificate, 'key',
			OLD.key, 'client_ca', OLD.client_ca, 'origin', OLD.origin, 'state', OLD.state),
			json_object('domain', NEW.domain, 'certificate', NEW.certificate, 'key',
			NEW.key, 'client_ca', NEW.client_ca, 'origin', NEW.origin, 'state', NEW.state));
END;

CREATE TRIGGER change_note_domains_delete AFTER DELETE ON domains
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('domains', 'delete', OLD.domain,
			json_object('domain', OLD.domain, 'certificate', OLD.certificate, 'key',
			OLD.key, 'client_ca', OLD.client_ca, 'origin', OLD.origin, 'state', OLD.state), NULL);
END;
