-- roles.sql - the roles that godwit's database knows. Roles belong to the whole cluster, so the
-- server does not make them; a superuser runs this file once, and again after an upgrade:
--
--   psql --dbname=godwit --file=roles.sql
--
-- godwit_server    the server logs in as it, and owns the tables. Give it a password:
--                  ALTER ROLE godwit_server PASSWORD '...'
-- godwit_admin     may change what the server acts on; grant it to people and programs:
--                  GRANT godwit_admin TO anna
-- godwit_readonly  may look, at everything but keys and what people write
--
-- What the server writes itself is told from what others write by the role, so nobody else should
-- log in as godwit_server.

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_server') THEN
		CREATE ROLE godwit_server LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		CREATE ROLE godwit_admin NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		CREATE ROLE godwit_readonly NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
	END IF;
	IF to_regproc('privileges_grant') IS NOT NULL THEN
		PERFORM privileges_grant();
	END IF;
END $$;
