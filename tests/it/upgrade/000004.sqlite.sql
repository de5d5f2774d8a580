-- The schema as version 000004 left it on SQLite: what `.schema` shows of a database that it migrated.
CREATE TABLE IF NOT EXISTS "conversation_schema" ( "version" varchar NOT NULL PRIMARY KEY, "applied_at" integer NOT NULL );
CREATE TABLE conversations (
        conversation_key blob NOT NULL PRIMARY KEY,
        canonical_id text NOT NULL,
        last_seq bigint NOT NULL,
        last_time bigint NOT NULL
    , erasable_from bigint, is_large smallint NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE messages (
        conversation_key blob NOT NULL,
        seq bigint NOT NULL,
        sender_user_id text NOT NULL,
        client_message_id text,
        send_time bigint NOT NULL,
        payload_type text,
        content blob NOT NULL,
        PRIMARY KEY (conversation_key, seq)
    ) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_client_message_id
        ON messages (conversation_key, sender_user_id, client_message_id)
        WHERE client_message_id IS NOT NULL;
CREATE TABLE users (
        user_id text NOT NULL PRIMARY KEY,
        revision bigint NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE members (
        user_id text NOT NULL,
        conversation_key blob NOT NULL,
        joined_after bigint NOT NULL DEFAULT 0,
        left_at bigint,
        appeared_before smallint NOT NULL DEFAULT 0,
        hidden_through bigint NOT NULL DEFAULT 0,
        cleared_through bigint NOT NULL DEFAULT 0,
        read_through bigint NOT NULL DEFAULT 0,
        pinned_at bigint,
        muted smallint NOT NULL DEFAULT 0,
        marks bigint NOT NULL DEFAULT 0,
        custom_data blob,
        taken_by bigint,
        prev_hidden_through bigint,
        prev_cleared_through bigint,
        prev_pinned_at bigint, restored_deletion bigint, kind smallint NOT NULL DEFAULT 0, last_seq bigint, last_time bigint, changed_by bigint,
        PRIMARY KEY (user_id, conversation_key)
    ) WITHOUT ROWID;
CREATE TABLE changes (
        user_id text NOT NULL,
        revision bigint NOT NULL,
        request_id blob,
        request_digest blob,
        client_id text,
        kind smallint NOT NULL,
        changed_at bigint NOT NULL,
        synced smallint NOT NULL,
        restorable_until bigint,
        conversations text NOT NULL,
        results text NOT NULL, undoes bigint, erasable_from bigint, detail text, caller text,
        PRIMARY KEY (user_id, revision)
    ) WITHOUT ROWID;
CREATE UNIQUE INDEX changes_by_request_id
        ON changes (user_id, request_id)
        WHERE request_id IS NOT NULL;
CREATE INDEX changes_by_erasable_from ON changes (erasable_from)
        WHERE erasable_from IS NOT NULL;
CREATE INDEX conversations_by_erasable_from ON conversations (erasable_from)
        WHERE erasable_from IS NOT NULL;
CREATE INDEX changes_by_time ON changes (changed_at);
CREATE INDEX members_by_conversation ON members (conversation_key);
CREATE INDEX members_by_activity ON members (user_id, last_time DESC, conversation_key);
CREATE INDEX members_pinned ON members (user_id) WHERE pinned_at IS NOT NULL;
CREATE TABLE folders (
        user_id text NOT NULL,
        folder_id bigint NOT NULL,
        name text NOT NULL,
        PRIMARY KEY (user_id, folder_id)
    ) WITHOUT ROWID;
CREATE UNIQUE INDEX folders_by_name ON folders (user_id, name);
CREATE TABLE folder_conversations (
        user_id text NOT NULL,
        folder_id bigint NOT NULL,
        conversation_key blob NOT NULL,
        added_by bigint NOT NULL,
        ord bigint NOT NULL,
        PRIMARY KEY (user_id, folder_id, conversation_key)
    ) WITHOUT ROWID;
CREATE INDEX folder_conversations_by_conversation
        ON folder_conversations (user_id, conversation_key);
