-- 008-settings.sqlite.sql - what may change while the server runs. The same as in
-- 008-settings.postgresql.sql, where each column is explained; nobody knows who has changed something.

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
	CONSTRAINT type_is_known CHECK (type IN ('number', 'truth', 'text', 'word', 'list')),
	CONSTRAINT numbers_have_bounds
		CHECK (type <> 'number' OR (minimum IS NOT NULL AND maximum IS NOT NULL)),
	CONSTRAINT words_are_listed CHECK (type <> 'word' OR words IS NOT NULL)
) WITHOUT ROWID;

CREATE TABLE settings_history (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	changed_at BIGINT NOT NULL
		DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
	old_value TEXT,
	new_value TEXT
);
CREATE INDEX settings_history_age ON settings_history (changed_at);

-- What an administrator writes has no type: rows are made by the server.
CREATE TRIGGER setting_refuse_new BEFORE INSERT ON settings WHEN NEW.type IS NULL
BEGIN
	SELECT RAISE(ABORT, 'the setting has its row already: UPDATE settings SET value = ... WHERE name = ...')
		FROM settings WHERE name = NEW.name;
	SELECT RAISE(ABORT, 'there is no such setting: SELECT name, description FROM settings lists what there is');
END;

-- TRUE and FALSE are 1 and 0 here.
CREATE TRIGGER setting_check BEFORE UPDATE OF value ON settings WHEN OLD.value IS NOT NEW.value
BEGIN
	SELECT RAISE(ABORT, 'the value is no whole number: write one from minimum to maximum, or NULL for what godwit.conf says')
		WHERE NEW.type = 'number' AND NEW.value <> CAST(CAST(NEW.value AS INTEGER) AS TEXT);
	SELECT RAISE(ABORT, 'the value is out of bounds: write a number from minimum to maximum, or NULL for what godwit.conf says')
		WHERE NEW.type = 'number'
			AND CAST(NEW.value AS INTEGER) NOT BETWEEN NEW.minimum AND NEW.maximum;
	SELECT RAISE(ABORT, 'the value is neither true nor false: write one of them, or NULL for what godwit.conf says')
		WHERE NEW.type = 'truth' AND NEW.value NOT IN ('true', 'false', '1', '0');
	SELECT RAISE(ABORT, 'the value is none of the words: write one that the column words lists, or NULL for what godwit.conf says')
		WHERE NEW.type = 'word'
			AND (instr(' ' || NEW.words || ' ', ' ' || NEW.value || ' ') = 0 OR NEW.value GLOB '* *');
	SELECT RAISE(ABORT, 'the value is too long or has line breaks: write at most 10000 bytes in one line, or NULL for what godwit.conf says')
		WHERE length(CAST(NEW.value AS BLOB)) > 10000
			OR NEW.value GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*';
END;

CREATE TRIGGER setting_keep AFTER UPDATE OF value ON settings WHEN OLD.value IS NOT NEW.value
BEGIN
	UPDATE settings SET previous_value = OLD.value,
		changed_at = CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)
		WHERE name = NEW.name;
	INSERT INTO settings_history (name, old_value, new_value)
		VALUES (NEW.name, OLD.value, NEW.value);
END;

CREATE TRIGGER change_note_settings_update AFTER UPDATE OF value ON settings
WHEN OLD.value IS NOT NEW.value AND NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, before, after)
		VALUES ('settings', 'update',
			json_object('name', OLD.name, 'value', OLD.value),
			json_object('name', NEW.name, 'value', NEW.value));
END;

CREATE TRIGGER change_note_settings_delete AFTER DELETE ON settings
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, before, after)
		VALUES ('settings', 'delete', json_object('name', OLD.name, 'value', OLD.value), NULL);
END;
