-- 007-groups.sqlite.sql - shared groups. The same as in 007-groups.postgresql.sql, where each table and
-- column is explained.

CREATE TABLE groups (
	domain TEXT NOT NULL,
	name TEXT NOT NULL,
	title TEXT,
	visible_to TEXT NOT NULL DEFAULT 'members',
	PRIMARY KEY (domain, name),
	CONSTRAINT domain_is_lower_case_and_not_empty
		CHECK (domain <> '' AND domain NOT GLOB '*[A-Z@/ ]*'),
	CONSTRAINT name_is_not_empty CHECK (name <> ''),
	CONSTRAINT name_has_at_most_1023_bytes CHECK (length(CAST(name AS BLOB)) <= 1023),
	CONSTRAINT title_is_not_empty_write_null_for_the_name CHECK (title <> ''),
	CONSTRAINT title_has_at_most_1023_bytes CHECK (length(CAST(title AS BLOB)) <= 1023),
	CONSTRAINT visible_to_is_nobody_members_or_everybody
		CHECK (visible_to IN ('nobody', 'members', 'everybody'))
) WITHOUT ROWID;
CREATE INDEX groups_for_everybody ON groups (domain) WHERE visible_to = 'everybody';

CREATE TABLE group_members (
	domain TEXT NOT NULL,
	group_name TEXT NOT NULL,
	username TEXT NOT NULL,
	PRIMARY KEY (domain, group_name, username),
	CONSTRAINT group_name_is_in_groups FOREIGN KEY (domain, group_name) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT username_is_in_users FOREIGN KEY (domain, username) REFERENCES users
		ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
CREATE INDEX group_members_user ON group_members (domain, username, group_name);

CREATE TABLE group_viewers (
	domain TEXT NOT NULL,
	group_name TEXT NOT NULL,
	viewer_group TEXT NOT NULL,
	PRIMARY KEY (domain, group_name, viewer_group),
	CONSTRAINT group_name_is_in_groups FOREIGN KEY (domain, group_name) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT viewer_group_is_in_groups FOREIGN KEY (domain, viewer_group) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
CREATE INDEX group_viewers_viewer ON group_viewers (domain, viewer_group, group_name);

-- A foreign key alone does not say what is missing.
CREATE TRIGGER group_members_check BEFORE INSERT ON group_members
BEGIN
	SELECT RAISE(ABORT, 'there is no such group: INSERT INTO groups first')
	WHERE NOT EXISTS (SELECT 1 FROM groups WHERE domain = NEW.domain AND name = NEW.group_name);
	SELECT RAISE(ABORT, 'there is no such user: write the username as it stands in users')
	WHERE NOT EXISTS (SELECT 1 FROM users WHERE domain = NEW.domain AND username = NEW.username);
END;
CREATE TRIGGER group_viewers_check BEFORE INSERT ON group_viewers
BEGIN
	SELECT RAISE(ABORT, 'there is no such group: INSERT INTO groups first')
	WHERE (SELECT count(*) FROM groups
		WHERE domain = NEW.domain AND name IN (NEW.group_name, NEW.viewer_group))
		< 2 - (NEW.group_name = NEW.viewer_group);
END;

-- ---- who sees what ----

CREATE VIEW visible_groups AS
	SELECT m.domain, m.username, g.name AS group_name, coalesce(g.title, g.name) AS title
	FROM group_members m JOIN groups g ON g.domain = m.domain AND g.name = m.group_name
	WHERE g.visible_to = 'members'
	UNION ALL
	SELECT u.domain, u.username, g.name, coalesce(g.title, g.name)
	FROM users u JOIN groups g ON g.domain = u.domain
	WHERE g.visible_to = 'everybody'
	UNION ALL
	SELECT DISTINCT m.domain, m.username, g.name, coalesce(g.title, g.name)
	FROM group_members m
	JOIN group_viewers v ON v.domain = m.domain AND v.viewer_group = m.group_name
	JOIN groups g ON g.domain = v.domain AND g.name = v.group_name
	WHERE g.visible_to <> 'everybody' AND NOT (g.visible_to = 'members' AND EXISTS (
		SELECT 1 FROM group_members o
		WHERE o.domain = g.domain AND o.group_name = g.name AND o.username = m.username));

CREATE VIEW shared_contacts AS
	SELECT v.domain, v.username, m.username || '@' || m.domain AS contact, v.title,
		CASE WHEN EXISTS (
			SELECT 1 FROM group_members mine
			JOIN groups g ON g.domain = mine.domain AND g.name = mine.group_name
			WHERE mine.domain = v.domain AND mine.username = v.username
			AND (g.visible_to = 'everybody'
				OR (g.visible_to = 'members' AND EXISTS (
					SELECT 1 FROM group_members theirs WHERE theirs.domain = m.domain
					AND theirs.username = m.username AND theirs.group_name = g.name))
				OR EXISTS (
					SELECT 1 FROM group_viewers w JOIN group_members theirs
					ON theirs.domain = w.domain AND theirs.group_name = w.viewer_group
					WHERE w.domain = g.domain AND w.group_name = g.name
					AND theirs.username = m.username)))
			THEN 'both' ELSE 'to' END AS subscription
	FROM visible_groups v
	JOIN group_members m ON m.domain = v.domain AND m.group_name = v.group_name
		AND m.username <> v.username;

-- ---- the log's triggers ----

CREATE TRIGGER change_note_groups_insert AFTER INSERT ON groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('groups', 'insert', NEW.domain, NULL,
			NULL,
			json_object('domain', NEW.domain, 'name', NEW.name, 'title',
			NEW.title, 'visible_to', NEW.visible_to));
END;

CREATE TRIGGER change_note_groups_update AFTER UPDATE ON groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.name IS NOT NEW.name OR OLD.title IS NOT NEW.title OR
	OLD.visible_to IS NOT NEW.visible_to)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('groups', 'update', NEW.domain, NULL,
			json_object('domain', OLD.domain, 'name', OLD.name, 'title',
			OLD.title, 'visible_to', OLD.visible_to),
			json_object('domain', NEW.domain, 'name', NEW.name, 'title',
			NEW.title, 'visible_to', NEW.visible_to));
END;

CREATE TRIGGER change_note_groups_delete AFTER DELETE ON groups
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('groups', 'delete', OLD.domain, NULL,
			json_object('domain', OLD.domain, 'name', OLD.name, 'title',
			OLD.title, 'visible_to', OLD.visible_to),
			NULL);
END;

CREATE TRIGGER change_note_group_members_insert AFTER INSERT ON group_members
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_members', 'insert', NEW.domain, NEW.username,
			NULL,
			json_object('domain', NEW.domain, 'group_name',
			NEW.group_name, 'username', NEW.username));
END;

CREATE TRIGGER change_note_group_members_update AFTER UPDATE ON group_members
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.group_name IS NOT NEW.group_name OR OLD.username IS NOT
	NEW.username)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_members', 'update', NEW.domain, NEW.username,
			json_object('domain', OLD.domain, 'group_name',
			OLD.group_name, 'username', OLD.username),
			json_object('domain', NEW.domain, 'group_name',
			NEW.group_name, 'username', NEW.username));
END;

CREATE TRIGGER change_note_group_members_delete AFTER DELETE ON group_members
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_members', 'delete', OLD.domain, OLD.username,
			json_object('domain', OLD.domain, 'group_name',
			OLD.group_name, 'username', OLD.username),
			NULL);
END;

CREATE TRIGGER change_note_group_viewers_insert AFTER INSERT ON group_viewers
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_viewers', 'insert', NEW.domain, NULL,
			NULL,
			json_object('domain', NEW.domain, 'group_name',
			NEW.group_name, 'viewer_group', NEW.viewer_group));
END;

CREATE TRIGGER change_note_group_viewers_update AFTER UPDATE ON group_viewers
WHEN NOT EXISTS (SELECT 1 FROM server_transaction) AND (OLD.domain IS NOT
	NEW.domain OR OLD.group_name IS NOT NEW.group_name OR OLD.viewer_group IS
	NOT NEW.viewer_group)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_viewers', 'update', NEW.domain, NULL,
			json_object('domain', OLD.domain, 'group_name',
			OLD.group_name, 'viewer_group', OLD.viewer_group),
			json_object('domain', NEW.domain, 'group_name',
			NEW.group_name, 'viewer_group', NEW.viewer_group));
END;

CREATE TRIGGER change_note_group_viewers_delete AFTER DELETE ON group_viewers
WHEN NOT EXISTS (SELECT 1 FROM server_transaction)
BEGIN
	INSERT INTO changes (subject, operation, domain, username, before, after)
		VALUES ('group_viewers', 'delete', OLD.domain, NULL,
			json_object('domain', OLD.domain, 'group_name',
			OLD.group_name, 'viewer_group', OLD.viewer_group),
			NULL);
END;
