-- 006-bans.postgresql.sql - who is kept out. The server reads the table as a whole when it was
-- changed, and acts on who is connected.

CREATE TABLE bans (
	address CIDR UNIQUE,
	jid TEXT UNIQUE,
	domain TEXT UNIQUE,
	reason TEXT,
	created_at BIGINT NOT NULL DEFAULT microseconds(),
	expires_at BIGINT,
	CONSTRAINT one_of_address_jid_and_domain CHECK (num_nonnulls(address, jid, domain) = 1)
);
COMMENT ON TABLE bans IS 'Who is kept out: each row has an address, an account or a domain. Acts at once, also on who is connected.';
COMMENT ON COLUMN bans.address IS 'A network, as 192.0.2.0/24 or 2001:db8::/32, or one address: connections from there are closed at once.';
COMMENT ON COLUMN bans.jid IS 'An account, as user@domain: it cannot log in.';
COMMENT ON COLUMN bans.domain IS 'A domain: none of its accounts can log in.';
COMMENT ON COLUMN bans.reason IS 'For administrators; no client sees it.';
COMMENT ON COLUMN bans.created_at IS 'When the row was made, in microseconds since 1970.';
COMMENT ON COLUMN bans.expires_at IS 'From when on it counts no more, in microseconds since 1970; NULL: never.';

CREATE FUNCTION ban_check() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	name TEXT := coalesce(NEW.jid, NEW.domain);
BEGIN
	IF num_nonnulls(NEW.address, NEW.jid, NEW.domain) <> 1 THEN
		RAISE EXCEPTION 'a ban is of one address, one account or one domain'
			USING ERRCODE = 'check_violation',
			HINT = 'Write a row for each, and leave the other two columns NULL.';
	END IF;
	IF name <> lower(name) THEN
		RAISE EXCEPTION '"%" is not in its prepared form', name
			USING ERRCODE = 'check_violation', HINT = format('Write %L.', lower(name));
	END IF;
	IF NEW.jid !~ '^[^@/]+@[^@/]+$' THEN
		RAISE EXCEPTION '"%" is no account', NEW.jid USING ERRCODE = 'check_violation',
			HINT = 'Write user@domain; for all of a domain there is the column domain.';
	END IF;
	IF NEW.domain !~ '^[^@/ ]+$' THEN
		RAISE EXCEPTION '"%" is no domain', NEW.domain USING ERRCODE = 'check_violation',
			HINT = 'Write its name alone; for an account there is the column jid.';
	END IF;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION ban_check IS 'Trigger: refuses what can be nobody.';
CREATE TRIGGER ban_check BEFORE INSERT OR UPDATE ON bans FOR EACH ROW EXECUTE FUNCTION ban_check();

CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON bans
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();

CREATE FUNCTION privileges_of_bans() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON bans TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON bans TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_bans IS 'Grants on the tables of step 006.';
SELECT privileges_grant();
