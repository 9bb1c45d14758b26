-- 011-links.postgresql.sql - what there is to and from other servers. As with the table sessions, the
-- server writes the rows some moments after what they tell has happened, and empties the table when
-- it starts, so it need not survive a crash.

CREATE UNLOGGED TABLE links (
	id BIGINT PRIMARY KEY,
	direction TEXT NOT NULL,
	domain TEXT NOT NULL,
	peer TEXT NOT NULL,
	state TEXT NOT NULL,
	proved_by TEXT,
	certificate TEXT,
	address TEXT,
	tls TEXT,
	certificate_expires BIGINT,
	waiting BIGINT NOT NULL,
	stanzas_in BIGINT NOT NULL,
	stanzas_out BIGINT NOT NULL,
	bytes_in BIGINT NOT NULL,
	bytes_out BIGINT NOT NULL,
	error TEXT,
	since BIGINT NOT NULL,
	stream TEXT,
	worker INTEGER NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE links IS 'Links to other servers, and pairs of domains on connections from them, as the server writes it, within a second. Delete a row to end that connection.';
COMMENT ON COLUMN links.id IS 'The link''s number: a later one between the same domains may have another.';
COMMENT ON COLUMN links.direction IS 'Which way stanzas go: out, over a link that this server has made, or in, over a connection from the other server.';
COMMENT ON COLUMN links.domain IS 'The domain here.';
COMMENT ON COLUMN links.peer IS 'The domain there.';
COMMENT ON COLUMN links.state IS 'out: finding (DNS), calling, greeting (TLS, SASL), open (not proved yet), proving, agreeing (on acknowledgements), up, awaiting (a connection of the other server that was cut, or is just being made), resting (it has failed, and what is sent comes back), idle (it has failed lately). in: proving, or up.';
COMMENT ON COLUMN links.proved_by IS 'How who has called has proved itself: EXTERNAL, certificate (dialback that its certificate has answered), DANE (the same, where signed DNS names the certificate), dialback, or bidi (the other direction on the same connection was); NULL: not yet.';
COMMENT ON COLUMN links.certificate IS 'Of a link, what the other server''s certificate rests on: authority, or DANE (signed TLSA records); NULL: it does not count, or there is no connection.';
COMMENT ON COLUMN links.address IS 'The IP address of the other server; NULL while there is no connection.';
COMMENT ON COLUMN links.tls IS 'The version of TLS; NULL without.';
COMMENT ON COLUMN links.certificate_expires IS 'Until when the other server''s certificate is valid, in microseconds since 1970; NULL: it has shown none.';
COMMENT ON COLUMN links.waiting IS 'Stanzas that wait to be sent, or of those that have come, that are being dealt with; written every ten seconds.';
COMMENT ON COLUMN links.stanzas_in IS 'Stanzas that have come over the present connection, which several rows may share; written every ten seconds.';
COMMENT ON COLUMN links.stanzas_out IS 'Stanzas that have gone over it.';
COMMENT ON COLUMN links.bytes_in IS 'Bytes that have come over it, as they are on the wire, in TLS.';
COMMENT ON COLUMN links.bytes_out IS 'Bytes that have gone over it.';
COMMENT ON COLUMN links.error IS 'What went wrong last; NULL: nothing.';
COMMENT ON COLUMN links.since IS 'Since when it is in this state, in microseconds since 1970.';
COMMENT ON COLUMN links.stream IS 'What the log calls the connection; rows with the same share it. NULL: there is none.';
COMMENT ON COLUMN links.worker IS 'The thread of the server that it lives on.';

-- Only the server makes and changes rows; those who may delete them are granted just that.
CREATE TRIGGER change_note AFTER DELETE ON links
	FOR EACH ROW WHEN (session_user <> 'godwit_server') EXECUTE FUNCTION change_note();

CREATE FUNCTION privileges_of_links() RETURNS VOID
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_readonly') THEN
		GRANT SELECT ON links TO godwit_readonly;
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'godwit_admin') THEN
		GRANT SELECT, DELETE ON links TO godwit_admin;
	END IF;
END $$;
COMMENT ON FUNCTION privileges_of_links IS 'Grants on the tables of step 011.';
SELECT privileges_grant();
