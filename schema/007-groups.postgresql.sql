-- 007-groups.postgresql.sql - shared groups: contacts that nobody has to add. Who is in a group stands
-- on the contact lists of those who see it, under its title. What clients see is their own list and
-- this together; their own rows stay as they are. 007-groups.sqlite.sql makes the same in SQLite.

CREATE TABLE groups (
	domain TEXT NOT NULL,
	name TEXT NOT NULL,
	title TEXT,
	visible_to TEXT NOT NULL DEFAULT 'members',
	PRIMARY KEY (domain, name),
	CONSTRAINT domain_is_lower_case_and_not_empty
		CHECK (domain <> '' AND domain COLLATE "C" !~ '[A-Z@/ ]'),
	CONSTRAINT name_is_not_empty CHECK (name <> ''),
	CONSTRAINT name_has_at_most_1023_bytes CHECK (octet_length(name) <= 1023),
	CONSTRAINT title_is_not_empty_write_null_for_the_name CHECK (title <> ''),
	CONSTRAINT title_has_at_most_1023_bytes CHECK (octet_length(title) <= 1023),
	CONSTRAINT visible_to_is_nobody_members_or_everybody
		CHECK (visible_to IN ('nobody', 'members', 'everybody'))
);
CREATE INDEX groups_for_everybody ON groups (domain) WHERE visible_to = 'everybody';
COMMENT ON TABLE groups IS 'Shared groups: their members stand on the contact lists of all who see the group. Deleting a row takes them off again.';
COMMENT ON COLUMN groups.domain IS 'The domain whose accounts it is about, lower case.';
COMMENT ON COLUMN groups.name IS 'What it is called here.';
COMMENT ON COLUMN groups.title IS 'What it is called on contact lists; NULL: as here.';
COMMENT ON COLUMN groups.visible_to IS 'Who has its members on the contact list: nobody, members, or everybody on the domain; and members of the groups in group_viewers in any case.';

CREATE TABLE group_members (
	domain TEXT NOT NULL,
	group_name TEXT NOT NULL,
	username TEXT NOT NULL,
	PRIMARY KEY (domain, group_name, username),
	CONSTRAINT group_name_is_in_groups FOREIGN KEY (domain, group_name) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT username_is_in_users FOREIGN KEY (domain, username) REFERENCES users
		ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX group_members_user ON group_members (domain, username, group_name);
COMMENT ON TABLE group_members IS 'Who is in which shared group.';
COMMENT ON COLUMN group_members.domain IS 'The domain of the group and of the account.';
COMMENT ON COLUMN group_members.group_name IS 'The group, as in groups.name.';
COMMENT ON COLUMN group_members.username IS 'The account: the part of its address before the @.';

CREATE TABLE group_viewers (
	domain TEXT NOT NULL,
	group_name TEXT NOT NULL,
	viewer_group TEXT NOT NULL,
	PRIMARY KEY (domain, group_name, viewer_group),
	CONSTRAINT group_name_is_in_groups FOREIGN KEY (domain, group_name) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT viewer_group_is_in_groups FOREIGN KEY (domain, viewer_group) REFERENCES groups
		ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX group_viewers_viewer ON group_viewers (domain, viewer_group, group_name);
COMMENT ON TABLE group_viewers IS 'Which groups see a shared group beside those that groups.visible_to names.';
COMMENT ON COLUMN group_viewers.domain IS 'The domain of both groups.';
COMMENT ON COLUMN group_viewers.group_name IS 'The group that is seen.';
COMMENT ON COLUMN group_viewers.viewer_group IS 'The group whose members see it.';

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
		SELECT FROM group_members o
		WHERE o.domain = g.domain AND o.group_name = g.name AND o.username = m.username));
COMMENT ON VIEW visible_groups IS 'Which shared groups each account sees: one row for each.';
COMMENT ON COLUMN visible_groups.domain IS 'The domain of account and group.';
COMMENT ON COLUMN visible_groups.username IS 'The account that sees it: the part before the @.';
COMMENT ON COLUMN visible_groups.group_name IS 'The group.';
COMMENT ON COLUMN visible_groups.title IS 'What it is called on the contact list.';

CREATE VIEW shared_contacts AS
	SELECT v.domain, v.username, m.username || '@' || m.domain AS contact, v.title,
		CASE WHEN EXISTS (
			SELECT FROM group_members mine
			JOIN groups g ON g.domain = mine.domain AND g.name = mine.group_name
			WHERE mine.domain = v.domain AND mine.username = v.username
			AND (g.visible_to = 'everybody'
				OR (g.visible_to = 'members' AND EXISTS (
					SELECT FROM group_members theirs WHERE theirs.domain = m.domain
					AND theirs.username = m.username AND theirs.group_name = g.name))
				OR EXISTS (
					SELECT FROM group_viewers w JOIN group_members theirs
					ON theirs.domain = w.domain AND theirs.group_name = w.viewer_group
					WHERE w.domain = g.domain AND w.group_name = g.name
					AND theirs.username = m.username)))
			THEN 'both' ELSE 'to' END AS subscription
	FROM visible_groups v
	JOIN group_members m ON m.domain = v.domain AND m.group_name = v.group_name
		AND m.username <> v.username;
COMMENT ON VIEW shared_contacts IS 'The contacts that shared groups give each account: one row for each, and for each title it stands under.';
COMMENT ON COLUMN shared_contacts.domain IS 'The account whose contact list it is: its domain.';
COMMENT ON COLUMN shared_contacts.username IS 'The account whose contact list it is: the part before the @.';
COMMENT ON COLUMN shared_contacts.contact IS 'Bare JID of the contact.';
COMMENT ON COLUMN shared_contacts.title IS 'The group it stands in on the list.';
COMMENT ON COLUMN shared_contacts.subscription IS 'both: each sees the other''s presence; to: only this account the contact''s.';

-- ---- the log, and who may do what ----

CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON groups
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON group_members
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();
CREATE TRIGGER change_note AFTER INSERT OR UPDATE OR DELETE ON group_viewers
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();

CREATE FUNCTION privileges_of_groups() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON groups, group_members, group_viewers, visible_groups, shared_contacts
			TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT, INSERT, UPDATE, DELETE ON groups, group_members, group_viewers
			TO godwit_admin;
		GRANT SELECT ON visible_groups, shared_contacts TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_groups IS 'Grants on the tables of step 007.';
SELECT privileges_grant();
