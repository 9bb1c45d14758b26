-- 006-bans.sqlite.sql - who is kept out. The same as in 006-bans.postgresql.sql, where each column is
-- explained.

CREATE TABLE bans (
	address TEXT UNIQUE,
	jid TEXT UNIQUE,
	domain TEXT UNIQUE,
	reason TEXT,
	created_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	expires_at BIGINT
);

CREATE TRIGGER ban_check_insert BEFORE INSERT ON bans
BEGIN
	SELECT RAISE(ABORT, 'a ban is of one address, one account or one domain: write a row for each, and leave the other two columns NULL')
		WHERE (NEW.address IS NOT NULL) + (NEW.jid IS NOT NULL) + (NEW.domain IS NOT NULL) <> 1;
	SELECT RAISE(ABORT, 'the address is none: write a network as 192.0.2.0/24 or 2001:db8::/32, or one address')
		WHERE NEW.address GLOB '*[^0-9a-fA-F.:/]*' OR NEW.address NOT GLOB '*[.:]*';
	SELECT RAISE(ABORT, 'the jid is no account: write user@domain, in lower case; for all of a domain there is the column domain')
		WHERE NEW.jid NOT GLOB '?*@?*' OR NEW.jid GLOB '*@*@*' OR NEW.jid GLOB '*/*' OR NEW.jid <> lower(NEW.jid);
	SELECT RAISE(ABORT, 'the domain is none: write its name alone, in lower case; for an account there is the column jid')
		WHERE NEW.domain = '' OR NEW.domain GLOB '*[@/ ]*' OR NEW.domain <> lower(NEW.domain);
END;
CREATE TRIGGER ban_check_update BEFORE UPDATE ON bans
BEGIN
	SELECT RAISE(ABORT, 'a ban is of one address, one account or one domain: write a row for each, and leave the other two columns NULL')
		WHERE (NEW.address IS NOT NULL) + (NEW.jid IS NOT NULL) + (NEW.domain IS NOT NULL) <> 1;
	SELECT RAISE(ABORT, 'the address is none: write a network as 192.0.2.0/24 or 2001:db8::/32, or one address')
		WHERE NEW.address GLOB '*[^0-9a-fA-F.:/]*' OR NEW.address NOT GLOB '*[.:]*';
	SELECT RAISE(ABORT, 'the jid is no account: write user@domain, in lower case; for all of a domain there is the column domain')
		WHERE NEW.jid NOT GLOB '?*@?*' OR NEW.jid GLOB '*@*@*' OR NEW.jid GLOB '*/*' OR NEW.jid <> lower(NEW.jid);
	SELECT RAISE(ABORT, 'the domain is none: write its name alone, in lower case; for an account there is the column jid')
		WHERE NEW.domain = '' OR NEW.domain GLOB '*[@/ ]*' OR NEW.domain <> lower(NEW.domain);
END;

CREATE TRIGGER change_note_bans_insert AFTER INSERT ON bans
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('bans', 'insert', NEW.domain,
			NULL,
			json_object('address', NEW.address, 'jid', NEW.jid, 'domain',
			NEW.domain, 'reason', NEW.reason, 'created_at', NEW.created_at, 'expires_at',
			NEW.expires_at));
END;

CREATE TRIGGER change_note_bans_update AFTER UPDATE ON bans
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('bans', 'update', NEW.domain,
			json_object('address', OLD.address, 'jid', OLD.jid, 'domain',
			OLD.domain, 'reason', OLD.reason, 'created_at', OLD.created_at, 'expires_at',
			OLD.expires_at),
			json_object('address', NEW.address, 'jid', NEW.jid, 'domain',
			NEW.domain, 'reason', NEW.reason, 'created_at', NEW.created_at, 'expires_at',
			NEW.expires_at));
END;

CREATE TRIGGER change_note_bans_delete AFTER DELETE ON bans
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, before, after)
		VALUES ('bans', 'delete', OLD.domain,
			json_object('address', OLD.address, 'jid', OLD.jid, 'domain',
			OLD.domain, 'reason', OLD.reason, 'created_at', OLD.created_at, 'expires_at',
			OLD.expires_at),
			NULL);
END;
