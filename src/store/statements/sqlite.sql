-- The statements that the service runs on SQLite, and how it carries them out.

-- changes.earlier
SELECT
  c.user_id, c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results,
  c.detail
FROM (
  SELECT r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id
  FROM jsonb_each($1) AS r
) AS q CROSS JOIN changes AS c
WHERE c.user_id = q.user_id AND c.request_id = q.request_id;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING INDEX changes_by_request_id (user_id=? AND request_id=?)

-- changes.pins
SELECT COUNT(*) AS pins, COUNT(CASE WHEN changed_by = $2 THEN 1 END) AS new_pins
FROM members INDEXED BY members_pinned
WHERE user_id = $1 AND pinned_at IS NOT NULL;
-- SEARCH members USING INDEX members_pinned (user_id=?)

-- changes.raise
INSERT INTO users (user_id, revision)
SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
FROM (
  SELECT r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id
  FROM jsonb_each($1) AS r
) AS q
WHERE
  NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
ORDER BY q.user_id
ON CONFLICT (user_id) DO UPDATE SET revision = MAX(users.revision + 1, excluded.revision)
RETURNING user_id, revision;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- CORRELATED SCALAR SUBQUERY 3
--   SEARCH c USING COVERING INDEX changes_by_request_id (user_id=? AND request_id=?)
-- SCALAR SUBQUERY 1
--   SEARCH incarnations USING PRIMARY KEY
-- USE TEMP B-TREE FOR ORDER BY

-- changes.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- changes.unpin
UPDATE members INDEXED BY members_pinned SET pinned_at = NULL
WHERE
  user_id = $1
  AND pinned_at IS NOT NULL
  AND conversation_key IN (
    SELECT conversation_key
    FROM (
      SELECT m.conversation_key, ROW_NUMBER() OVER (ORDER BY i.ord) AS place
      FROM
        members AS m INDEXED BY members_pinned
        CROSS JOIN (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($4) AS r) AS i
      WHERE
        m.user_id = $1
        AND m.pinned_at IS NOT NULL
        AND m.changed_by = $2
        AND i.conversation_key = m.conversation_key
    ) AS new_pins
    WHERE place > $3
  );
-- SEARCH members USING INDEX members_pinned (user_id=? AND conversation_key=?)
-- LIST SUBQUERY 3
--   CO-ROUTINE new_pins
--     CO-ROUTINE (subquery-4)
--       SEARCH m USING INDEX members_pinned (user_id=?)
--       SCAN r VIRTUAL TABLE INDEX 1:
--       USE TEMP B-TREE FOR ORDER BY
--     SCAN (subquery-4)
--   SCAN new_pins
--   CREATE BLOOM FILTER

-- deletions.delete.apply
UPDATE members AS m SET (
  hidden_through, cleared_through, stays_away, unlisted_through, pinned_at, taken_by, kept_after,
  prev_hidden_through, prev_cleared_through, prev_stays_away, prev_pinned_at, prev_taken_by
) = (
  SELECT
    CASE WHEN hides THEN hide ELSE m.hidden_through END,
    CASE WHEN clears THEN clear ELSE m.cleared_through END, away,
    CASE WHEN away < m.stays_away THEN 0 ELSE m.unlisted_through END,
    CASE WHEN hides THEN NULL ELSE m.pinned_at END,
    CASE WHEN takes THEN i.revision ELSE m.taken_by END,
    CASE WHEN clears THEN COALESCE(m.kept_after, m.cleared_through) ELSE m.kept_after END,
    CASE WHEN takes THEN m.hidden_through ELSE m.prev_hidden_through END,
    CASE WHEN takes THEN m.cleared_through ELSE m.prev_cleared_through END, m.stays_away,
    CASE WHEN hides THEN m.pinned_at WHEN takes THEN NULL ELSE m.prev_pinned_at END,
    CASE WHEN takes THEN m.taken_by ELSE m.prev_taken_by END
  FROM (
    SELECT *, (hides OR clears OR away <> m.stays_away) AS takes
    FROM (
      SELECT
        reach.*, hide > MAX(m.hidden_through, m.joined_after) AS hides,
        clear > MAX(m.cleared_through, m.joined_after) AS clears,
        CASE
          WHEN i.stays_away IS NULL
          OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
          WHEN m.stays_away = 0 AND last > MAX(m.hidden_through, hide, m.joined_after) THEN 0
          ELSE i.stays_away
        END AS away
      FROM (
        SELECT
          (CASE WHEN m.left_at < i.hide_through THEN m.left_at ELSE i.hide_through END) AS hide,
          (CASE WHEN m.left_at < i.clear_through THEN m.left_at ELSE i.clear_through END) AS clear,
          (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last
      ) AS reach
    ) AS hiding
  ) AS rule
)
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 4
--   CO-ROUTINE reach
--     SCAN CONSTANT ROW
--   SCAN reach
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.delete.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_array(
            CASE
              WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
              WHEN last <= hidden_before OR last <= m.joined_after THEN 2
              WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
              WHEN (
                CASE
                  WHEN m.left_at < MAX(i.hide_through, i.clear_through) THEN m.left_at
                  ELSE MAX(i.hide_through, i.clear_through)
                END
              ) < last THEN 3
              ELSE 1
            END,
            m.hidden_through, m.cleared_through, CASE WHEN took THEN 1 ELSE 0 END,
            CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
            CASE WHEN took THEN m.prev_hidden_through END,
            CASE WHEN took THEN m.prev_cleared_through END,
            CASE WHEN took THEN m.prev_pinned_at END, CASE WHEN took THEN m.prev_taken_by END,
            m.stays_away, CASE WHEN took THEN m.prev_stays_away END
          )
          FROM (
            SELECT
              (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last,
              m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before
          ) AS stood
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   CORRELATED SCALAR SUBQUERY 3
--     CO-ROUTINE stood
--       SCAN CONSTANT ROW
--     SCAN stood
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- deletions.delete_in_steps.apply
UPDATE members AS m SET (
  hidden_through, cleared_through, stays_away, unlisted_through, pinned_at, taken_by, kept_after,
  prev_hidden_through, prev_cleared_through, prev_stays_away, prev_pinned_at, prev_taken_by
) = (
  SELECT
    CASE WHEN hides THEN hide ELSE m.hidden_through END,
    CASE WHEN clears THEN clear ELSE m.cleared_through END, away,
    CASE WHEN away < m.stays_away THEN 0 ELSE m.unlisted_through END,
    CASE WHEN hides THEN NULL ELSE m.pinned_at END,
    CASE WHEN takes THEN i.revision ELSE m.taken_by END,
    CASE WHEN clears THEN COALESCE(m.kept_after, m.cleared_through) ELSE m.kept_after END,
    CASE WHEN takes THEN m.hidden_through ELSE m.prev_hidden_through END,
    CASE WHEN takes THEN m.cleared_through ELSE m.prev_cleared_through END, m.stays_away,
    CASE WHEN hides THEN m.pinned_at WHEN takes THEN NULL ELSE m.prev_pinned_at END,
    CASE WHEN takes THEN m.taken_by ELSE m.prev_taken_by END
  FROM (
    SELECT *, (hides OR clears OR away <> m.stays_away) AS takes
    FROM (
      SELECT
        reach.*, as_planned
        AND hide > MAX(m.hidden_through, m.joined_after) AS hides, as_planned
        AND clear > MAX(m.cleared_through, m.joined_after) AS clears,
        CASE
          WHEN NOT as_planned
          OR i.stays_away IS NULL
          OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
          WHEN m.stays_away = 0 AND last > MAX(m.hidden_through, hide, m.joined_after) THEN 0
          ELSE i.stays_away
        END AS away
      FROM (
        SELECT
          (CASE WHEN m.left_at < i.hide_through THEN m.left_at ELSE i.hide_through END) AS hide,
          (CASE WHEN m.left_at < i.clear_through THEN m.left_at ELSE i.clear_through END) AS clear,
          (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last, (
            i.planned_at IS NULL
            OR (
              COALESCE(m.last_seq, (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END)) = i.hide_through
              AND COALESCE(m.changed_by, 0) <= i.planned_at
            )
          ) AS as_planned
      ) AS reach
    ) AS hiding
  ) AS rule
)
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away,
      r.value ->> 7 AS filed, r.value ->> 8 AS planned_at
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 4
--   CO-ROUTINE reach
--     SCAN CONSTANT ROW
--   SCAN reach
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.delete_in_steps.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_array(
            CASE
              WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
              WHEN NOT as_planned THEN CASE
                WHEN COALESCE(m.last_seq, i.head) > m.hidden_through
                AND COALESCE(m.last_seq, i.head) > m.joined_after
                AND m.stays_away = 0 THEN 5
                ELSE 6
              END
              WHEN last <= hidden_before OR last <= m.joined_after THEN 2
              WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
              WHEN (
                CASE
                  WHEN m.left_at < MAX(i.hide_through, i.clear_through) THEN m.left_at
                  ELSE MAX(i.hide_through, i.clear_through)
                END
              ) < last THEN 3
              ELSE 1
            END,
            m.hidden_through, m.cleared_through, CASE WHEN took THEN 1 ELSE 0 END,
            CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
            CASE WHEN took THEN m.prev_hidden_through END,
            CASE WHEN took THEN m.prev_cleared_through END,
            CASE WHEN took THEN m.prev_pinned_at END, CASE WHEN took THEN m.prev_taken_by END,
            m.stays_away, CASE WHEN took THEN m.prev_stays_away END
          )
          FROM (
            SELECT
              (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last,
              m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before,
              (
                i.planned_at IS NULL
                OR (
                  COALESCE(m.last_seq, (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END)) = i.hide_through
                  AND COALESCE(m.changed_by, 0) <= i.planned_at
                )
              ) AS as_planned
          ) AS stood
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away,
      r.value ->> 7 AS filed, r.value ->> 8 AS planned_at
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   CORRELATED SCALAR SUBQUERY 3
--     CO-ROUTINE stood
--       SCAN CONSTANT ROW
--     SCAN stood
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- deletions.forget.apply
UPDATE members AS m SET (
  muted, marks, custom_data, hidden_through, cleared_through, stays_away, unlisted_through,
  pinned_at, taken_by, kept_after, prev_hidden_through, prev_cleared_through, prev_stays_away,
  prev_pinned_at, prev_taken_by
) = (
  SELECT
    CASE WHEN forgets THEN 0 ELSE m.muted END, CASE WHEN forgets THEN 0 ELSE m.marks END,
    CASE WHEN forgets THEN NULL ELSE m.custom_data END,
    CASE WHEN hides THEN hide ELSE m.hidden_through END,
    CASE WHEN clears THEN clear ELSE m.cleared_through END, away,
    CASE WHEN away < m.stays_away THEN 0 ELSE m.unlisted_through END,
    CASE WHEN hides THEN NULL ELSE m.pinned_at END,
    CASE WHEN takes THEN i.revision ELSE m.taken_by END,
    CASE WHEN clears THEN COALESCE(m.kept_after, m.cleared_through) ELSE m.kept_after END,
    CASE WHEN takes THEN m.hidden_through ELSE m.prev_hidden_through END,
    CASE WHEN takes THEN m.cleared_through ELSE m.prev_cleared_through END, m.stays_away,
    CASE WHEN hides THEN m.pinned_at WHEN takes THEN NULL ELSE m.prev_pinned_at END,
    CASE WHEN takes THEN m.taken_by ELSE m.prev_taken_by END
  FROM (
    SELECT *, (forgets OR hides OR clears OR away <> m.stays_away) AS takes
    FROM (
      SELECT
        hiding.*, as_planned
        AND (m.appeared_before <> 0 OR last > m.joined_after)
        AND NOT (away = 0 AND last > MAX(m.hidden_through, hide, m.joined_after))
        AND (m.muted <> 0 OR m.marks <> 0 OR m.custom_data IS NOT NULL OR i.filed = 1) AS forgets
      FROM (
        SELECT
          reach.*, as_planned
          AND hide > MAX(m.hidden_through, m.joined_after) AS hides, as_planned
          AND clear > MAX(m.cleared_through, m.joined_after) AS clears,
          CASE
            WHEN NOT as_planned
            OR i.stays_away IS NULL
            OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
            WHEN m.stays_away = 0 AND last > MAX(m.hidden_through, hide, m.joined_after) THEN 0
            ELSE i.stays_away
          END AS away
        FROM (
          SELECT
            (CASE WHEN m.left_at < i.hide_through THEN m.left_at ELSE i.hide_through END) AS hide,
            (CASE WHEN m.left_at < i.clear_through THEN m.left_at ELSE i.clear_through END) AS clear,
            (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last, (
              i.planned_at IS NULL
              OR (
                COALESCE(m.last_seq, (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END)) = i.hide_through
                AND COALESCE(m.changed_by, 0) <= i.planned_at
              )
            ) AS as_planned
        ) AS reach
      ) AS hiding
    ) AS forgetting
  ) AS rule
)
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away,
      r.value ->> 7 AS filed, r.value ->> 8 AS planned_at
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 5
--   CO-ROUTINE reach
--     SCAN CONSTANT ROW
--   SCAN reach
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.forget.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_array(
            CASE
              WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
              WHEN NOT as_planned THEN CASE
                WHEN COALESCE(m.last_seq, i.head) > m.hidden_through
                AND COALESCE(m.last_seq, i.head) > m.joined_after
                AND m.stays_away = 0 THEN 5
                ELSE 6
              END
              WHEN last <= hidden_before OR last <= m.joined_after THEN 2
              WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
              WHEN (
                CASE
                  WHEN m.left_at < MAX(i.hide_through, i.clear_through) THEN m.left_at
                  ELSE MAX(i.hide_through, i.clear_through)
                END
              ) < last THEN 3
              ELSE 1
            END,
            m.hidden_through, m.cleared_through, CASE WHEN took THEN 1 ELSE 0 END,
            CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
            CASE WHEN took THEN m.prev_hidden_through END,
            CASE WHEN took THEN m.prev_cleared_through END,
            CASE WHEN took THEN m.prev_pinned_at END, CASE WHEN took THEN m.prev_taken_by END,
            m.stays_away, CASE WHEN took THEN m.prev_stays_away END
          )
          FROM (
            SELECT
              (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END) AS last,
              m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before,
              (
                i.planned_at IS NULL
                OR (
                  COALESCE(m.last_seq, (CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END)) = i.hide_through
                  AND COALESCE(m.changed_by, 0) <= i.planned_at
                )
              ) AS as_planned
          ) AS stood
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head,
      r.value ->> 4 AS hide_through, r.value ->> 5 AS clear_through, r.value ->> 6 AS stays_away,
      r.value ->> 7 AS filed, r.value ->> 8 AS planned_at
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   CORRELATED SCALAR SUBQUERY 3
--     CO-ROUTINE stood
--       SCAN CONSTANT ROW
--     SCAN stood
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- deletions.forgetting.refile
INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
SELECT $1, i.folder_id, i.conversation_key, i.added_by, i.place
FROM (
  SELECT
    r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS folder_id,
    r.value ->> 2 AS added_by, r.value ->> 3 AS place
  FROM jsonb_each($3) AS r
) AS i
WHERE (
  SELECT m.taken_by = $2 AND m.taken_by > COALESCE(m.undo_ended, 0)
  FROM members AS m
  WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key
) IS TRUE AND EXISTS (SELECT 1 FROM folders AS d WHERE d.user_id = $1 AND d.folder_id = i.folder_id)
ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- CORRELATED SCALAR SUBQUERY 2
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- SEARCH d EXISTS USING PRIMARY KEY (user_id=? AND folder_id=?)

-- deletions.forgetting.settings
SELECT m.conversation_key, m.muted, m.marks, m.custom_data, (
  SELECT json_group_array(json_array(f.folder_id, f.added_by, f.ord) ORDER BY f.ord)
  FROM folder_conversations AS f
  WHERE f.user_id = m.user_id AND f.conversation_key = m.conversation_key
) AS filed
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 1
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
--   SEARCH f USING PRIMARY KEY (user_id=?)

-- deletions.forgetting.unfile
DELETE FROM folder_conversations
WHERE
  user_id = $1
  AND conversation_key IN (
    SELECT i.conversation_key
    FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
  );
-- SEARCH folder_conversations USING PRIMARY KEY (user_id=?)
-- LIST SUBQUERY 2
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- deletions.listed.page
WITH looked_at AS (
  SELECT revision, kind, restorable_until
  FROM changes
  WHERE user_id = $1 AND revision < $2
  ORDER BY revision DESC
  LIMIT 10000
),
found AS (
  SELECT revision
  FROM looked_at
  WHERE kind IN (1, 2, 3) AND ($3 IS NULL OR restorable_until > $3)
  ORDER BY revision DESC
  LIMIT $4 + 1
),
sized AS (
  SELECT
    c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results, c.detail,
    c.client_id, c.changed_at, octet_length(c.conversations) + octet_length(c.results) AS size
  FROM found CROSS JOIN changes AS c
  WHERE c.user_id = CASE WHEN found.revision >= 0 THEN $1 END AND c.revision = found.revision
),
summed AS (SELECT s.*, SUM(s.size) OVER (ORDER BY s.revision DESC) AS sum FROM sized AS s)
SELECT
  o.found, o.looked_at, o.oldest, p.revision, p.request_digest, p.kind, p.restorable_until,
  p.conversations, p.results, p.detail, p.client_id, p.changed_at
FROM (
  SELECT
    (SELECT COUNT(*) FROM found) AS found, (SELECT COUNT(*) FROM looked_at) AS looked_at,
    (SELECT MIN(revision) FROM looked_at) AS oldest
) AS o LEFT JOIN (SELECT * FROM summed WHERE sum <= 3145728 OR sum = size ORDER BY revision DESC LIMIT $4 + 0) AS p ON TRUE
ORDER BY p.revision DESC;
-- CO-ROUTINE o
--   SCAN CONSTANT ROW
--   SCALAR SUBQUERY 5
--     MATERIALIZE found
--       MATERIALIZE looked_at
--         SEARCH changes USING PRIMARY KEY (user_id=? AND revision<?)
--       SCAN looked_at
--     SCAN found
--   SCALAR SUBQUERY 6
--     SCAN looked_at
--   SCALAR SUBQUERY 7
--     SEARCH looked_at
-- MATERIALIZE p
--   CO-ROUTINE summed
--     CO-ROUTINE (subquery-11)
--       SCAN found
--       SEARCH c USING PRIMARY KEY (user_id=? AND revision=?)
--       USE TEMP B-TREE FOR ORDER BY
--     SCAN (subquery-11)
--   SCAN summed
--   USE TEMP B-TREE FOR ORDER BY
-- SCAN o
-- SCAN p LEFT-JOIN
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.listed.standings
SELECT i.conversation_key, i.deletion, CAST(
  CASE
    WHEN i.deletion > COALESCE(m.taken_by, 0)
    AND i.deletion > COALESCE(m.undo_ended, CASE WHEN i.recorded = 1 THEN 0 ELSE i.deletion END) THEN 1
    WHEN m.taken_by = i.deletion
    AND i.deletion > COALESCE(m.undo_ended, 0)
    AND (i.recorded = 1 OR m.prev_taken_by IS NULL) THEN 2
    WHEN m.undo_ended = i.deletion AND i.deletion >= COALESCE(m.taken_by, 0) THEN 3
    ELSE 4
  END AS bigint
) AS standing
FROM (
  SELECT
    r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS deletion,
    r.value ->> 2 AS recorded
  FROM jsonb_each($2) AS r
) AS i CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- deletions.restore.apply
UPDATE members AS m SET (
  muted, marks, custom_data, hidden_through, cleared_through, stays_away, unlisted_through,
  pinned_at, changed_by, taken_by, kept_after, undo_ended
) = (
  SELECT
    CASE WHEN restores AND i.muted_before = 1 THEN 1 ELSE m.muted END,
    CASE WHEN restores THEN m.marks | i.marks_before ELSE m.marks END,
    CASE WHEN restores AND m.custom_data IS NULL THEN i.data_before ELSE m.custom_data END,
    CASE WHEN restores AND hidden < m.hidden_through THEN hidden ELSE m.hidden_through END,
    CASE WHEN restores THEN cleared ELSE m.cleared_through END,
    CASE
      WHEN restores AND i.away_before = 0 THEN 0
      WHEN restores
      AND i.away_before = 1
      AND NOT (
        COALESCE(m.last_seq, i.head) > m.hidden_through
        AND COALESCE(m.last_seq, i.head) > m.joined_after
        AND m.stays_away = 0
      ) THEN 1
      ELSE m.stays_away
    END,
    CASE WHEN restores THEN 0 ELSE m.unlisted_through END,
    CASE WHEN repins THEN pin ELSE m.pinned_at END,
    CASE WHEN repins THEN i.revision ELSE m.changed_by END,
    CASE WHEN restores THEN beneath ELSE m.taken_by END,
    CASE WHEN restores AND cleared <= m.kept_after THEN NULL ELSE m.kept_after END,
    CASE WHEN restores AND i.recorded = 0 THEN i.deletion - 1 ELSE m.undo_ended END
  FROM (
    SELECT
      hidden, cleared, pin, beneath, restores, restores
      AND pin IS NOT NULL
      AND m.pinned_at IS NULL AS repins
    FROM (
      SELECT
        CASE WHEN i.recorded = 1 THEN i.hidden_before ELSE m.prev_hidden_through END AS hidden,
        CASE WHEN i.recorded = 1 THEN i.cleared_before ELSE m.prev_cleared_through END AS cleared,
        CASE WHEN i.recorded = 1 THEN i.pinned_before ELSE m.prev_pinned_at END AS pin,
        CASE WHEN i.recorded = 1 THEN i.taken_before END AS beneath, m.taken_by = i.deletion
        AND i.deletion > COALESCE(m.undo_ended, 0)
        AND (i.recorded = 1 OR m.prev_taken_by IS NULL) AS restores
    ) AS taken
  ) AS rule
)
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS deletion,
      r.value ->> 4 AS recorded, r.value ->> 5 AS hidden_before, r.value ->> 6 AS cleared_before,
      r.value ->> 7 AS pinned_before, r.value ->> 8 AS taken_before, r.value ->> 9 AS away_before,
      r.value ->> 10 AS head, r.value ->> 11 AS muted_before, r.value ->> 12 AS marks_before,
      unhex(r.value ->> 13) AS data_before
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 3
--   CO-ROUTINE taken
--     SCAN CONSTANT ROW
--   SCAN taken
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.restore.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0, 0, 0, 0, 0, 0]'
        ELSE (
          SELECT json_array(
            CASE WHEN i.deletion IS NULL THEN 3 WHEN is_back THEN 1 ELSE 2 END, m.hidden_through,
            m.cleared_through, CASE WHEN is_back THEN 1 ELSE 0 END,
            CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
            CASE WHEN m.changed_by = i.revision AND m.pinned_at IS NULL THEN 1 ELSE 0 END,
            m.stays_away
          )
          FROM (
            SELECT
              i.deletion > COALESCE(m.taken_by, 0)
              AND i.deletion > COALESCE(m.undo_ended, CASE WHEN i.recorded = 1 THEN 0 ELSE i.deletion END) AS is_back
          ) AS stands
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS deletion,
      r.value ->> 4 AS recorded, r.value ->> 5 AS hidden_before, r.value ->> 6 AS cleared_before,
      r.value ->> 7 AS pinned_before, r.value ->> 8 AS taken_before, r.value ->> 9 AS away_before,
      r.value ->> 10 AS head, r.value ->> 11 AS muted_before, r.value ->> 12 AS marks_before,
      unhex(r.value ->> 13) AS data_before
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   CORRELATED SCALAR SUBQUERY 3
--     CO-ROUTINE stands
--       SCAN CONSTANT ROW
--     SCAN stands
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- deletions.show.apply
UPDATE members AS m SET (hidden_through, read_through, stays_away, unlisted_through, changed_by) = (
  SELECT
    CASE WHEN shows AND last <= m.hidden_through THEN last - 1 ELSE m.hidden_through END,
    CASE
      WHEN shows
      AND last <= m.hidden_through
      AND m.hidden_through > m.read_through THEN m.hidden_through
      ELSE m.read_through
    END,
    CASE WHEN shows THEN 0 ELSE m.stays_away END,
    CASE WHEN shows THEN 0 ELSE m.unlisted_through END,
    CASE WHEN shows THEN i.revision ELSE m.changed_by END
  FROM (
    SELECT last, last > m.joined_after AND (m.stays_away = 1 OR last <= m.hidden_through) AS shows
    FROM (SELECT COALESCE(m.last_seq, i.head) AS last) AS reach
  ) AS rule
)
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- CORRELATED SCALAR SUBQUERY 3
--   CO-ROUTINE reach
--     SCAN CONSTANT ROW
--   SCAN reach
-- USE TEMP B-TREE FOR ORDER BY

-- deletions.show.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0, 0, 0]'
        ELSE json_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN COALESCE(m.last_seq, i.head) <= m.joined_after THEN 3
            ELSE 2
          END,
          m.hidden_through, m.cleared_through, m.read_through
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS head
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- erasure.backlog.due.0
SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest
FROM (SELECT erasable_from FROM changes WHERE erasable_from <= $1 ORDER BY erasable_from LIMIT 10000) AS waiting;
-- CO-ROUTINE waiting
--   SEARCH changes USING COVERING INDEX changes_by_erasable_from (erasable_from<?)
-- SCAN waiting

-- erasure.backlog.due.1
SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest
FROM (
  SELECT erasable_from
  FROM conversations
  WHERE erasable_from <= $1
  ORDER BY erasable_from
  LIMIT 10000
) AS waiting;
-- CO-ROUTINE waiting
--   SEARCH conversations USING COVERING INDEX conversations_by_erasable_from (erasable_from<?)
-- SCAN waiting

-- erasure.claim_changes
UPDATE changes SET erasable_from = $1
FROM (
  SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision, r.value ->> 2 AS due
  FROM jsonb_each($2) AS r
) AS i
WHERE
  changes.user_id = i.user_id
  AND changes.revision = i.revision
  AND changes.erasable_from IS NOT DISTINCT FROM i.due
RETURNING changes.user_id, changes.revision;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision=?)

-- erasure.claim_conversations
UPDATE conversations SET erasable_from = $1
FROM (
  SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS due
  FROM jsonb_each($2) AS r
) AS i
WHERE
  conversations.conversation_key = i.conversation_key
  AND conversations.erasable_from IS NOT DISTINCT FROM i.due
RETURNING conversations.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- erasure.due_changes
SELECT
  user_id, erasable_from, revision, request_digest, kind, restorable_until, conversations, results,
  detail
FROM changes
WHERE erasable_from >= $1 AND erasable_from <= $2
ORDER BY erasable_from
LIMIT 100;
-- SEARCH changes USING INDEX changes_by_erasable_from (erasable_from>? AND erasable_from<?)

-- erasure.due_conversations
SELECT conversation_key, erasable_from
FROM conversations
WHERE erasable_from >= $1 AND erasable_from <= $2
ORDER BY erasable_from
LIMIT 16;
-- SEARCH conversations USING COVERING INDEX conversations_by_erasable_from (erasable_from>? AND erasable_from<?)

-- erasure.erase.erase
DELETE FROM "messages"
WHERE "messages"."conversation_key" = ? AND "messages"."seq" >= ? AND "messages"."seq" <= ?;
-- SEARCH messages USING PRIMARY KEY (conversation_key=? AND seq>? AND seq<?)

-- erasure.erase.oldest
SELECT MIN("messages"."seq") AS "seq"
FROM "messages"
WHERE "messages"."conversation_key" = ? AND "messages"."seq" > ? AND "messages"."seq" <= ?;
-- SEARCH messages USING PRIMARY KEY (conversation_key=? AND seq>? AND seq<?)

-- erasure.finish_changes
UPDATE changes AS c SET erasable_from = NULL
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision FROM jsonb_each($2) AS r) AS i
WHERE c.user_id = i.user_id AND c.revision = i.revision AND c.erasable_from = $1;
-- SEARCH c USING COVERING INDEX changes_by_erasable_from (erasable_from=?)
-- SCAN r VIRTUAL TABLE INDEX 1:

-- erasure.finish_conversation
UPDATE "conversations" SET "erasable_from" = NULL
WHERE "conversations"."conversation_key" = ? AND "conversations"."erasable_from" = ?;
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- erasure.pass_on
UPDATE conversations AS c SET erasable_from = i.due
FROM (
  SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS due
  FROM jsonb_each($1) AS r
) AS i
WHERE c.conversation_key = i.conversation_key AND (c.erasable_from IS NULL OR c.erasable_from > i.due);
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (conversation_key=?)

-- erasure.trim.changes.due
SELECT kept_until AS time, user_id, revision
FROM changes
WHERE (kept_until, user_id, revision) > ($2, $3, $4) AND kept_until < $1 AND erasable_from IS NULL
ORDER BY kept_until, user_id, revision
LIMIT 200;
-- SEARCH changes USING INDEX changes_by_kept_until ((kept_until,user_id,revision)>(?,?,?) AND kept_until<?)

-- erasure.trim.changes.remove
DELETE FROM changes
WHERE (user_id, revision) IN (
  SELECT i.user_id, i.revision
  FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision FROM jsonb_each($1) AS r) AS i
);
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision=?)
-- LIST SUBQUERY 3
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- erasure.trim.changes_without_promise.due
SELECT changed_at AS time, user_id, revision
FROM changes
WHERE
  (changed_at, user_id, revision) > ($2, $3, $4)
  AND changed_at < $1
  AND erasable_from IS NULL
  AND kept_until IS NULL
  AND (restorable_until IS NULL OR restorable_until < $5)
ORDER BY changed_at, user_id, revision
LIMIT 200;
-- SEARCH changes USING INDEX changes_without_promise ((changed_at,user_id,revision)>(?,?,?) AND changed_at<?)

-- erasure.trim.changes_without_promise.remove
DELETE FROM changes
WHERE (user_id, revision) IN (
  SELECT i.user_id, i.revision
  FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision FROM jsonb_each($1) AS r) AS i
);
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision=?)
-- LIST SUBQUERY 3
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- erasure.trim.erased_messages.due
SELECT recognised_until AS time, conversation_key, sender_user_id, client_message_id
FROM erased_messages
WHERE recognised_until >= $2 AND recognised_until < $1
ORDER BY recognised_until
LIMIT 200;
-- SEARCH erased_messages USING COVERING INDEX erased_messages_by_time (recognised_until>? AND recognised_until<?)

-- erasure.trim.erased_messages.remove
DELETE FROM erased_messages
WHERE (conversation_key, sender_user_id, client_message_id) IN (
  SELECT i.conversation_key, i.sender_user_id, i.client_message_id
  FROM (
    SELECT
      r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS sender_user_id,
      r.value ->> 2 AS client_message_id
    FROM jsonb_each($1) AS r
  ) AS i
);
-- SEARCH erased_messages USING PRIMARY KEY (conversation_key=? AND sender_user_id=? AND client_message_id=?)
-- LIST SUBQUERY 3
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- erasure.trim.group_requests.due
SELECT kept_until AS time, conversation_key, request_id
FROM group_requests
WHERE kept_until >= $2 AND kept_until < $1
ORDER BY kept_until
LIMIT 200;
-- SEARCH group_requests USING COVERING INDEX group_requests_by_kept_until (kept_until>? AND kept_until<?)

-- erasure.trim.group_requests.remove
DELETE FROM group_requests
WHERE (conversation_key, request_id) IN (
  SELECT i.conversation_key, i.request_id
  FROM (
    SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key, unhex(r.value ->> 1) AS request_id
    FROM jsonb_each($1) AS r
  ) AS i
);
-- SEARCH group_requests USING PRIMARY KEY (conversation_key=? AND request_id=?)
-- LIST SUBQUERY 3
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- erasure.undo.end
UPDATE members AS m SET
  undo_ended = i.ended, taken_by = CASE WHEN m.taken_by > i.ended THEN m.taken_by END,
  kept_after = CASE WHEN i.cleared < m.cleared_through THEN i.cleared END
FROM (
  SELECT
    r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS ended,
    r.value ->> 2 AS cleared
  FROM jsonb_each($2) AS r
) AS i
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- erasure.undo.records
SELECT c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results, c.detail
FROM
  (SELECT r.key AS ord, r.value ->> 0 AS revision FROM jsonb_each($2) AS r) AS i
  CROSS JOIN changes AS c
WHERE c.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND c.revision = i.revision;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (user_id=? AND revision=?)

-- erasure.undo.stacks
SELECT m.conversation_key, m.taken_by, m.undo_ended, m.cleared_through
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- erasure.unlisting.deletions
SELECT user_id, revision, request_digest, kind, restorable_until, conversations, results, detail
FROM changes
WHERE unlists IS NOT NULL AND (user_id, revision) > ($1, $2)
ORDER BY user_id, revision
LIMIT 100;
-- SEARCH changes USING INDEX changes_that_unlist ((user_id,revision)>(?,?))

-- erasure.unlisting.done
UPDATE "changes" SET "unlists" = NULL
WHERE "changes"."user_id" = ? AND "changes"."revision" = ?;
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision=?)

-- erasure.unlisting.unlist
UPDATE members AS m SET unlisted_through = m.last_seq
FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND CASE
    WHEN m.last_seq > m.unlisted_through
    AND NOT (m.last_seq > m.hidden_through AND m.last_seq > m.joined_after AND m.stays_away = 0) THEN TRUE
    ELSE FALSE
  END;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- erasure.views.members
SELECT g.user_id
FROM group_members AS g
WHERE g.conversation_key = $1 AND g.user_id > $2
ORDER BY g.user_id
LIMIT 1000;
-- SEARCH g USING PRIMARY KEY (conversation_key=? AND user_id>?)

-- erasure.views.views
WITH views AS (
  SELECT
    conversation_key,
    CASE WHEN joined_after > readable_after THEN joined_after ELSE readable_after END AS lower_end,
    upper_end
  FROM (
    SELECT
      m.conversation_key, m.joined_after, MIN(
        m.cleared_through, COALESCE(m.kept_after, m.cleared_through),
        CASE
          WHEN m.taken_by > COALESCE(m.undo_ended, 0) THEN COALESCE(m.prev_cleared_through, m.cleared_through)
          ELSE m.cleared_through
        END
      ) AS readable_after,
      CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END AS upper_end
    FROM (
      SELECT
        r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS conversation_key,
        r.value ->> 2 AS head
      FROM jsonb_each($1) AS r
    ) AS i CROSS JOIN members AS m
    WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  ) AS bounds
)
SELECT conversation_key, lower_end, MAX(upper_end) AS upper_end
FROM views
WHERE upper_end > lower_end
GROUP BY conversation_key, lower_end;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR GROUP BY

-- events
SELECT
  revision, request_digest, kind, restorable_until, conversations, results, detail, client_id,
  changed_at, synced, undoes
FROM changes
WHERE user_id = $1 AND revision > $2
ORDER BY revision
LIMIT $3 + 0;
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision>?)

-- folders.add
INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
SELECT $1, $2, i.conversation_key, $3, i.ord
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($4) AS r) AS i
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key
ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING
RETURNING conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- folders.all
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  d.name, m.conversation_key, m.joined_after, m.left_at, m.last_seq, m.last_time, m.hidden_through,
  m.cleared_through, m.read_through, m.stays_away, m.pinned_at, m.muted, m.marks, m.custom_data,
  '[]' AS folders
FROM
  (SELECT $1 AS user_id) AS me
  LEFT JOIN users AS u ON u.user_id = me.user_id
  LEFT JOIN folders AS d ON d.user_id = me.user_id
  LEFT JOIN folder_conversations AS f ON f.user_id = d.user_id
  AND f.folder_id = d.folder_id
  LEFT JOIN members AS m ON m.user_id = CASE WHEN f.ord >= 0 THEN f.user_id END
  AND m.conversation_key = f.conversation_key
ORDER BY d.folder_id, f.added_by, f.ord;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SEARCH d USING COVERING INDEX folders_by_name (user_id=?) LEFT-JOIN
-- SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?) LEFT-JOIN
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
-- SCALAR SUBQUERY 1
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 2
--   SEARCH incarnations USING PRIMARY KEY
-- USE TEMP B-TREE FOR ORDER BY

-- folders.contents
SELECT
  m.conversation_key, m.joined_after, m.left_at, m.last_seq, m.last_time, m.hidden_through,
  m.cleared_through, m.read_through, m.stays_away, m.pinned_at, m.muted, m.marks, m.custom_data,
  '[]' AS folders
FROM folder_conversations AS f CROSS JOIN members AS m
WHERE
  f.user_id = $1
  AND f.folder_id = $2
  AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
  AND m.conversation_key = f.conversation_key
ORDER BY f.added_by, f.ord;
-- SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- folders.counts
SELECT
  (SELECT COUNT(*) FROM folders WHERE user_id = $1) AS folders,
  (SELECT COUNT(*) FROM folder_conversations WHERE user_id = $1) AS conversations;
-- SCAN CONSTANT ROW
-- SCALAR SUBQUERY 1
--   SEARCH folders USING COVERING INDEX folders_by_name (user_id=?)
-- SCALAR SUBQUERY 2
--   SEARCH folder_conversations USING COVERING INDEX folder_conversations_by_conversation (user_id=?)

-- folders.create
INSERT INTO "folders" ("user_id", "folder_id", "name")
VALUES (?, ?, ?);

-- folders.delete
DELETE FROM "folders"
WHERE "folders"."user_id" = ? AND "folders"."folder_id" = ?;
-- SEARCH folders USING PRIMARY KEY (user_id=? AND folder_id=?)

-- folders.empty
DELETE FROM "folder_conversations"
WHERE "folder_conversations"."user_id" = ? AND "folder_conversations"."folder_id" = ?
RETURNING "conversation_key";
-- SEARCH folder_conversations USING PRIMARY KEY (user_id=? AND folder_id=?)

-- folders.find
SELECT "folders"."folder_id"
FROM "folders"
WHERE "folders"."user_id" = ? AND "folders"."name" = ?;
-- SEARCH folders USING COVERING INDEX folders_by_name (user_id=? AND name=?)

-- folders.remove
DELETE FROM folder_conversations
WHERE
  user_id = $1
  AND folder_id = $2
  AND conversation_key IN (
    SELECT i.conversation_key
    FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($3) AS r) AS i
  )
RETURNING conversation_key;
-- SEARCH folder_conversations USING PRIMARY KEY (user_id=? AND folder_id=? AND conversation_key=?)
-- LIST SUBQUERY 2
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- folders.rename
UPDATE "folders" SET "name" = ?
WHERE "folders"."user_id" = ? AND "folders"."folder_id" = ?;
-- SEARCH folders USING PRIMARY KEY (user_id=? AND folder_id=?)

-- folders.shown
SELECT t.shown, t.added, p.*
FROM (
  SELECT COUNT(*) AS shown, COUNT(CASE WHEN f.added_by = $2 THEN 1 END) AS added
  FROM folder_conversations AS f CROSS JOIN members AS m
  WHERE
    f.user_id = $1
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND m.last_seq > m.hidden_through
    AND m.last_seq > m.joined_after
    AND m.stays_away = 0
) AS t LEFT JOIN (
  SELECT
    f.added_by, m.conversation_key, m.joined_after, m.left_at, m.last_seq, m.last_time,
    m.hidden_through, m.cleared_through, m.read_through, m.stays_away, m.pinned_at, m.muted,
    m.marks, m.custom_data, '[]' AS folders
  FROM folder_conversations AS f CROSS JOIN members AS m
  WHERE
    f.user_id = $1
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND m.last_seq IS NULL
) AS p ON TRUE;
-- CO-ROUTINE t
--   SEARCH f USING PRIMARY KEY (user_id=?)
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- MATERIALIZE p
--   SEARCH f USING PRIMARY KEY (user_id=?)
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- SCAN t
-- SCAN p LEFT-JOIN

-- folders.touch
UPDATE members AS m SET changed_by = $2
FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($3) AS r) AS i
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- groups.earlier
SELECT "group_requests"."request_digest", "group_requests"."changed_count"
FROM "group_requests"
WHERE "group_requests"."conversation_key" = ? AND "group_requests"."request_id" = ?;
-- SEARCH group_requests USING PRIMARY KEY (conversation_key=? AND request_id=?)

-- groups.forget_copies
INSERT INTO members (user_id, conversation_key, kind)
SELECT i.user_id, $1, 2
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id FROM jsonb_each($2) AS r) AS i
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET last_seq = NULL, last_time = NULL;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- USE TEMP B-TREE FOR ORDER BY

-- groups.join.apply
INSERT INTO members (
  user_id, conversation_key, kind, joined_after, hidden_through, cleared_through, last_seq,
  last_time, undo_ended
)
SELECT i.user_id, $1, 2, $2, $2, $2, $3, $4, i.revision
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision FROM jsonb_each($5) AS r) AS i
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  appeared_before = CASE WHEN members.left_at > members.joined_after THEN 1 ELSE members.appeared_before END,
  joined_after = excluded.joined_after, left_at = NULL, hidden_through = excluded.hidden_through,
  cleared_through = excluded.cleared_through, last_seq = excluded.last_seq,
  last_time = excluded.last_time, pinned_at = NULL, taken_by = NULL, kept_after = NULL,
  undo_ended = excluded.undo_ended
RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- USE TEMP B-TREE FOR ORDER BY

-- groups.join.note
INSERT INTO group_members (conversation_key, user_id, is_member)
SELECT $1, i.user_id, 1
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id FROM jsonb_each($2) AS r) AS i
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (conversation_key, user_id) DO UPDATE SET is_member = 1
WHERE group_members.is_member = 0
RETURNING user_id;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- USE TEMP B-TREE FOR ORDER BY

-- groups.leave.apply
INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time)
SELECT i.user_id, $1, $2, $2, $3
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision FROM jsonb_each($4) AS r) AS i
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  left_at = excluded.left_at, last_seq = excluded.last_seq, last_time = excluded.last_time
RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- USE TEMP B-TREE FOR ORDER BY

-- groups.leave.note
UPDATE group_members SET is_member = 0
WHERE
  conversation_key = $1
  AND user_id IN (SELECT r.value ->> 0 FROM jsonb_each($2) AS r)
  AND is_member = 1
RETURNING user_id;
-- SEARCH group_members USING PRIMARY KEY (conversation_key=? AND user_id=?)
-- LIST SUBQUERY 1
--   SCAN r VIRTUAL TABLE INDEX 1:
--   CREATE BLOOM FILTER

-- groups.lost_sight
UPDATE "conversations" SET "erasable_from" = ?
WHERE "conversations"."conversation_key" = ?;
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- groups.make_large
UPDATE "conversations" SET "is_large" = ?
WHERE "conversations"."conversation_key" = ?;
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- groups.members_of_small
SELECT g.user_id
FROM group_members AS g
WHERE g.conversation_key = $1 AND g.is_member = 1
LIMIT 108;
-- SEARCH g USING PRIMARY KEY (conversation_key=?)

-- groups.raise
INSERT INTO users (user_id, revision)
SELECT i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
FROM (SELECT r.key AS ord, r.value ->> 0 AS user_id FROM jsonb_each($1) AS r) AS i
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id) DO UPDATE SET revision = MAX(users.revision + 1, excluded.revision)
RETURNING user_id, revision;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SCALAR SUBQUERY 1
--   SEARCH incarnations USING PRIMARY KEY
-- USE TEMP B-TREE FOR ORDER BY

-- groups.record
INSERT INTO changes (user_id, revision, kind, changed_at, kept_until, synced, conversations, results, caller)
SELECT i.user_id, i.revision, $1, $2, $3, 1, $4, i.results, $5
FROM (
  SELECT r.key AS ord, r.value ->> 0 AS user_id, r.value ->> 1 AS revision, r.value ->> 2 AS results
  FROM jsonb_each($6) AS r
) AS i;
-- SCAN r VIRTUAL TABLE INDEX 1:

-- groups.remember
INSERT INTO
  "group_requests" ("conversation_key", "request_id", "request_digest", "kept_until", "changed_count")
VALUES (?, ?, ?, ?, ?);

-- heads.heads
SELECT c.conversation_key, c.canonical_id, c.last_seq, c.last_time, c.is_large
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($1) AS r) AS i
  CROSS JOIN conversations AS c
WHERE c.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (conversation_key=?)

-- heads.lock
UPDATE "conversations" SET "last_seq" = "last_seq"
WHERE "conversations"."conversation_key" = ?;
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- heads.lock_group
UPDATE "conversations" SET "membership_changes" = "conversations"."membership_changes" + ?
WHERE "conversations"."conversation_key" = ?
RETURNING "conversation_key", "canonical_id", "last_seq", "last_time", "is_large";
-- SEARCH conversations USING PRIMARY KEY (conversation_key=?)

-- heads.lock_or_create_group
INSERT INTO
  "conversations" ("conversation_key", "canonical_id", "last_seq", "last_time", "membership_changes")
VALUES (?, ?, ?, ?, ?)
ON CONFLICT ("conversation_key") DO UPDATE SET
  "membership_changes" = "conversations"."membership_changes" + ?
RETURNING "conversation_key", "canonical_id", "last_seq", "last_time", "is_large";

-- heads.positions
SELECT json_group_array(CASE WHEN c.canonical_id <> i.canonical_id THEN -1 ELSE COALESCE(c.last_seq, 0) END ORDER BY i.ord) AS positions
FROM (
  SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS canonical_id
  FROM jsonb_each($1) AS r
) AS i LEFT JOIN conversations AS c ON c.conversation_key = i.conversation_key;
-- USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (conversation_key=?) LEFT-JOIN

-- lists.hidden.page
WITH without_copy AS (
  SELECT m.*
  FROM members AS m INDEXED BY members_listed
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND (m.kind & $2) <> 0
    AND m.last_time IS NULL
),
just_deleted AS (
  SELECT m.*
  FROM members AS m INDEXED BY members_listed
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND (m.kind & $2) <> 0
    AND m.last_time <= COALESCE($3, 9223372036854775807)
    AND m.last_time >= -9223372036854775808
    AND CASE
      WHEN m.last_seq > m.joined_after
      AND NOT (m.last_seq > m.hidden_through AND m.last_seq > m.joined_after AND m.stays_away = 0)
      AND ($3 IS NULL OR m.last_time < $3 OR m.conversation_key > $4) THEN TRUE
      ELSE FALSE
    END
  ORDER BY m.last_time DESC, m.conversation_key
  LIMIT $5 + 0
),
unlisted AS (
  SELECT m.*
  FROM members AS m INDEXED BY members_unlisted
  WHERE
    m.user_id = $1
    AND m.last_seq <= m.unlisted_through
    AND (m.kind & $2) <> 0
    AND m.last_time <= COALESCE($3, 9223372036854775807)
    AND m.last_time >= -9223372036854775808
    AND CASE
      WHEN m.last_seq > m.joined_after
      AND NOT (m.last_seq > m.hidden_through AND m.last_seq > m.joined_after AND m.stays_away = 0)
      AND ($3 IS NULL OR m.last_time < $3 OR m.conversation_key > $4) THEN TRUE
      ELSE FALSE
    END
  ORDER BY m.last_time DESC, m.conversation_key
  LIMIT $5 + 0
),
hidden AS (
  SELECT *
  FROM (SELECT * FROM just_deleted UNION ALL SELECT * FROM unlisted) AS either
  ORDER BY last_time DESC, conversation_key
  LIMIT $5 + 0
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  p.taken_by, p.undo_ended, p.conversation_key, p.joined_after, p.left_at, p.last_seq, p.last_time,
  p.hidden_through, p.cleared_through, p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks,
  p.custom_data,
  CASE
    WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
      SELECT json_group_array(json_array(d.name) ORDER BY d.folder_id)
      FROM folder_conversations AS f CROSS JOIN folders AS d
      WHERE
        f.user_id = p.user_id
        AND f.conversation_key = p.conversation_key
        AND d.user_id = f.user_id
        AND d.folder_id = f.folder_id
    )
    ELSE '[]'
  END AS folders
FROM
  (SELECT $1 AS user_id) AS me
  LEFT JOIN users AS u ON u.user_id = me.user_id
  LEFT JOIN (SELECT * FROM without_copy UNION ALL SELECT * FROM hidden) AS p ON TRUE;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- MATERIALIZE p
--   COMPOUND QUERY
--     LEFT-MOST SUBQUERY
--       SEARCH m USING INDEX members_listed (user_id=? AND last_time=?)
--     UNION ALL
--       CO-ROUTINE hidden
--         MERGE (UNION ALL)
--           LEFT
--             CO-ROUTINE just_deleted
--               SEARCH m USING INDEX members_listed (user_id=? AND last_time>? AND last_time<?)
--             SCAN just_deleted
--             USE TEMP B-TREE FOR ORDER BY
--           RIGHT
--             CO-ROUTINE unlisted
--               SEARCH m USING INDEX members_unlisted (user_id=? AND last_time>? AND last_time<?)
--             SCAN unlisted
--             USE TEMP B-TREE FOR ORDER BY
--       SCAN hidden
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCAN p LEFT-JOIN
-- SCALAR SUBQUERY 7
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 8
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 9
--   SEARCH own USING COVERING INDEX folders_by_name (user_id=?)
-- CORRELATED SCALAR SUBQUERY 10
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
--   SEARCH f USING COVERING INDEX folder_conversations_by_conversation (user_id=? AND conversation_key=?)
--   SEARCH d USING PRIMARY KEY (user_id=? AND folder_id=?)

-- lists.hidden.restorable
SELECT c.revision, c.restorable_until
FROM
  (SELECT r.key AS ord, r.value ->> 0 AS revision FROM jsonb_each($3) AS r) AS i
  CROSS JOIN changes AS c
WHERE
  c.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND c.revision = i.revision
  AND c.restorable_until > $2;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (user_id=? AND revision=?)

-- lists.members.by_keys
SELECT json_group_array(json_object(
  'conversation_key', CASE WHEN m.conversation_key IS NOT NULL THEN hex(m.conversation_key) END,
  'joined_after', m.joined_after, 'left_at', m.left_at, 'last_seq', m.last_seq, 'last_time',
  m.last_time, 'hidden_through', m.hidden_through, 'cleared_through', m.cleared_through,
  'read_through', m.read_through, 'stays_away', m.stays_away, 'pinned_at', m.pinned_at, 'muted',
  m.muted, 'marks', m.marks, 'custom_data',
  CASE WHEN m.custom_data IS NOT NULL THEN hex(m.custom_data) END, 'folders', json(
    CASE
      WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
        SELECT json_group_array(json_array(d.name) ORDER BY d.folder_id)
        FROM folder_conversations AS f CROSS JOIN folders AS d
        WHERE
          f.user_id = m.user_id
          AND f.conversation_key = m.conversation_key
          AND d.user_id = f.user_id
          AND d.folder_id = f.folder_id
      )
      ELSE '[]'
    END
  )
)) AS gathered
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- SCALAR SUBQUERY 1
--   SEARCH own USING COVERING INDEX folders_by_name (user_id=?)
-- CORRELATED SCALAR SUBQUERY 2
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
--   SEARCH f USING COVERING INDEX folder_conversations_by_conversation (user_id=? AND conversation_key=?)
--   SEARCH d USING PRIMARY KEY (user_id=? AND folder_id=?)

-- lists.members.known
SELECT m.conversation_key
FROM
  (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($2) AS r) AS i
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)

-- lists.parts.part.folder
WITH filed AS (
  SELECT m.*
  FROM folders AS d CROSS JOIN folder_conversations AS f CROSS JOIN members AS m
  WHERE
    d.user_id = $1
    AND d.name = $15
    AND f.user_id = $1
    AND f.folder_id = d.folder_id
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
pinned AS (
  SELECT entry.*
  FROM filed AS entry
  WHERE
    entry.pinned_at IS NOT NULL
    AND entry.last_time IS NOT NULL
    AND ($8 IS NULL OR entry.pinned_at <= $8)
    AND $12 IS NULL
    AND (
      $10 IS NULL
      OR entry.pinned_at < $9
      OR (
        entry.pinned_at = $9
        AND (entry.last_time < $10 OR (entry.last_time = $10 AND entry.conversation_key > $11))
      )
    )
  ORDER BY entry.pinned_at DESC, entry.last_time DESC, entry.conversation_key
  LIMIT $14 + 0
),
without_copy AS (SELECT entry.* FROM filed AS entry WHERE entry.last_time IS NULL),
rest AS (
  SELECT entry.*
  FROM filed AS entry
  WHERE
    entry.last_time <= COALESCE($12, 9223372036854775807)
    AND entry.last_time >= COALESCE($7, -9223372036854775808)
    AND CASE
      WHEN (entry.pinned_at IS NULL OR entry.pinned_at > $8)
      AND ($12 IS NULL OR entry.last_time < $12 OR entry.conversation_key > $13) THEN TRUE
      ELSE FALSE
    END
  ORDER BY entry.last_time DESC, entry.conversation_key
  LIMIT $14 - (SELECT COUNT(*) FROM pinned)
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision, (
    SELECT json_group_array(json_object(
      'conversation_key', CASE WHEN p.conversation_key IS NOT NULL THEN hex(p.conversation_key) END,
      'joined_after', p.joined_after, 'left_at', p.left_at, 'last_seq', p.last_seq, 'last_time',
      p.last_time, 'hidden_through', p.hidden_through, 'cleared_through', p.cleared_through,
      'read_through', p.read_through, 'stays_away', p.stays_away, 'pinned_at', p.pinned_at, 'muted',
      p.muted, 'marks', p.marks, 'custom_data',
      CASE WHEN p.custom_data IS NOT NULL THEN hex(p.custom_data) END, 'folders', json(
        CASE
          WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
            SELECT json_group_array(json_array(d.name) ORDER BY d.folder_id)
            FROM folder_conversations AS f CROSS JOIN folders AS d
            WHERE
              f.user_id = p.user_id
              AND f.conversation_key = p.conversation_key
              AND d.user_id = f.user_id
              AND d.folder_id = f.folder_id
          )
          ELSE '[]'
        END
      )
    ))
    FROM (SELECT * FROM pinned UNION ALL SELECT * FROM without_copy UNION ALL SELECT * FROM rest) AS p
  ) AS gathered
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 6
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 7
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 13
--   CO-ROUTINE p
--     COMPOUND QUERY
--       LEFT-MOST SUBQUERY
--         MATERIALIZE pinned
--           SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--           SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--           SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
--           USE TEMP B-TREE FOR ORDER BY
--         SCAN pinned
--       UNION ALL
--         SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--         SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--         SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
--       UNION ALL
--         CO-ROUTINE rest
--           SCALAR SUBQUERY 4
--             SCAN pinned
--           SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--           SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--           SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
--           USE TEMP B-TREE FOR ORDER BY
--         SCAN rest
--   SCAN p
--   SCALAR SUBQUERY 8
--     SEARCH own USING COVERING INDEX folders_by_name (user_id=?)
--   CORRELATED SCALAR SUBQUERY 9
--     USE TEMP B-TREE FOR json_group_array(ORDER BY)
--     SEARCH f USING COVERING INDEX folder_conversations_by_conversation (user_id=? AND conversation_key=?)
--     SEARCH d USING PRIMARY KEY (user_id=? AND folder_id=?)

-- lists.parts.part.whole
WITH by_members_pinned AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m INDEXED BY members_pinned
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
by_members_listed AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m INDEXED BY members_listed
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
pinned AS (
  SELECT entry.*
  FROM by_members_pinned AS entry
  WHERE
    entry.pinned_at IS NOT NULL
    AND entry.last_time IS NOT NULL
    AND ($8 IS NULL OR entry.pinned_at <= $8)
    AND $12 IS NULL
    AND (
      $10 IS NULL
      OR entry.pinned_at < $9
      OR (
        entry.pinned_at = $9
        AND (entry.last_time < $10 OR (entry.last_time = $10 AND entry.conversation_key > $11))
      )
    )
  ORDER BY entry.pinned_at DESC, entry.last_time DESC, entry.conversation_key
  LIMIT $14 + 0
),
without_copy AS (SELECT entry.* FROM by_members_listed AS entry WHERE entry.last_time IS NULL),
rest AS (
  SELECT entry.*
  FROM by_members_listed AS entry
  WHERE
    entry.last_time <= COALESCE($12, 9223372036854775807)
    AND entry.last_time >= COALESCE($7, -9223372036854775808)
    AND CASE
      WHEN (entry.pinned_at IS NULL OR entry.pinned_at > $8)
      AND ($12 IS NULL OR entry.last_time < $12 OR entry.conversation_key > $13) THEN TRUE
      ELSE FALSE
    END
  ORDER BY entry.last_time DESC, entry.conversation_key
  LIMIT $14 - (SELECT COUNT(*) FROM pinned)
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision, (
    SELECT json_group_array(json_object(
      'conversation_key', CASE WHEN p.conversation_key IS NOT NULL THEN hex(p.conversation_key) END,
      'joined_after', p.joined_after, 'left_at', p.left_at, 'last_seq', p.last_seq, 'last_time',
      p.last_time, 'hidden_through', p.hidden_through, 'cleared_through', p.cleared_through,
      'read_through', p.read_through, 'stays_away', p.stays_away, 'pinned_at', p.pinned_at, 'muted',
      p.muted, 'marks', p.marks, 'custom_data',
      CASE WHEN p.custom_data IS NOT NULL THEN hex(p.custom_data) END, 'folders', json(
        CASE
          WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
            SELECT json_group_array(json_array(d.name) ORDER BY d.folder_id)
            FROM folder_conversations AS f CROSS JOIN folders AS d
            WHERE
              f.user_id = p.user_id
              AND f.conversation_key = p.conversation_key
              AND d.user_id = f.user_id
              AND d.folder_id = f.folder_id
          )
          ELSE '[]'
        END
      )
    ))
    FROM (SELECT * FROM pinned UNION ALL SELECT * FROM without_copy UNION ALL SELECT * FROM rest) AS p
  ) AS gathered
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 7
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 8
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 14
--   CO-ROUTINE p
--     COMPOUND QUERY
--       LEFT-MOST SUBQUERY
--         MATERIALIZE pinned
--           SEARCH m USING INDEX members_pinned (user_id=?)
--           USE TEMP B-TREE FOR ORDER BY
--         SCAN pinned
--       UNION ALL
--         SEARCH m USING INDEX members_listed (user_id=? AND last_time=?)
--       UNION ALL
--         CO-ROUTINE rest
--           SCALAR SUBQUERY 5
--             SCAN pinned
--           SEARCH m USING INDEX members_listed (user_id=? AND last_time>? AND last_time<?)
--         SCAN rest
--   SCAN p
--   SCALAR SUBQUERY 9
--     SEARCH own USING COVERING INDEX folders_by_name (user_id=?)
--   CORRELATED SCALAR SUBQUERY 10
--     USE TEMP B-TREE FOR json_group_array(ORDER BY)
--     SEARCH f USING COVERING INDEX folder_conversations_by_conversation (user_id=? AND conversation_key=?)
--     SEARCH d USING PRIMARY KEY (user_id=? AND folder_id=?)

-- lists.parts.selection.folder
WITH filed AS (
  SELECT m.*
  FROM folders AS d CROSS JOIN folder_conversations AS f CROSS JOIN members AS m
  WHERE
    d.user_id = $1
    AND d.name = $12
    AND f.user_id = $1
    AND f.folder_id = d.folder_id
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
matching AS (
  SELECT entry.*
  FROM filed AS entry
  WHERE
    entry.last_time IS NOT NULL
    AND CASE
      WHEN ($9 = 1 OR entry.last_seq <= entry.read_through OR entry.last_seq <= entry.cleared_through)
      AND ($10 IS NULL OR entry.last_time < $10 OR entry.last_seq <= entry.cleared_through)
      AND ($8 = 1 OR entry.pinned_at IS NULL)
      AND entry.conversation_key NOT IN (
        SELECT x.conversation_key
        FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($13) AS r) AS x
      ) THEN TRUE
      ELSE FALSE
    END
  ORDER BY entry.last_time, entry.conversation_key DESC
  LIMIT 10000
),
oldest AS (
  SELECT *
  FROM matching AS entry
  ORDER BY entry.last_time, entry.conversation_key DESC
  LIMIT $11 + 0
),
without_copy AS (
  SELECT entry.*
  FROM filed AS entry
  WHERE
    entry.last_time IS NULL
    AND ($8 = 1 OR entry.pinned_at IS NULL)
    AND entry.conversation_key NOT IN (
      SELECT x.conversation_key
      FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($13) AS r) AS x
    )
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  (SELECT COUNT(*) FROM matching) AS matched, (
    SELECT json_group_array(json_object(
      'conversation_key', CASE WHEN p.conversation_key IS NOT NULL THEN hex(p.conversation_key) END,
      'joined_after', p.joined_after, 'left_at', p.left_at, 'last_seq', p.last_seq, 'last_time',
      p.last_time, 'hidden_through', p.hidden_through, 'cleared_through', p.cleared_through,
      'read_through', p.read_through, 'stays_away', p.stays_away, 'pinned_at', p.pinned_at, 'muted',
      p.muted, 'marks', p.marks, 'custom_data',
      CASE WHEN p.custom_data IS NOT NULL THEN hex(p.custom_data) END, 'folders', json('[]')
    ))
    FROM (SELECT * FROM oldest UNION ALL SELECT * FROM without_copy) AS p
  ) AS gathered
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 9
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 10
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 11
--   MATERIALIZE matching
--     SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--     SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--     SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
--     LIST SUBQUERY 3
--       SCAN r VIRTUAL TABLE INDEX 1:
--       CREATE BLOOM FILTER
--     USE TEMP B-TREE FOR ORDER BY
--   SCAN matching
-- SCALAR SUBQUERY 14
--   CO-ROUTINE p
--     COMPOUND QUERY
--       LEFT-MOST SUBQUERY
--         CO-ROUTINE oldest
--           SCAN entry
--         SCAN oldest
--       UNION ALL
--         SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--         SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--         SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
--         LIST SUBQUERY 7
--           SCAN r VIRTUAL TABLE INDEX 1:
--           CREATE BLOOM FILTER
--   SCAN p

-- lists.parts.selection.whole
WITH by_members_listed AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m INDEXED BY members_listed
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
matching AS (
  SELECT entry.*
  FROM by_members_listed AS entry
  WHERE
    entry.last_time IS NOT NULL
    AND CASE
      WHEN ($9 = 1 OR entry.last_seq <= entry.read_through OR entry.last_seq <= entry.cleared_through)
      AND ($10 IS NULL OR entry.last_time < $10 OR entry.last_seq <= entry.cleared_through)
      AND ($8 = 1 OR entry.pinned_at IS NULL)
      AND entry.conversation_key NOT IN (
        SELECT x.conversation_key
        FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($12) AS r) AS x
      ) THEN TRUE
      ELSE FALSE
    END
  ORDER BY entry.last_time, entry.conversation_key DESC
  LIMIT 10000
),
oldest AS (
  SELECT *
  FROM matching AS entry
  ORDER BY entry.last_time, entry.conversation_key DESC
  LIMIT $11 + 0
),
without_copy AS (
  SELECT entry.*
  FROM by_members_listed AS entry
  WHERE
    entry.last_time IS NULL
    AND ($8 = 1 OR entry.pinned_at IS NULL)
    AND entry.conversation_key NOT IN (
      SELECT x.conversation_key
      FROM (SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key FROM jsonb_each($12) AS r) AS x
    )
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  (SELECT COUNT(*) FROM matching) AS matched, (
    SELECT json_group_array(json_object(
      'conversation_key', CASE WHEN p.conversation_key IS NOT NULL THEN hex(p.conversation_key) END,
      'joined_after', p.joined_after, 'left_at', p.left_at, 'last_seq', p.last_seq, 'last_time',
      p.last_time, 'hidden_through', p.hidden_through, 'cleared_through', p.cleared_through,
      'read_through', p.read_through, 'stays_away', p.stays_away, 'pinned_at', p.pinned_at, 'muted',
      p.muted, 'marks', p.marks, 'custom_data',
      CASE WHEN p.custom_data IS NOT NULL THEN hex(p.custom_data) END, 'folders', json('[]')
    ))
    FROM (SELECT * FROM oldest UNION ALL SELECT * FROM without_copy) AS p
  ) AS gathered
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 9
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 10
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 11
--   MATERIALIZE matching
--     SEARCH m USING INDEX members_listed (user_id=? AND last_time>?)
--     LIST SUBQUERY 3
--       SCAN r VIRTUAL TABLE INDEX 1:
--       CREATE BLOOM FILTER
--   SCAN matching
-- SCALAR SUBQUERY 14
--   CO-ROUTINE p
--     COMPOUND QUERY
--       LEFT-MOST SUBQUERY
--         CO-ROUTINE oldest
--           SCAN entry
--         SCAN oldest
--       UNION ALL
--         SEARCH m USING INDEX members_listed (user_id=? AND last_time=?)
--         LIST SUBQUERY 7
--           SCAN r VIRTUAL TABLE INDEX 1:
--           CREATE BLOOM FILTER
--   SCAN p

-- lists.parts.unread.folder
WITH filed AS (
  SELECT m.*
  FROM folders AS d CROSS JOIN folder_conversations AS f CROSS JOIN members AS m
  WHERE
    d.user_id = $1
    AND d.name = $8
    AND f.user_id = $1
    AND f.folder_id = d.folder_id
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
counted AS (
  SELECT
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 0 THEN entry.last_seq - MAX(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS messages,
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 1 THEN entry.last_seq - MAX(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS muted_messages,
    COUNT(CASE WHEN entry.muted = 0 THEN 1 END) AS conversations
  FROM filed AS entry
  WHERE entry.last_time IS NOT NULL
),
without_copy AS (SELECT entry.* FROM filed AS entry WHERE entry.last_time IS NULL)
SELECT
  counted.messages, counted.muted_messages, counted.conversations, p.conversation_key,
  p.joined_after, p.left_at, p.last_seq, p.last_time, p.hidden_through, p.cleared_through,
  p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks, p.custom_data, '[]' AS folders
FROM counted LEFT JOIN without_copy AS p ON TRUE;
-- CO-ROUTINE counted
--   SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--   SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- MATERIALIZE filed
--   SEARCH d USING COVERING INDEX folders_by_name (user_id=? AND name=?)
--   SEARCH f USING PRIMARY KEY (user_id=? AND folder_id=?)
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- SCAN counted
-- SCAN entry LEFT-JOIN

-- lists.parts.unread.whole
WITH by_members_listed AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m INDEXED BY members_listed
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND CASE
      WHEN (m.kind & $2) <> 0
      AND ($3 = 0 OR (m.marks & $3) <> 0)
      AND (m.marks & $4) = 0
      AND (CASE WHEN m.left_at IS NULL THEN 1 ELSE 2 END & $5) <> 0
      AND (
        m.last_seq IS NULL
        OR (
          m.last_seq > m.hidden_through
          AND m.last_seq > m.joined_after
          AND m.stays_away = 0
          AND ($6 = 0 OR (m.last_seq > m.read_through AND m.last_seq > m.cleared_through))
          AND ($7 IS NULL OR (m.last_time >= $7 AND m.last_seq > m.cleared_through))
        )
      ) THEN TRUE
      ELSE FALSE
    END
),
counted AS (
  SELECT
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 0 THEN entry.last_seq - MAX(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS messages,
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 1 THEN entry.last_seq - MAX(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS muted_messages,
    COUNT(CASE WHEN entry.muted = 0 THEN 1 END) AS conversations
  FROM by_members_listed AS entry
  WHERE entry.last_time IS NOT NULL
),
without_copy AS (SELECT entry.* FROM by_members_listed AS entry WHERE entry.last_time IS NULL)
SELECT
  counted.messages, counted.muted_messages, counted.conversations, p.conversation_key,
  p.joined_after, p.left_at, p.last_seq, p.last_time, p.hidden_through, p.cleared_through,
  p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks, p.custom_data, '[]' AS folders
FROM counted LEFT JOIN without_copy AS p ON TRUE;
-- CO-ROUTINE counted
--   SEARCH m USING INDEX members_listed (user_id=? AND last_time>?)
-- SCAN counted
-- SEARCH m USING INDEX members_listed (user_id=? AND last_time=?) LEFT-JOIN

-- log.of_request
SELECT
  "changes"."user_id", "changes"."revision", "changes"."request_digest", "changes"."kind",
  "changes"."restorable_until", "changes"."conversations", "changes"."results", "changes"."detail"
FROM "changes"
WHERE "changes"."user_id" = ? AND "changes"."request_id" = ?;
-- SEARCH changes USING INDEX changes_by_request_id (user_id=? AND request_id=?)

-- log.of_revision
SELECT
  "changes"."revision", "changes"."request_digest", "changes"."kind", "changes"."restorable_until",
  "changes"."conversations", "changes"."results", "changes"."detail"
FROM "changes"
WHERE "changes"."user_id" = ? AND "changes"."revision" = ?;
-- SEARCH changes USING PRIMARY KEY (user_id=? AND revision=?)

-- messages.append.arrive
INSERT INTO members (user_id, conversation_key, kind, read_through, last_seq, last_time)
SELECT i.user_id, i.conversation_key, i.kind, i.read_through, i.last_seq, i.last_time
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS conversation_key,
    r.value ->> 2 AS kind, r.value ->> 3 AS read_through, r.value ->> 4 AS last_seq,
    r.value ->> 5 AS last_time
  FROM jsonb_each($1) AS r
) AS i
WHERE TRUE
ORDER BY i.user_id, i.conversation_key
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  read_through = MAX(members.read_through, excluded.read_through),
  stays_away = CASE WHEN excluded.read_through > 0 THEN 0 ELSE members.stays_away END,
  unlisted_through = CASE
    WHEN members.stays_away = 1
    AND excluded.read_through = 0 THEN COALESCE(excluded.last_seq, members.unlisted_through)
    ELSE members.unlisted_through
  END,
  last_seq = excluded.last_seq, last_time = excluded.last_time;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- USE TEMP B-TREE FOR ORDER BY

-- messages.append.placing.earlier
SELECT i.number, m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content, NULL AS fingerprint
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS number, unhex(r.value ->> 1) AS conversation_key,
    r.value ->> 2 AS sender_user_id, r.value ->> 3 AS client_message_id
  FROM jsonb_each($1) AS r
) AS i CROSS JOIN messages AS m
WHERE
  m.conversation_key = i.conversation_key
  AND m.sender_user_id = i.sender_user_id
  AND m.client_message_id = i.client_message_id
UNION ALL
SELECT i.number, m.seq, m.sender_user_id, m.send_time, NULL, NULL, m.fingerprint
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS number, unhex(r.value ->> 1) AS conversation_key,
    r.value ->> 2 AS sender_user_id, r.value ->> 3 AS client_message_id
  FROM jsonb_each($1) AS r
) AS i CROSS JOIN erased_messages AS m
WHERE
  m.conversation_key = i.conversation_key
  AND m.sender_user_id = i.sender_user_id
  AND m.client_message_id = i.client_message_id;
-- COMPOUND QUERY
--   LEFT-MOST SUBQUERY
--     SCAN r VIRTUAL TABLE INDEX 1:
--     SEARCH m USING INDEX messages_by_client_message_id (conversation_key=? AND sender_user_id=? AND client_message_id=?)
--   UNION ALL
--     SCAN r VIRTUAL TABLE INDEX 1:
--     SEARCH m USING PRIMARY KEY (conversation_key=? AND sender_user_id=? AND client_message_id=?)

-- messages.append.placing.insert
INSERT INTO messages (
  conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
  recognised_until
)
SELECT
  i.conversation_key, i.seq, i.sender_user_id, i.client_message_id, i.send_time, i.payload_type,
  i.content, CASE WHEN i.client_message_id IS NOT NULL THEN i.send_time + $1 END
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS number, unhex(r.value ->> 1) AS conversation_key,
    r.value ->> 2 AS canonical_id, r.value ->> 3 AS kind, r.value ->> 4 AS sender_user_id,
    r.value ->> 5 AS client_message_id, r.value ->> 6 AS payload_type,
    unhex(r.value ->> 7) AS content, r.value ->> 8 AS seq, r.value ->> 9 AS send_time
  FROM jsonb_each($2) AS r
) AS i
RETURNING conversation_key, (
  SELECT CASE
    WHEN c.is_large = 1 THEN (
      SELECT json_array(g.user_id)
      FROM group_members AS g
      WHERE
        g.conversation_key = messages.conversation_key
        AND g.user_id = messages.sender_user_id
        AND g.is_member = 1
    )
    WHEN c.last_seq = messages.seq THEN (
      SELECT json_group_array(g.user_id)
      FROM group_members AS g
      WHERE g.conversation_key = messages.conversation_key AND g.is_member = 1
    )
  END
  FROM conversations AS c
  WHERE c.conversation_key = messages.conversation_key
) AS members;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- CORRELATED SCALAR SUBQUERY 5
--   SEARCH c USING PRIMARY KEY (conversation_key=?)
--   CORRELATED SCALAR SUBQUERY 3
--     SEARCH g USING PRIMARY KEY (conversation_key=? AND user_id=?)
--   CORRELATED SCALAR SUBQUERY 4
--     SEARCH g USING PRIMARY KEY (conversation_key=?)

-- messages.append.placing.raise
INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
SELECT i.conversation_key, i.canonical_id, i.messages, $1
FROM (
  SELECT
    r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS canonical_id,
    r.value ->> 2 AS messages
  FROM jsonb_each($2) AS r
) AS i
WHERE TRUE
ON CONFLICT (conversation_key) DO UPDATE SET
  last_seq = conversations.last_seq + excluded.last_seq,
  last_time = MAX(conversations.last_time, excluded.last_time)
RETURNING conversation_key, canonical_id, last_seq, last_time, is_large;
-- SCAN r VIRTUAL TABLE INDEX 1:

-- messages.history.newest
SELECT json_group_array(json_object(
  'conversation_key', CASE WHEN c.conversation_key IS NOT NULL THEN hex(c.conversation_key) END,
  'canonical_id', c.canonical_id, 'last_seq', c.last_seq, 'seq', m.seq, 'sender_user_id',
  m.sender_user_id, 'send_time', m.send_time, 'payload_type', m.payload_type, 'content',
  CASE WHEN m.content IS NOT NULL THEN hex(m.content) END
)) AS gathered
FROM (
  SELECT r.key AS ord, unhex(r.value ->> 0) AS conversation_key, r.value ->> 1 AS seq
  FROM jsonb_each($1) AS r
) AS i
  CROSS JOIN conversations AS c
  LEFT JOIN messages AS m ON m.conversation_key = c.conversation_key
  AND m.seq = i.seq
WHERE c.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH c USING PRIMARY KEY (conversation_key=?)
-- SEARCH m USING PRIMARY KEY (conversation_key=? AND seq=?) LEFT-JOIN

-- messages.history.page
SELECT m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content
FROM messages AS m
WHERE m.conversation_key = $1 AND m.seq BETWEEN $2 AND $3
ORDER BY m.seq DESC
LIMIT $4 + 0;
-- SEARCH m USING PRIMARY KEY (conversation_key=? AND seq>? AND seq<?)

-- messages.remembered.named
SELECT
  "messages"."sender_user_id", "messages"."client_message_id", "messages"."seq",
  "messages"."send_time", "messages"."payload_type", "messages"."content",
  COALESCE("recognised_until", "send_time" + ?) AS "recognised_until"
FROM "messages"
WHERE
  "messages"."conversation_key" = ?
  AND "messages"."seq" >= ?
  AND "messages"."seq" <= ?
  AND "messages"."client_message_id" IS NOT NULL
  AND COALESCE("recognised_until", "send_time" + ?) >= ?;
-- SEARCH messages USING PRIMARY KEY (conversation_key=? AND seq>? AND seq<?)

-- messages.remembered.remember
INSERT INTO erased_messages (conversation_key, sender_user_id, client_message_id, seq, send_time, fingerprint, recognised_until)
SELECT $1, sender_user_id, client_message_id, seq, send_time, fingerprint, recognised_until
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS sender_user_id, r.value ->> 1 AS client_message_id,
    r.value ->> 2 AS seq, r.value ->> 3 AS send_time, r.value ->> 4 AS fingerprint,
    r.value ->> 5 AS recognised_until
  FROM jsonb_each($2) AS r
) AS i
WHERE TRUE
ON CONFLICT (conversation_key, sender_user_id, client_message_id) DO NOTHING;
-- SCAN r VIRTUAL TABLE INDEX 1:

-- settings.custom_data.apply
UPDATE members AS m SET
  custom_data = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.custom_data ELSE m.custom_data END,
  changed_by = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, unhex(r.value ->> 3) AS custom_data
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.custom_data.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END)
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, unhex(r.value ->> 3) AS custom_data
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- settings.mark.apply
UPDATE members AS m SET
  marks = CASE
    WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN ((m.marks | i.added) & ~ i.removed)
    ELSE m.marks
  END,
  changed_by = CASE WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS added, r.value ->> 4 AS removed
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.mark.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0]'
        ELSE json_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END, m.marks)
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS added, r.value ->> 4 AS removed
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- settings.mute.apply
UPDATE members AS m SET
  muted = CASE WHEN m.muted <> i.muted THEN i.muted ELSE m.muted END,
  changed_by = CASE WHEN m.muted <> i.muted THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS muted
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.mute.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END)
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS muted
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- settings.pin.apply
UPDATE members AS m SET
  pinned_at = CASE
    WHEN m.pinned_at IS NULL
    AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.hidden_through
    AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.joined_after
    AND m.stays_away = 0 THEN i.revision
    ELSE m.pinned_at
  END,
  changed_by = CASE
    WHEN m.pinned_at IS NULL
    AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.hidden_through
    AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.joined_after
    AND m.stays_away = 0 THEN i.revision
    ELSE m.changed_by
  END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.pin.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN NOT (
              (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.hidden_through
              AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.joined_after
              AND m.stays_away = 0
            ) THEN 4
            ELSE 2
          END
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- settings.read.apply
UPDATE members AS m SET
  read_through = CASE
    WHEN (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > MAX(m.read_through, m.joined_after) THEN (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END)
    ELSE m.read_through
  END,
  read_by = CASE
    WHEN (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > MAX(m.read_through, m.joined_after) THEN i.revision
    ELSE m.read_by
  END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.read.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0]'
        ELSE json_array(CASE WHEN m.read_by = i.revision THEN 1 ELSE 2 END, m.read_through)
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- settings.unpin.apply
UPDATE members AS m SET
  pinned_at = CASE WHEN m.pinned_at IS NOT NULL THEN NULL ELSE m.pinned_at END,
  changed_by = CASE WHEN m.pinned_at IS NOT NULL THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($1) AS r
  ) AS i
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?)
-- USE TEMP B-TREE FOR ORDER BY

-- settings.unpin.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM (
  SELECT
    r.key AS ord, r.value ->> 0 AS user_id, unhex(r.value ->> 1) AS request_id,
    unhex(r.value ->> 2) AS request_digest, r.value ->> 3 AS client_id, r.value ->> 4 AS kind,
    r.value ->> 5 AS changed_at, r.value ->> 6 AS synced, r.value ->> 7 AS restorable_until,
    r.value ->> 8 AS erasable_from, r.value ->> 9 AS unlists, r.value ->> 10 AS undoes,
    r.value ->> 11 AS conversations, r.value ->> 12 AS detail, r.value ->> 13 AS caller,
    r.value ->> 14 AS kept_until, r.value ->> 15 AS revision
  FROM jsonb_each($1) AS r
) AS q LEFT JOIN (
  SELECT i.user_id, json_group_array(
    json(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN NOT (
              (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.hidden_through
              AND (CASE WHEN m.left_at < i.position THEN m.left_at ELSE i.position END) > m.joined_after
              AND m.stays_away = 0
            ) THEN 4
            ELSE 2
          END
        )
      END
    )
    ORDER BY i.ord
  ) AS results
  FROM (
    SELECT
      r.key AS ord, r.value ->> 0 AS revision, r.value ->> 1 AS user_id,
      unhex(r.value ->> 2) AS conversation_key, r.value ->> 3 AS position
    FROM jsonb_each($2) AS r
  ) AS i LEFT JOIN members AS m ON m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  GROUP BY i.user_id
) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;
-- MATERIALIZE r
--   SCAN r VIRTUAL TABLE INDEX 1:
--   SEARCH m USING PRIMARY KEY (user_id=? AND conversation_key=?) LEFT-JOIN
--   USE TEMP B-TREE FOR GROUP BY
--   USE TEMP B-TREE FOR json_group_array(ORDER BY)
-- SCAN r VIRTUAL TABLE INDEX 1:
-- BLOOM FILTER ON r (user_id=?)
-- SEARCH r USING AUTOMATIC COVERING INDEX (user_id=?) LEFT-JOIN

-- time.forget
DELETE FROM "machine_clock";

-- time.keep
INSERT INTO "machine_clock" ("boot_id", "wall_ahead")
VALUES (?, ?);

-- time.known
SELECT "machine_clock"."wall_ahead"
FROM "machine_clock"
WHERE "machine_clock"."boot_id" = ?;
-- SEARCH machine_clock USING PRIMARY KEY (boot_id=?)

-- users.begin
INSERT INTO incarnations (base, began_at)
SELECT
  MAX(
    $1, (SELECT COALESCE(MAX(revision), 0) FROM users) + 1,
    (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  ),
  $1
RETURNING base;
-- SCAN CONSTANT ROW
-- SCALAR SUBQUERY 1
--   SEARCH users USING PRIMARY KEY
-- SCALAR SUBQUERY 2
--   SEARCH incarnations USING PRIMARY KEY

-- users.known
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;
-- CO-ROUTINE me
--   SCAN CONSTANT ROW
-- SCAN me
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 1
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 2
--   SEARCH incarnations USING PRIMARY KEY

-- users.lock
UPDATE "users" SET "revision" = "revision"
WHERE "users"."user_id" = ?;
-- SEARCH users USING PRIMARY KEY (user_id=?)

-- users.revisions
SELECT
  i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  MAX(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision
FROM
  (SELECT r.key AS ord, r.value ->> 0 AS user_id FROM jsonb_each($1) AS r) AS i
  LEFT JOIN users AS u ON u.user_id = i.user_id;
-- SCAN r VIRTUAL TABLE INDEX 1:
-- SEARCH u USING PRIMARY KEY (user_id=?) LEFT-JOIN
-- SCALAR SUBQUERY 1
--   SEARCH incarnations USING PRIMARY KEY
-- SCALAR SUBQUERY 2
--   SEARCH incarnations USING PRIMARY KEY
