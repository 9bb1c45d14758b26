-- 012-truncate.postgresql.sql - TRUNCATE runs no trigger of a row, so the log would say nothing and the
-- server go on with what is gone: bans that still hold, contacts that still hear. So it is refused where
-- the server reads the log. What it writes itself about sessions and links may be emptied: it is filled
-- again, and nobody is disconnected.

CREATE FUNCTION truncate_refuse() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	RAISE EXCEPTION 'TRUNCATE of "%" would not reach the server', TG_TABLE_NAME
		USING ERRCODE = 'feature_not_supported', HINT = format('DELETE FROM %I does.', TG_TABLE_NAME);
END $$;
COMMENT ON FUNCTION truncate_refuse IS 'Trigger: keeps a table from being emptied in a way that the log does not see.';

DO $$
DECLARE
	live REGCLASS;
BEGIN
	FOR live IN SELECT DISTINCT tgrelid FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
		WHERE tgfoid = 'change_note'::REGPROC AND relname NOT IN ('sessions', 'links')
	LOOP
		EXECUTE format('CREATE TRIGGER truncate_refuse BEFORE TRUNCATE ON %s
			FOR EACH STATEMENT WHEN (session_user <> ''godwit_server'')
			EXECUTE FUNCTION truncate_refuse()', live);
	END LOOP;
END $$;
