-- 010-domains.postgresql.sql - the domains that are served. Those of godwit.conf stand in the table for
-- reading, written by the server; an administrator adds others.

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
);
COMMENT ON TABLE domains IS 'The domains that are served: those of godwit.conf, and those that are inserted here, at once.';
COMMENT ON COLUMN domains.domain IS 'Its name, in lower case.';
COMMENT ON COLUMN domains.certificate IS 'A file in PEM form that the server can read: its certificate, then intermediate ones.';
COMMENT ON COLUMN domains.key IS 'A file in PEM form that the server can read: the private key.';
COMMENT ON COLUMN domains.client_ca IS 'A file in PEM form with the certificates of those who issue certificates to its users (SASL EXTERNAL); NULL: nobody.';
COMMENT ON COLUMN domains.origin IS 'file: it stands in godwit.conf, and its row is the server''s. table: it was inserted here.';
COMMENT ON COLUMN domains.state IS 'waiting, then served or failed, written by the server. SET state = ''waiting'' has its files read again.';
COMMENT ON COLUMN domains.error IS 'Why it is not served, or what is wrong with its files though it is; NULL: all is well.';

-- Who owns the table is the server.
CREATE FUNCTION domain_is_by_server() RETURNS BOOLEAN
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
RETURN session_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'domains'::REGCLASS);
COMMENT ON FUNCTION domain_is_by_server IS 'Whether it is the server that writes.';

CREATE FUNCTION domain_check() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	taken TEXT;
BEGIN
	IF domain_is_by_server() THEN
		RETURN coalesce(NEW, OLD);
	END IF;
	IF TG_OP <> 'INSERT' AND OLD.origin = 'file' THEN
		taken := OLD.domain;
	ELSIF TG_OP <> 'DELETE' THEN
		taken := (SELECT domain FROM domains WHERE domain = NEW.domain AND origin = 'file');
	END IF;
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION 'the domain "%" stands in godwit.conf', taken USING ERRCODE = 'check_violation',
			HINT = 'Change its section there, and reload.';
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	IF NEW.domain <> lower(NEW.domain) THEN
		RAISE EXCEPTION 'the domain "%" is not in its prepared form', NEW.domain
			USING ERRCODE = 'check_violation', HINT = format('Write %L.', lower(NEW.domain));
	END IF;
	IF NEW.domain !~ '^[^@/[:space:][:cntrl:]]+$' OR octet_length(NEW.domain) > 1023 THEN
		RAISE EXCEPTION 'the domain "%" is none', left(NEW.domain, 100) USING ERRCODE = 'check_violation',
			HINT = 'Write its name alone, as example.org; an address allows 1023 bytes.';
	END IF;
	IF NEW.certificate = '' OR NEW.key = '' OR NEW.client_ca = ''
			OR octet_length(concat(NEW.certificate, NEW.key, NEW.client_ca)) > 10000 THEN
		RAISE EXCEPTION 'the domain "%" has no certificate and key', NEW.domain
			USING ERRCODE = 'check_violation',
			HINT = 'Write the paths of files that the server can read; client_ca may be NULL.';
	END IF;
	NEW.origin := 'table';
	NEW.state := 'waiting';
	NEW.error := NULL;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION domain_check IS 'Trigger: refuses what cannot be, and changes of what stands in godwit.conf.';
CREATE TRIGGER domain_check BEFORE INSERT OR UPDATE OR DELETE ON domains
	FOR EACH ROW EXECUTE FUNCTION domain_check();

CREATE TRIGGER zz_change_note AFTER INSERT OR UPDATE OR DELETE ON domains
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();

CREATE FUNCTION privileges_of_domains() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON domains TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT, DELETE, INSERT (domain, certificate, key, client_ca),
			UPDATE (domain, certificate, key, client_ca, state) ON domains TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_domains IS 'Grants on the tables of step 010.';
SELECT privileges_grant();
