INSERT INTO peer.notes (author, text) VALUES ('bench', 'A note of the usual length, about nothing in particular.') RETURNING note_id;
