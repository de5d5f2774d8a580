-- The schema as version 000004 left it on PostgreSQL: what `pg_dump --schema-only --no-owner` shows of a
-- database that it migrated.
CREATE TABLE changes (
    user_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    request_id bytea,
    request_digest bytea,
    client_id text COLLATE pg_catalog."C",
    kind smallint NOT NULL,
    changed_at bigint NOT NULL,
    synced smallint NOT NULL,
    restorable_until bigint,
    conversations text NOT NULL COLLATE pg_catalog."C",
    results text NOT NULL COLLATE pg_catalog."C",
    undoes bigint,
    erasable_from bigint,
    detail text COLLATE pg_catalog."C",
    caller text COLLATE pg_catalog."C"
);
CREATE TABLE conversation_schema (
    version character varying NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE conversations (
    conversation_key bytea NOT NULL,
    canonical_id text NOT NULL COLLATE pg_catalog."C",
    last_seq bigint NOT NULL,
    last_time bigint NOT NULL,
    erasable_from bigint,
    is_large smallint DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE folder_conversations (
    user_id text NOT NULL COLLATE pg_catalog."C",
    folder_id bigint NOT NULL,
    conversation_key bytea NOT NULL,
    added_by bigint NOT NULL,
    ord bigint NOT NULL
);
CREATE TABLE folders (
    user_id text NOT NULL COLLATE pg_catalog."C",
    folder_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE members (
    user_id text NOT NULL COLLATE pg_catalog."C",
    conversation_key bytea NOT NULL,
    joined_after bigint DEFAULT 0 NOT NULL,
    left_at bigint,
    appeared_before smallint DEFAULT 0 NOT NULL,
    hidden_through bigint DEFAULT 0 NOT NULL,
    cleared_through bigint DEFAULT 0 NOT NULL,
    read_through bigint DEFAULT 0 NOT NULL,
    pinned_at bigint,
    muted smallint DEFAULT 0 NOT NULL,
    marks bigint DEFAULT 0 NOT NULL,
    custom_data bytea,
    taken_by bigint,
    prev_hidden_through bigint,
    prev_cleared_through bigint,
    prev_pinned_at bigint,
    restored_deletion bigint,
    kind smallint DEFAULT 0 NOT NULL,
    last_seq bigint,
    last_time bigint,
    changed_by bigint
)
WITH (fillfactor='80');
CREATE TABLE messages (
    conversation_key bytea NOT NULL,
    seq bigint NOT NULL,
    sender_user_id text NOT NULL COLLATE pg_catalog."C",
    client_message_id text COLLATE pg_catalog."C",
    send_time bigint NOT NULL,
    payload_type text COLLATE pg_catalog."C",
    content bytea NOT NULL
);
CREATE TABLE users (
    user_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL
)
WITH (fillfactor='80');
ALTER TABLE ONLY changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (user_id, revision);
ALTER TABLE ONLY conversation_schema
    ADD CONSTRAINT conversation_schema_pkey PRIMARY KEY (version);
ALTER TABLE ONLY conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (conversation_key);
ALTER TABLE ONLY folder_conversations
    ADD CONSTRAINT folder_conversations_pkey PRIMARY KEY (user_id, folder_id, conversation_key);
ALTER TABLE ONLY folders
    ADD CONSTRAINT folders_pkey PRIMARY KEY (user_id, folder_id);
ALTER TABLE ONLY members
    ADD CONSTRAINT members_pkey PRIMARY KEY (user_id, conversation_key);
ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (conversation_key, seq);
ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);
CREATE INDEX changes_by_erasable_from ON changes USING btree (erasable_from) WHERE (erasable_from IS NOT NULL);
CREATE UNIQUE INDEX changes_by_request_id ON changes USING btree (user_id, request_id) WHERE (request_id IS NOT NULL);
CREATE INDEX changes_by_time ON changes USING btree (changed_at);
CREATE INDEX conversations_by_erasable_from ON conversations USING btree (erasable_from) WHERE (erasable_from IS NOT NULL);
CREATE INDEX folder_conversations_by_conversation ON folder_conversations USING btree (user_id, conversation_key);
CREATE UNIQUE INDEX folders_by_name ON folders USING btree (user_id, name);
CREATE INDEX members_by_activity ON members USING btree (user_id, last_time DESC, conversation_key);
CREATE INDEX members_by_conversation ON members USING btree (conversation_key);
CREATE INDEX members_pinned ON members USING btree (user_id) WHERE (pinned_at IS NOT NULL);
CREATE UNIQUE INDEX messages_by_client_message_id ON messages USING btree (conversation_key, sender_user_id, client_message_id) WHERE (client_message_id IS NOT NULL);
