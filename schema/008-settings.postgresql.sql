-- 008-settings.postgresql.sql - what may change while the server runs. The server fills the table from
-- what it knows of its configuration; an administrator changes values. Each change is kept, and taken
-- back by one UPDATE.

CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value TEXT,
	previous_value TEXT,
	in_force TEXT,
	error TEXT,
	configured TEXT,
	default_value TEXT NOT NULL,
	type TEXT NOT NULL,
	unit TEXT,
	minimum BIGINT,
	maximum BIGINT,
	words TEXT,
	description TEXT NOT NULL,
	changed_at BIGINT,
	changed_by TEXT,
	CONSTRAINT type_is_known CHECK (type IN ('number', 'truth', 'text', 'word', 'list')),
	CONSTRAINT numbers_have_bounds
		CHECK (type <> 'number' OR (minimum IS NOT NULL AND maximum IS NOT NULL)),
	CONSTRAINT words_are_listed CHECK (type <> 'word' OR words IS NOT NULL),
	CONSTRAINT value_has_at_most_10000_bytes CHECK (octet_length(value) <= 10000)
);
COMMENT ON TABLE settings IS 'What may change while the server runs. Set a value, and it takes effect at once; the other columns are the server''s.';
COMMENT ON COLUMN settings.name IS 'The section of godwit.conf and the key in it, as limits.stanza_bytes; without a section, the key.';
COMMENT ON COLUMN settings.value IS 'What is to be; it wins over godwit.conf. NULL: what godwit.conf says, or the default.';
COMMENT ON COLUMN settings.previous_value IS 'What value was before: SET value = previous_value takes a change back.';
COMMENT ON COLUMN settings.in_force IS 'What the server goes by, written by it.';
COMMENT ON COLUMN settings.error IS 'Why value does not count, written by the server; NULL if it does.';
COMMENT ON COLUMN settings.configured IS 'What godwit.conf says, as the server has read it; NULL: nothing.';
COMMENT ON COLUMN settings.default_value IS 'What counts if neither the table nor godwit.conf says anything.';
COMMENT ON COLUMN settings.type IS 'number, truth (true or false), word (one of words), text, or list (with commas between).';
COMMENT ON COLUMN settings.unit IS 'Of a number: seconds, bytes, days.';
COMMENT ON COLUMN settings.minimum IS 'Of a number.';
COMMENT ON COLUMN settings.maximum IS 'Of a number.';
COMMENT ON COLUMN settings.words IS 'What a word may be, with spaces between.';
COMMENT ON COLUMN settings.description IS 'What it does.';
COMMENT ON COLUMN settings.changed_at IS 'When value was changed last, in microseconds since 1970.';
COMMENT ON COLUMN settings.changed_by IS 'The database role that did so.';

CREATE TABLE settings_history (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name TEXT NOT NULL,
	changed_at BIGINT NOT NULL DEFAULT microseconds(),
	changed_by TEXT NOT NULL DEFAULT session_user,
	old_value TEXT,
	new_value TEXT
);
CREATE INDEX settings_history_age ON settings_history (changed_at);
COMMENT ON TABLE settings_history IS 'Each change of a value in settings; kept as long as the log of changes.';
COMMENT ON COLUMN settings_history.id IS 'Ascending; not without gaps.';
COMMENT ON COLUMN settings_history.name IS 'The setting.';
COMMENT ON COLUMN settings_history.changed_at IS 'When, in microseconds since 1970.';
COMMENT ON COLUMN settings_history.changed_by IS 'The database role that had logged in.';
COMMENT ON COLUMN settings_history.old_value IS 'The value before; NULL: none, so godwit.conf or the default counted.';
COMMENT ON COLUMN settings_history.new_value IS 'The value after; NULL: none.';

-- What an administrator writes has no type: rows are made by the server.
CREATE FUNCTION setting_refuse_new() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	likely TEXT := (SELECT min(name) FROM settings
		WHERE name = NEW.name OR split_part(name, '.', 2) = NEW.name
			OR name = split_part(NEW.name, '.', 2)
			OR split_part(name, '.', 2) = split_part(NEW.name, '.', 2));
BEGIN
	IF likely = NEW.name THEN
		RAISE EXCEPTION 'the setting "%" has its row already', NEW.name
			USING ERRCODE = 'check_violation',
			HINT = format('UPDATE settings SET value = %L WHERE name = %L.', NEW.value, NEW.name);
	END IF;
	RAISE EXCEPTION 'there is no setting "%"', NEW.name USING ERRCODE = 'check_violation',
		HINT = coalesce(format('Did you mean %L? ', likely), '')
			|| 'SELECT name, description FROM settings lists what there is.';
END $$;
COMMENT ON FUNCTION setting_refuse_new IS 'Trigger: refuses settings that there are not.';
CREATE TRIGGER setting_refuse_new BEFORE INSERT ON settings
	FOR EACH ROW WHEN (NEW.type IS NULL) EXECUTE FUNCTION setting_refuse_new();

CREATE FUNCTION setting_check() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
	wanted TEXT;
BEGIN
	IF NEW.type = 'number' THEN
		IF (CASE WHEN NEW.value ~ '^(0|-?[1-9][0-9]{0,18})$'
				THEN NEW.value::NUMERIC NOT BETWEEN NEW.minimum AND NEW.maximum
				ELSE NEW.value IS NOT NULL END) THEN
			wanted := format('a number from %s to %s', NEW.minimum, NEW.maximum)
				|| coalesce(format(' (%s)', NEW.unit), '');
		END IF;
	ELSIF NEW.type = 'truth' AND NEW.value NOT IN ('true', 'false') THEN
		wanted := 'true or false';
	ELSIF NEW.type = 'word' AND NEW.value <> ALL (string_to_array(NEW.words, ' ')) THEN
		wanted := 'one of: ' || replace(NEW.words, ' ', ', ');
	ELSIF octet_length(NEW.value) > 10000 OR NEW.value ~ '[\u0001-\u001f\u007f]' THEN
		wanted := 'at most 10000 bytes in one line';
	END IF;
	IF wanted IS NOT NULL THEN
		RAISE EXCEPTION '% cannot be "%"', NEW.name, left(NEW.value, 100)
			USING ERRCODE = 'check_violation',
			HINT = format('Write %s; or NULL for what godwit.conf says. %s', wanted, NEW.description);
	END IF;
	NEW.previous_value := OLD.value;
	NEW.changed_at := microseconds();
	NEW.changed_by := session_user;
	INSERT INTO settings_history (name, old_value, new_value)
		VALUES (NEW.name, OLD.value, NEW.value);
	RETURN NEW;
END $$;
COMMENT ON FUNCTION setting_check IS 'Trigger: refuses values that cannot be, and keeps what was.';
CREATE TRIGGER setting_check BEFORE UPDATE OF value ON settings
	FOR EACH ROW WHEN (OLD.value IS DISTINCT FROM NEW.value) EXECUTE FUNCTION setting_check();

CREATE FUNCTION setting_miss() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM touched) THEN
		RAISE WARNING 'there is no such setting, so nothing has changed'
			USING HINT = 'SELECT name, description FROM settings lists what there is.';
	END IF;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION setting_miss IS 'Trigger: says so when an UPDATE has found no setting.';
CREATE TRIGGER setting_miss AFTER UPDATE ON settings REFERENCING NEW TABLE AS touched
	FOR EACH STATEMENT WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION setting_miss();

CREATE TRIGGER change_note AFTER UPDATE OF value ON settings FOR EACH ROW
	WHEN (session_user <> 'godwit_server' AND OLD.value IS DISTINCT FROM NEW.value)
	EXECUTE FUNCTION change_note('default_value', 'type', 'unit', 'minimum', 'maximum', 'words', 'description');
CREATE TRIGGER change_note_delete AFTER DELETE ON settings
	FOR EACH ROW WHEN (session_user <> 'godwit_server')
	EXECUTE FUNCTION change_note('default_value', 'type', 'unit', 'minimum', 'maximum', 'words', 'description');

CREATE FUNCTION privileges_of_settings() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON settings, settings_history TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT ON settings, settings_history TO godwit_admin;
		GRANT INSERT (name, value), UPDATE (value) ON settings TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_settings IS 'Grants on the tables of step 008.';
SELECT privileges_grant();
