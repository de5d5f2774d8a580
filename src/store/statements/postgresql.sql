-- The statements that the service runs on PostgreSQL.

-- changes.earlier
SELECT
  c.user_id, c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results,
  c.detail
FROM
  unnest($1::text[] COLLATE "C", $2::bytea[]) WITH ORDINALITY AS q(user_id, request_id, ord)
  CROSS JOIN changes AS c
WHERE c.user_id = q.user_id AND c.request_id = q.request_id;

-- changes.pins
SELECT COUNT(*) AS pins, COUNT(CASE WHEN changed_by = $2 THEN 1 END) AS new_pins
FROM members
WHERE user_id = $1 AND pinned_at IS NOT NULL;

-- changes.raise
INSERT INTO users (user_id, revision)
SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
FROM unnest($1::text[] COLLATE "C", $2::bytea[]) WITH ORDINALITY AS q(user_id, request_id, ord)
WHERE
  NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
ORDER BY q.user_id
ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
RETURNING user_id, revision;

-- changes.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- changes.unpin
UPDATE members SET pinned_at = NULL
WHERE
  user_id = $1
  AND pinned_at IS NOT NULL
  AND conversation_key IN (
    SELECT conversation_key
    FROM (
      SELECT m.conversation_key, ROW_NUMBER() OVER (ORDER BY i.ord) AS place
      FROM members AS m CROSS JOIN unnest($4::bytea[]) WITH ORDINALITY AS i(conversation_key, ord)
      WHERE
        m.user_id = $1
        AND m.pinned_at IS NOT NULL
        AND m.changed_by = $2
        AND i.conversation_key = m.conversation_key
    ) AS new_pins
    WHERE place > $3
  );

-- deletions.delete.alone
WITH input AS (
  SELECT *
  FROM
    unnest($16::bytea[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[])
    WITH ORDINALITY AS i(conversation_key, head, hide_through, clear_through, stays_away, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
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
          reach.*, hide > GREATEST(m.hidden_through, m.joined_after) AS hides,
          clear > GREATEST(m.cleared_through, m.joined_after) AS clears,
          CASE
            WHEN i.stays_away IS NULL
            OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
            WHEN m.stays_away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after) THEN 0
            ELSE i.stays_away
          END AS away
        FROM (
          SELECT
            LEAST(m.left_at, i.hide_through) AS hide, LEAST(m.left_at, i.clear_through) AS clear,
            LEAST(m.left_at, i.head) AS last
        ) AS reach
      ) AS hiding
    ) AS rule
  )
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, (
    SELECT json_build_array(
      CASE
        WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
        WHEN last <= hidden_before OR last <= m.joined_after THEN 2
        WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
        WHEN LEAST(m.left_at, GREATEST(i.hide_through, i.clear_through)) < last THEN 3
        ELSE 1
      END,
      m.hidden_through, m.cleared_through, CASE WHEN took THEN 1 ELSE 0 END,
      CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
      CASE WHEN took THEN m.prev_hidden_through END, CASE WHEN took THEN m.prev_cleared_through END,
      CASE WHEN took THEN m.prev_pinned_at END, CASE WHEN took THEN m.prev_taken_by END,
      m.stays_away, CASE WHEN took THEN m.prev_stays_away END
    )
    FROM (
      SELECT
        LEAST(m.left_at, i.head) AS last, m.taken_by = i.revision AS took,
        CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before
    ) AS stood
  ) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(
    json_agg(COALESCE(a.result, '[4, 0, 0, 0, 0, null, null, null, null, 0, null]') ORDER BY i.ord)::text,
    '[]'
  )
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

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
        reach.*, hide > GREATEST(m.hidden_through, m.joined_after) AS hides,
        clear > GREATEST(m.cleared_through, m.joined_after) AS clears,
        CASE
          WHEN i.stays_away IS NULL
          OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
          WHEN m.stays_away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after) THEN 0
          ELSE i.stays_away
        END AS away
      FROM (
        SELECT
          LEAST(m.left_at, i.hide_through) AS hide, LEAST(m.left_at, i.clear_through) AS clear,
          LEAST(m.left_at, i.head) AS last
      ) AS reach
    ) AS hiding
  ) AS rule
)
FROM (
  SELECT *
  FROM
    unnest(
      $1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[]
    )
    WITH ORDINALITY AS i(revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- deletions.delete.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_build_array(
            CASE
              WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
              WHEN last <= hidden_before OR last <= m.joined_after THEN 2
              WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
              WHEN LEAST(m.left_at, GREATEST(i.hide_through, i.clear_through)) < last THEN 3
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
              LEAST(m.left_at, i.head) AS last, m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before
          ) AS stood
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest(
        $17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[], $21::bigint[],
        $22::bigint[], $23::bigint[]
      )
      WITH ORDINALITY AS i(revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- deletions.delete.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, head, hide_through, clear_through, stays_away, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
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
          reach.*, hide > GREATEST(m.hidden_through, m.joined_after) AS hides,
          clear > GREATEST(m.cleared_through, m.joined_after) AS clears,
          CASE
            WHEN i.stays_away IS NULL
            OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
            WHEN m.stays_away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after) THEN 0
            ELSE i.stays_away
          END AS away
        FROM (
          SELECT
            LEAST(m.left_at, i.hide_through) AS hide, LEAST(m.left_at, i.clear_through) AS clear,
            LEAST(m.left_at, i.head) AS last
        ) AS reach
      ) AS hiding
    ) AS rule
  )
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, (
    SELECT json_build_array(
      CASE
        WHEN m.appeared_before = 0 AND last <= m.joined_after THEN 4
        WHEN last <= hidden_before OR last <= m.joined_after THEN 2
        WHEN m.prev_stays_away = 1 AND (m.stays_away = 1 OR last <= m.hidden_through) THEN 2
        WHEN LEAST(m.left_at, GREATEST(i.hide_through, i.clear_through)) < last THEN 3
        ELSE 1
      END,
      m.hidden_through, m.cleared_through, CASE WHEN took THEN 1 ELSE 0 END,
      CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
      CASE WHEN took THEN m.prev_hidden_through END, CASE WHEN took THEN m.prev_cleared_through END,
      CASE WHEN took THEN m.prev_pinned_at END, CASE WHEN took THEN m.prev_taken_by END,
      m.stays_away, CASE WHEN took THEN m.prev_stays_away END
    )
    FROM (
      SELECT
        LEAST(m.left_at, i.head) AS last, m.taken_by = i.revision AS took,
        CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before
    ) AS stood
  ) AS result
),
made AS (
  SELECT
    i.user_id,
    json_agg(COALESCE(a.result, '[4, 0, 0, 0, 0, null, null, null, null, 0, null]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

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
        AND hide > GREATEST(m.hidden_through, m.joined_after) AS hides, as_planned
        AND clear > GREATEST(m.cleared_through, m.joined_after) AS clears,
        CASE
          WHEN NOT as_planned
          OR i.stays_away IS NULL
          OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
          WHEN m.stays_away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after) THEN 0
          ELSE i.stays_away
        END AS away
      FROM (
        SELECT
          LEAST(m.left_at, i.hide_through) AS hide, LEAST(m.left_at, i.clear_through) AS clear,
          LEAST(m.left_at, i.head) AS last, (
            i.planned_at IS NULL
            OR (
              COALESCE(m.last_seq, LEAST(m.left_at, i.head)) = i.hide_through
              AND COALESCE(m.changed_by, 0) <= i.planned_at
            )
          ) AS as_planned
      ) AS reach
    ) AS hiding
  ) AS rule
)
FROM (
  SELECT *
  FROM unnest(
    $1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[]
  ) WITH ORDINALITY AS i(
    revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, filed,
    planned_at, ord
  )
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- deletions.delete_in_steps.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_build_array(
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
              WHEN LEAST(m.left_at, GREATEST(i.hide_through, i.clear_through)) < last THEN 3
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
              LEAST(m.left_at, i.head) AS last, m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before,
              (
                i.planned_at IS NULL
                OR (
                  COALESCE(m.last_seq, LEAST(m.left_at, i.head)) = i.hide_through
                  AND COALESCE(m.changed_by, 0) <= i.planned_at
                )
              ) AS as_planned
          ) AS stood
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest(
        $17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[], $21::bigint[],
        $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[]
      ) WITH ORDINALITY AS i(
        revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, filed,
        planned_at, ord
      )
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

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
        AND NOT (away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after))
        AND (m.muted <> 0 OR m.marks <> 0 OR m.custom_data IS NOT NULL OR i.filed = 1) AS forgets
      FROM (
        SELECT
          reach.*, as_planned
          AND hide > GREATEST(m.hidden_through, m.joined_after) AS hides, as_planned
          AND clear > GREATEST(m.cleared_through, m.joined_after) AS clears,
          CASE
            WHEN NOT as_planned
            OR i.stays_away IS NULL
            OR (m.appeared_before = 0 AND last <= m.joined_after) THEN m.stays_away
            WHEN m.stays_away = 0 AND last > GREATEST(m.hidden_through, hide, m.joined_after) THEN 0
            ELSE i.stays_away
          END AS away
        FROM (
          SELECT
            LEAST(m.left_at, i.hide_through) AS hide, LEAST(m.left_at, i.clear_through) AS clear,
            LEAST(m.left_at, i.head) AS last, (
              i.planned_at IS NULL
              OR (
                COALESCE(m.last_seq, LEAST(m.left_at, i.head)) = i.hide_through
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
  FROM unnest(
    $1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[]
  ) WITH ORDINALITY AS i(
    revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, filed,
    planned_at, ord
  )
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- deletions.forget.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[4, 0, 0, 0, 0, null, null, null, null, 0, null]'
        ELSE (
          SELECT json_build_array(
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
              WHEN LEAST(m.left_at, GREATEST(i.hide_through, i.clear_through)) < last THEN 3
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
              LEAST(m.left_at, i.head) AS last, m.taken_by = i.revision AS took,
              CASE WHEN m.taken_by = i.revision THEN m.prev_hidden_through ELSE m.hidden_through END AS hidden_before,
              (
                i.planned_at IS NULL
                OR (
                  COALESCE(m.last_seq, LEAST(m.left_at, i.head)) = i.hide_through
                  AND COALESCE(m.changed_by, 0) <= i.planned_at
                )
              ) AS as_planned
          ) AS stood
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest(
        $17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[], $21::bigint[],
        $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[]
      ) WITH ORDINALITY AS i(
        revision, user_id, conversation_key, head, hide_through, clear_through, stays_away, filed,
        planned_at, ord
      )
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- deletions.forgetting.refile
INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
SELECT $1, i.folder_id, i.conversation_key, i.added_by, i.place
FROM
  unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])
  WITH ORDINALITY AS i(conversation_key, folder_id, added_by, place, ord)
WHERE (
  SELECT m.taken_by = $2 AND m.taken_by > COALESCE(m.undo_ended, 0)
  FROM members AS m
  WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key
) IS TRUE AND EXISTS (SELECT 1 FROM folders AS d WHERE d.user_id = $1 AND d.folder_id = i.folder_id)
ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING;

-- deletions.forgetting.settings
SELECT m.conversation_key, m.muted, m.marks, m.custom_data, (
  SELECT COALESCE(json_agg(json_build_array(f.folder_id, f.added_by, f.ord) ORDER BY f.ord)::text, '[]')
  FROM folder_conversations AS f
  WHERE f.user_id = m.user_id AND f.conversation_key = m.conversation_key
) AS filed
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- deletions.forgetting.unfile
DELETE FROM folder_conversations
WHERE
  user_id = $1
  AND conversation_key IN (SELECT i.conversation_key FROM unnest($2::bytea[])
  WITH ORDINALITY AS i(conversation_key, ord));

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
FROM
  unnest($2::bytea[], $3::bigint[], $4::bigint[])
  WITH ORDINALITY AS i(conversation_key, deletion, recorded, ord)
  CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- deletions.restore.alone
WITH input AS (
  SELECT *
  FROM unnest(
    $16::bytea[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[],
    $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bytea[]
  ) WITH ORDINALITY AS i(
    conversation_key, deletion, recorded, hidden_before, cleared_before, pinned_before,
    taken_before, away_before, head, muted_before, marks_before, data_before, ord
  )
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE
    NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
    AND (SELECT COUNT(*) FROM members WHERE user_id = $1 AND pinned_at IS NOT NULL) + (SELECT COUNT(*) FROM input) <= $28
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  WHERE users.revision = (SELECT revision FROM users WHERE user_id = $1)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
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
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, (
    SELECT json_build_array(
      CASE WHEN i.deletion IS NULL THEN 3 WHEN is_back THEN 1 ELSE 2 END, m.hidden_through,
      m.cleared_through, CASE WHEN is_back THEN 1 ELSE 0 END,
      CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END,
      CASE WHEN m.changed_by = i.revision AND m.pinned_at IS NULL THEN 1 ELSE 0 END, m.stays_away
    )
    FROM (
      SELECT
        i.deletion > COALESCE(m.taken_by, 0)
        AND i.deletion > COALESCE(m.undo_ended, CASE WHEN i.recorded = 1 THEN 0 ELSE i.deletion END) AS is_back
    ) AS stands
  ) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3, 0, 0, 0, 0, 0, 0]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

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
  FROM unnest(
    $1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
    $13::bigint[], $14::bytea[]
  ) WITH ORDINALITY AS i(
    revision, user_id, conversation_key, deletion, recorded, hidden_before, cleared_before,
    pinned_before, taken_before, away_before, head, muted_before, marks_before, data_before, ord
  )
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- deletions.restore.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0, 0, 0, 0, 0, 0]'
        ELSE (
          SELECT json_build_array(
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
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest(
        $17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[], $21::bigint[],
        $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[],
        $28::bigint[], $29::bigint[], $30::bytea[]
      ) WITH ORDINALITY AS i(
        revision, user_id, conversation_key, deletion, recorded, hidden_before, cleared_before,
        pinned_before, taken_before, away_before, head, muted_before, marks_before, data_before, ord
      )
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- deletions.show.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bigint[]) WITH ORDINALITY AS i(conversation_key, head, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    (hidden_through, read_through, stays_away, unlisted_through, changed_by) = (
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
        SELECT last, last > m.joined_after
          AND (m.stays_away = 1 OR last <= m.hidden_through) AS shows
        FROM (SELECT COALESCE(m.last_seq, i.head) AS last) AS reach
      ) AS rule
    )
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(
    CASE
      WHEN m.changed_by = i.revision THEN 1
      WHEN COALESCE(m.last_seq, i.head) <= m.joined_after THEN 3
      ELSE 2
    END,
    m.hidden_through, m.cleared_through, m.read_through
  ) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3, 0, 0, 0]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

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
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, head, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- deletions.show.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0, 0, 0]'
        ELSE json_build_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN COALESCE(m.last_seq, i.head) <= m.joined_after THEN 3
            ELSE 2
          END,
          m.hidden_through, m.cleared_through, m.read_through
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, head, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- deletions.show.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, head, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    (hidden_through, read_through, stays_away, unlisted_through, changed_by) = (
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
        SELECT last, last > m.joined_after
          AND (m.stays_away = 1 OR last <= m.hidden_through) AS shows
        FROM (SELECT COALESCE(m.last_seq, i.head) AS last) AS reach
      ) AS rule
    )
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(
    CASE
      WHEN m.changed_by = i.revision THEN 1
      WHEN COALESCE(m.last_seq, i.head) <= m.joined_after THEN 3
      ELSE 2
    END,
    m.hidden_through, m.cleared_through, m.read_through
  ) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3, 0, 0, 0]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- erasure.backlog.due.0
SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest
FROM (SELECT erasable_from FROM changes WHERE erasable_from <= $1 ORDER BY erasable_from LIMIT 10000) AS waiting;

-- erasure.backlog.due.1
SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest
FROM (
  SELECT erasable_from
  FROM conversations
  WHERE erasable_from <= $1
  ORDER BY erasable_from
  LIMIT 10000
) AS waiting;

-- erasure.claim_changes
UPDATE changes SET erasable_from = $1
FROM
  unnest($2::text[] COLLATE "C", $3::bigint[], $4::bigint[])
  WITH ORDINALITY AS i(user_id, revision, due, ord)
WHERE
  changes.user_id = i.user_id
  AND changes.revision = i.revision
  AND changes.erasable_from IS NOT DISTINCT FROM i.due
RETURNING changes.user_id, changes.revision;

-- erasure.claim_conversations
UPDATE conversations SET erasable_from = $1
FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS i(conversation_key, due, ord)
WHERE
  conversations.conversation_key = i.conversation_key
  AND conversations.erasable_from IS NOT DISTINCT FROM i.due
RETURNING conversations.conversation_key;

-- erasure.due_changes
SELECT
  user_id, erasable_from, revision, request_digest, kind, restorable_until, conversations, results,
  detail
FROM changes
WHERE erasable_from >= $1 AND erasable_from <= $2
ORDER BY erasable_from
LIMIT 100;

-- erasure.due_conversations
SELECT conversation_key, erasable_from
FROM conversations
WHERE erasable_from >= $1 AND erasable_from <= $2
ORDER BY erasable_from
LIMIT 16;

-- erasure.erase.erase
DELETE FROM "messages"
WHERE "messages"."conversation_key" = $1 AND "messages"."seq" >= $2 AND "messages"."seq" <= $3;

-- erasure.erase.oldest
SELECT MIN("messages"."seq") AS "seq"
FROM "messages"
WHERE "messages"."conversation_key" = $1 AND "messages"."seq" > $2 AND "messages"."seq" <= $3;

-- erasure.finish_changes
UPDATE changes AS c SET erasable_from = NULL
FROM unnest($2::text[] COLLATE "C", $3::bigint[]) WITH ORDINALITY AS i(user_id, revision, ord)
WHERE c.user_id = i.user_id AND c.revision = i.revision AND c.erasable_from = $1;

-- erasure.finish_conversation
UPDATE "conversations" SET "erasable_from" = NULL
WHERE "conversations"."conversation_key" = $1 AND "conversations"."erasable_from" = $2;

-- erasure.pass_on
UPDATE conversations AS c SET erasable_from = i.due
FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS i(conversation_key, due, ord)
WHERE c.conversation_key = i.conversation_key AND (c.erasable_from IS NULL OR c.erasable_from > i.due);

-- erasure.trim.changes.due
SELECT kept_until AS time, user_id, revision
FROM changes
WHERE (kept_until, user_id, revision) > ($2, $3, $4) AND kept_until < $1 AND erasable_from IS NULL
ORDER BY kept_until, user_id, revision
LIMIT 200;

-- erasure.trim.changes.remove
DELETE FROM changes
WHERE (user_id, revision) IN (
  SELECT i.user_id, i.revision
  FROM unnest($1::text[] COLLATE "C", $2::bigint[]) WITH ORDINALITY AS i(user_id, revision, ord)
);

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

-- erasure.trim.changes_without_promise.remove
DELETE FROM changes
WHERE (user_id, revision) IN (
  SELECT i.user_id, i.revision
  FROM unnest($1::text[] COLLATE "C", $2::bigint[]) WITH ORDINALITY AS i(user_id, revision, ord)
);

-- erasure.trim.erased_messages.due
SELECT recognised_until AS time, conversation_key, sender_user_id, client_message_id
FROM erased_messages
WHERE recognised_until >= $2 AND recognised_until < $1
ORDER BY recognised_until
LIMIT 200;

-- erasure.trim.erased_messages.remove
DELETE FROM erased_messages
WHERE (conversation_key, sender_user_id, client_message_id) IN (
  SELECT i.conversation_key, i.sender_user_id, i.client_message_id
  FROM
    unnest($1::bytea[], $2::text[] COLLATE "C", $3::text[] COLLATE "C")
    WITH ORDINALITY AS i(conversation_key, sender_user_id, client_message_id, ord)
);

-- erasure.trim.group_requests.due
SELECT kept_until AS time, conversation_key, request_id
FROM group_requests
WHERE kept_until >= $2 AND kept_until < $1
ORDER BY kept_until
LIMIT 200;

-- erasure.trim.group_requests.remove
DELETE FROM group_requests
WHERE (conversation_key, request_id) IN (
  SELECT i.conversation_key, i.request_id
  FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS i(conversation_key, request_id, ord)
);

-- erasure.undo.end
UPDATE members AS m SET
  undo_ended = i.ended, taken_by = CASE WHEN m.taken_by > i.ended THEN m.taken_by END,
  kept_after = CASE WHEN i.cleared < m.cleared_through THEN i.cleared END
FROM
  unnest($2::bytea[], $3::bigint[], $4::bigint[])
  WITH ORDINALITY AS i(conversation_key, ended, cleared, ord)
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- erasure.undo.records
SELECT c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results, c.detail
FROM unnest($2::bigint[]) WITH ORDINALITY AS i(revision, ord) CROSS JOIN changes AS c
WHERE c.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND c.revision = i.revision;

-- erasure.undo.stacks
SELECT m.conversation_key, m.taken_by, m.undo_ended, m.cleared_through
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- erasure.unlisting.deletions
SELECT user_id, revision, request_digest, kind, restorable_until, conversations, results, detail
FROM changes
WHERE unlists IS NOT NULL AND (user_id, revision) > ($1, $2)
ORDER BY user_id, revision
LIMIT 100;

-- erasure.unlisting.done
UPDATE "changes" SET "unlists" = NULL
WHERE "changes"."user_id" = $1 AND "changes"."revision" = $2;

-- erasure.unlisting.unlist
UPDATE members AS m SET unlisted_through = m.last_seq
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord)
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND CASE
    WHEN m.last_seq > m.unlisted_through
    AND NOT (m.last_seq > m.hidden_through AND m.last_seq > m.joined_after AND m.stays_away = 0) THEN TRUE
    ELSE FALSE
  END;

-- erasure.views.members
SELECT g.user_id
FROM group_members AS g
WHERE g.conversation_key = $1 AND g.user_id > $2
ORDER BY g.user_id
LIMIT 1000;

-- erasure.views.views
WITH views AS (
  SELECT
    conversation_key,
    CASE WHEN joined_after > readable_after THEN joined_after ELSE readable_after END AS lower_end,
    upper_end
  FROM (
    SELECT
      m.conversation_key, m.joined_after, LEAST(
        m.cleared_through, COALESCE(m.kept_after, m.cleared_through),
        CASE
          WHEN m.taken_by > COALESCE(m.undo_ended, 0) THEN COALESCE(m.prev_cleared_through, m.cleared_through)
          ELSE m.cleared_through
        END
      ) AS readable_after,
      CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END AS upper_end
    FROM
      unnest($1::text[] COLLATE "C", $2::bytea[], $3::bigint[])
      WITH ORDINALITY AS i(user_id, conversation_key, head, ord)
      CROSS JOIN members AS m
    WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  ) AS bounds
)
SELECT conversation_key, lower_end, MAX(upper_end) AS upper_end
FROM views
WHERE upper_end > lower_end
GROUP BY conversation_key, lower_end;

-- events
SELECT
  revision, request_digest, kind, restorable_until, conversations, results, detail, client_id,
  changed_at, synced, undoes
FROM changes
WHERE user_id = $1 AND revision > $2
ORDER BY revision
LIMIT $3 + 0;

-- folders.add
INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
SELECT $1, $2, i.conversation_key, $3, i.ord
FROM unnest($4::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key
ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING
RETURNING conversation_key;

-- folders.all
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
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

-- folders.counts
SELECT
  (SELECT COUNT(*) FROM folders WHERE user_id = $1) AS folders,
  (SELECT COUNT(*) FROM folder_conversations WHERE user_id = $1) AS conversations;

-- folders.create
INSERT INTO "folders" ("user_id", "folder_id", "name")
VALUES ($1, $2, $3);

-- folders.delete
DELETE FROM "folders"
WHERE "folders"."user_id" = $1 AND "folders"."folder_id" = $2;

-- folders.empty
DELETE FROM "folder_conversations"
WHERE "folder_conversations"."user_id" = $1 AND "folder_conversations"."folder_id" = $2
RETURNING "conversation_key";

-- folders.find
SELECT "folders"."folder_id"
FROM "folders"
WHERE "folders"."user_id" = $1 AND "folders"."name" = $2;

-- folders.remove
DELETE FROM folder_conversations
WHERE
  user_id = $1
  AND folder_id = $2
  AND conversation_key IN (SELECT i.conversation_key FROM unnest($3::bytea[])
  WITH ORDINALITY AS i(conversation_key, ord))
RETURNING conversation_key;

-- folders.rename
UPDATE "folders" SET "name" = $1
WHERE "folders"."user_id" = $2 AND "folders"."folder_id" = $3;

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

-- folders.touch
UPDATE members AS m SET changed_by = $2
FROM unnest($3::bytea[]) WITH ORDINALITY AS i(conversation_key, ord)
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- groups.earlier
SELECT "group_requests"."request_digest", "group_requests"."changed_count"
FROM "group_requests"
WHERE "group_requests"."conversation_key" = $1 AND "group_requests"."request_id" = $2;

-- groups.forget_copies
INSERT INTO members (user_id, conversation_key, kind)
SELECT i.user_id, $1, 2
FROM unnest($2::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET last_seq = NULL, last_time = NULL;

-- groups.join.apply
INSERT INTO members (
  user_id, conversation_key, kind, joined_after, hidden_through, cleared_through, last_seq,
  last_time, undo_ended
)
SELECT i.user_id, $1, 2, $2, $2, $2, $3, $4, i.revision
FROM unnest($5::text[] COLLATE "C", $6::bigint[]) WITH ORDINALITY AS i(user_id, revision, ord)
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  appeared_before = CASE WHEN members.left_at > members.joined_after THEN 1 ELSE members.appeared_before END,
  joined_after = excluded.joined_after, left_at = NULL, hidden_through = excluded.hidden_through,
  cleared_through = excluded.cleared_through, last_seq = excluded.last_seq,
  last_time = excluded.last_time, pinned_at = NULL, taken_by = NULL, kept_after = NULL,
  undo_ended = excluded.undo_ended
RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away;

-- groups.join.at_once
WITH raised AS (
  INSERT INTO users (user_id, revision)
  SELECT i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM unnest($5::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
  WHERE TRUE
  ORDER BY i.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
applied AS (
  INSERT INTO members (
    user_id, conversation_key, kind, joined_after, hidden_through, cleared_through, last_seq,
    last_time, undo_ended
  )
  SELECT i.user_id, $1, 2, $2, $2, $2, $3, $4, i.revision
  FROM raised AS i
  WHERE TRUE
  ORDER BY i.user_id
  ON CONFLICT (user_id, conversation_key) DO UPDATE SET
    appeared_before = CASE WHEN members.left_at > members.joined_after THEN 1 ELSE members.appeared_before END,
    joined_after = excluded.joined_after, left_at = NULL, hidden_through = excluded.hidden_through,
    cleared_through = excluded.cleared_through, last_seq = excluded.last_seq,
    last_time = excluded.last_time, pinned_at = NULL, taken_by = NULL, kept_after = NULL,
    undo_ended = excluded.undo_ended
  RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away
)
SELECT
  a.user_id, a.joined_after, a.hidden_through, a.cleared_through, a.pinned_at, a.appeared_before,
  a.stays_away, r.revision
FROM applied AS a JOIN raised AS r ON r.user_id = a.user_id;

-- groups.join.note
INSERT INTO group_members (conversation_key, user_id, is_member)
SELECT $1, i.user_id, 1
FROM unnest($2::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (conversation_key, user_id) DO UPDATE SET is_member = 1
WHERE group_members.is_member = 0
RETURNING user_id;

-- groups.leave.apply
INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time)
SELECT i.user_id, $1, $2, $2, $3
FROM unnest($4::text[] COLLATE "C", $5::bigint[]) WITH ORDINALITY AS i(user_id, revision, ord)
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  left_at = excluded.left_at, last_seq = excluded.last_seq, last_time = excluded.last_time
RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away;

-- groups.leave.at_once
WITH raised AS (
  INSERT INTO users (user_id, revision)
  SELECT i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM unnest($4::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
  WHERE TRUE
  ORDER BY i.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
applied AS (
  INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time)
  SELECT i.user_id, $1, $2, $2, $3
  FROM raised AS i
  WHERE TRUE
  ORDER BY i.user_id
  ON CONFLICT (user_id, conversation_key) DO UPDATE SET
    left_at = excluded.left_at, last_seq = excluded.last_seq, last_time = excluded.last_time
  RETURNING user_id, joined_after, hidden_through, cleared_through, pinned_at, appeared_before, stays_away
)
SELECT
  a.user_id, a.joined_after, a.hidden_through, a.cleared_through, a.pinned_at, a.appeared_before,
  a.stays_away, r.revision
FROM applied AS a JOIN raised AS r ON r.user_id = a.user_id;

-- groups.leave.note
UPDATE group_members SET is_member = 0
WHERE conversation_key = $1 AND user_id = ANY($2::text[]) AND is_member = 1
RETURNING user_id;

-- groups.lost_sight
UPDATE "conversations" SET "erasable_from" = $1
WHERE "conversations"."conversation_key" = $2;

-- groups.make_large
UPDATE "conversations" SET "is_large" = $1
WHERE "conversations"."conversation_key" = $2;

-- groups.members_of_small
SELECT g.user_id
FROM group_members AS g
WHERE g.conversation_key = $1 AND g.is_member = 1
LIMIT 108;

-- groups.raise
INSERT INTO users (user_id, revision)
SELECT i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
FROM unnest($1::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
WHERE TRUE
ORDER BY i.user_id
ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
RETURNING user_id, revision;

-- groups.record
INSERT INTO changes (user_id, revision, kind, changed_at, kept_until, synced, conversations, results, caller)
SELECT i.user_id, i.revision, $1, $2, $3, 1, $4, i.results, $5
FROM
  unnest($6::text[] COLLATE "C", $7::bigint[], $8::text[] COLLATE "C")
  WITH ORDINALITY AS i(user_id, revision, results, ord);

-- groups.remember
INSERT INTO
  "group_requests" ("conversation_key", "request_id", "request_digest", "kept_until", "changed_count")
VALUES ($1, $2, $3, $4, $5);

-- heads.heads
SELECT c.conversation_key, c.canonical_id, c.last_seq, c.last_time, c.is_large
FROM unnest($1::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN conversations AS c
WHERE c.conversation_key = i.conversation_key;

-- heads.lock
UPDATE "conversations" SET "last_seq" = "last_seq"
WHERE "conversations"."conversation_key" = $1;

-- heads.lock_group
UPDATE "conversations" SET "membership_changes" = "conversations"."membership_changes" + $1
WHERE "conversations"."conversation_key" = $2
RETURNING "conversation_key", "canonical_id", "last_seq", "last_time", "is_large";

-- heads.lock_or_create_group
INSERT INTO
  "conversations" ("conversation_key", "canonical_id", "last_seq", "last_time", "membership_changes")
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ("conversation_key") DO UPDATE SET
  "membership_changes" = "conversations"."membership_changes" + $6
RETURNING "conversation_key", "canonical_id", "last_seq", "last_time", "is_large";

-- heads.positions
SELECT json_agg(CASE WHEN c.canonical_id <> i.canonical_id THEN -1 ELSE COALESCE(c.last_seq, 0) END ORDER BY i.ord)::text AS positions
FROM
  unnest($1::bytea[], $2::text[] COLLATE "C")
  WITH ORDINALITY AS i(conversation_key, canonical_id, ord)
  LEFT JOIN conversations AS c ON c.conversation_key = i.conversation_key;

-- lists.hidden.page
WITH without_copy AS (
  SELECT m.*
  FROM members AS m
  WHERE
    m.user_id = $1
    AND (m.last_seq IS NULL OR m.last_seq > m.unlisted_through)
    AND (m.kind & $2) <> 0
    AND m.last_time IS NULL
),
just_deleted AS (
  SELECT m.*
  FROM members AS m
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
  FROM members AS m
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
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  p.taken_by, p.undo_ended, p.conversation_key, p.joined_after, p.left_at, p.last_seq, p.last_time,
  p.hidden_through, p.cleared_through, p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks,
  p.custom_data,
  CASE
    WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
      SELECT COALESCE(json_agg(json_build_array(d.name) ORDER BY d.folder_id)::text, '[]')
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

-- lists.hidden.restorable
SELECT c.revision, c.restorable_until
FROM unnest($3::bigint[]) WITH ORDINALITY AS i(revision, ord) CROSS JOIN changes AS c
WHERE
  c.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND c.revision = i.revision
  AND c.restorable_until > $2;

-- lists.members.by_keys
SELECT
  m.conversation_key, m.joined_after, m.left_at, m.last_seq, m.last_time, m.hidden_through,
  m.cleared_through, m.read_through, m.stays_away, m.pinned_at, m.muted, m.marks, m.custom_data,
  CASE
    WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
      SELECT COALESCE(json_agg(json_build_array(d.name) ORDER BY d.folder_id)::text, '[]')
      FROM folder_conversations AS f CROSS JOIN folders AS d
      WHERE
        f.user_id = m.user_id
        AND f.conversation_key = m.conversation_key
        AND d.user_id = f.user_id
        AND d.folder_id = f.folder_id
    )
    ELSE '[]'
  END AS folders
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

-- lists.members.known
SELECT m.conversation_key
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE m.user_id = CASE WHEN i.ord >= 0 THEN $1 END AND m.conversation_key = i.conversation_key;

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
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  p.conversation_key, p.joined_after, p.left_at, p.last_seq, p.last_time, p.hidden_through,
  p.cleared_through, p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks, p.custom_data,
  CASE
    WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
      SELECT COALESCE(json_agg(json_build_array(d.name) ORDER BY d.folder_id)::text, '[]')
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
  LEFT JOIN (SELECT * FROM pinned UNION ALL SELECT * FROM without_copy UNION ALL SELECT * FROM rest) AS p ON TRUE;

-- lists.parts.part.whole
WITH chosen AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m
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
  FROM chosen AS entry
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
without_copy AS (SELECT entry.* FROM chosen AS entry WHERE entry.last_time IS NULL),
rest AS (
  SELECT entry.*
  FROM chosen AS entry
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
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  p.conversation_key, p.joined_after, p.left_at, p.last_seq, p.last_time, p.hidden_through,
  p.cleared_through, p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks, p.custom_data,
  CASE
    WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = $1) THEN (
      SELECT COALESCE(json_agg(json_build_array(d.name) ORDER BY d.folder_id)::text, '[]')
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
  LEFT JOIN (SELECT * FROM pinned UNION ALL SELECT * FROM without_copy UNION ALL SELECT * FROM rest) AS p ON TRUE;

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
      AND entry.conversation_key NOT IN (SELECT x.conversation_key FROM unnest($13::bytea[])
      WITH ORDINALITY AS x(conversation_key, ord)) THEN TRUE
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
    AND entry.conversation_key NOT IN (SELECT x.conversation_key FROM unnest($13::bytea[])
    WITH ORDINALITY AS x(conversation_key, ord))
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  (SELECT COUNT(*) FROM matching) AS matched, p.conversation_key, p.joined_after, p.left_at,
  p.last_seq, p.last_time, p.hidden_through, p.cleared_through, p.read_through, p.stays_away,
  p.pinned_at, p.muted, p.marks, p.custom_data, '[]' AS folders
FROM
  (SELECT $1 AS user_id) AS me
  LEFT JOIN users AS u ON u.user_id = me.user_id
  LEFT JOIN (SELECT * FROM oldest UNION ALL SELECT * FROM without_copy) AS p ON TRUE;

-- lists.parts.selection.whole
WITH chosen AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m
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
  FROM chosen AS entry
  WHERE
    entry.last_time IS NOT NULL
    AND CASE
      WHEN ($9 = 1 OR entry.last_seq <= entry.read_through OR entry.last_seq <= entry.cleared_through)
      AND ($10 IS NULL OR entry.last_time < $10 OR entry.last_seq <= entry.cleared_through)
      AND ($8 = 1 OR entry.pinned_at IS NULL)
      AND entry.conversation_key NOT IN (SELECT x.conversation_key FROM unnest($12::bytea[])
      WITH ORDINALITY AS x(conversation_key, ord)) THEN TRUE
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
  FROM chosen AS entry
  WHERE
    entry.last_time IS NULL
    AND ($8 = 1 OR entry.pinned_at IS NULL)
    AND entry.conversation_key NOT IN (SELECT x.conversation_key FROM unnest($12::bytea[])
    WITH ORDINALITY AS x(conversation_key, ord))
)
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision,
  (SELECT COUNT(*) FROM matching) AS matched, p.conversation_key, p.joined_after, p.left_at,
  p.last_seq, p.last_time, p.hidden_through, p.cleared_through, p.read_through, p.stays_away,
  p.pinned_at, p.muted, p.marks, p.custom_data, '[]' AS folders
FROM
  (SELECT $1 AS user_id) AS me
  LEFT JOIN users AS u ON u.user_id = me.user_id
  LEFT JOIN (SELECT * FROM oldest UNION ALL SELECT * FROM without_copy) AS p ON TRUE;

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
        CASE WHEN entry.muted = 0 THEN entry.last_seq - GREATEST(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS messages,
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 1 THEN entry.last_seq - GREATEST(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
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

-- lists.parts.unread.whole
WITH chosen AS NOT MATERIALIZED (
  SELECT m.*
  FROM members AS m
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
        CASE WHEN entry.muted = 0 THEN entry.last_seq - GREATEST(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS messages,
    CAST(COALESCE(
      SUM(
        CASE WHEN entry.muted = 1 THEN entry.last_seq - GREATEST(entry.read_through, entry.hidden_through, entry.cleared_through, entry.joined_after)
        END
      ),
      0
    ) AS bigint) AS muted_messages,
    COUNT(CASE WHEN entry.muted = 0 THEN 1 END) AS conversations
  FROM chosen AS entry
  WHERE entry.last_time IS NOT NULL
),
without_copy AS (SELECT entry.* FROM chosen AS entry WHERE entry.last_time IS NULL)
SELECT
  counted.messages, counted.muted_messages, counted.conversations, p.conversation_key,
  p.joined_after, p.left_at, p.last_seq, p.last_time, p.hidden_through, p.cleared_through,
  p.read_through, p.stays_away, p.pinned_at, p.muted, p.marks, p.custom_data, '[]' AS folders
FROM counted LEFT JOIN without_copy AS p ON TRUE;

-- log.of_request
SELECT
  "changes"."user_id", "changes"."revision", "changes"."request_digest", "changes"."kind",
  "changes"."restorable_until", "changes"."conversations", "changes"."results", "changes"."detail"
FROM "changes"
WHERE "changes"."user_id" = $1 AND "changes"."request_id" = $2;

-- log.of_revision
SELECT
  "changes"."revision", "changes"."request_digest", "changes"."kind", "changes"."restorable_until",
  "changes"."conversations", "changes"."results", "changes"."detail"
FROM "changes"
WHERE "changes"."user_id" = $1 AND "changes"."revision" = $2;

-- messages.append.arrive
INSERT INTO members (user_id, conversation_key, kind, read_through, last_seq, last_time)
SELECT i.user_id, i.conversation_key, i.kind, i.read_through, i.last_seq, i.last_time
FROM
  unnest($1::text[] COLLATE "C", $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
  WITH ORDINALITY AS i(user_id, conversation_key, kind, read_through, last_seq, last_time, ord)
WHERE TRUE
ORDER BY i.user_id, i.conversation_key
ON CONFLICT (user_id, conversation_key) DO UPDATE SET
  read_through = GREATEST(members.read_through, excluded.read_through),
  stays_away = CASE WHEN excluded.read_through > 0 THEN 0 ELSE members.stays_away END,
  unlisted_through = CASE
    WHEN members.stays_away = 1
    AND excluded.read_through = 0 THEN COALESCE(excluded.last_seq, members.unlisted_through)
    ELSE members.unlisted_through
  END,
  last_seq = excluded.last_seq, last_time = excluded.last_time;

-- messages.append.at_once
WITH input AS (
  SELECT *
  FROM unnest(
    $4::bigint[], $5::bytea[], $6::text[] COLLATE "C", $7::bigint[], $8::text[] COLLATE "C",
    $9::text[] COLLATE "C", $10::text[] COLLATE "C", $11::bytea[]
  ) WITH ORDINALITY AS i(
    number, conversation_key, canonical_id, kind, sender_user_id, client_message_id, payload_type,
    content, ord
  )
),
raised AS (
  INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
  SELECT i.conversation_key, i.canonical_id, 1, $1
  FROM input AS i
  WHERE
    NOT EXISTS (
      SELECT 1
      FROM messages AS m
      WHERE
        m.conversation_key = i.conversation_key
        AND m.sender_user_id = i.sender_user_id
        AND m.client_message_id = i.client_message_id OFFSET 0
    )
    AND NOT EXISTS (
      SELECT 1
      FROM erased_messages AS m
      WHERE
        m.conversation_key = i.conversation_key
        AND m.sender_user_id = i.sender_user_id
        AND m.client_message_id = i.client_message_id OFFSET 0
    )
    AND (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint <= $3
  ORDER BY i.conversation_key
  ON CONFLICT (conversation_key) DO UPDATE SET
    last_seq = conversations.last_seq + excluded.last_seq,
    last_time = GREATEST(conversations.last_time, excluded.last_time)
  WHERE
    conversations.canonical_id = excluded.canonical_id
    AND conversations.last_seq = (SELECT c.last_seq FROM conversations AS c WHERE c.conversation_key = excluded.conversation_key)
  RETURNING conversation_key, last_seq, last_time
),
placed AS (
  SELECT i.*, r.last_seq AS seq, r.last_time AS send_time
  FROM input AS i JOIN raised AS r USING (conversation_key)
),
stored AS (
  INSERT INTO messages (
    conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
    recognised_until
  )
  SELECT
    conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
    CASE WHEN client_message_id IS NOT NULL THEN send_time + $2 END
  FROM placed
),
arrived AS (
  INSERT INTO members (user_id, conversation_key, kind, read_through, last_seq, last_time)
  SELECT
    i.user_id, i.conversation_key, i.kind, CASE WHEN i.is_own = 1 THEN p.seq ELSE 0 END, p.seq,
    p.send_time
  FROM
    unnest($12::text[] COLLATE "C", $13::bytea[], $14::bigint[], $15::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, kind, is_own, ord)
    JOIN placed AS p USING (conversation_key)
  ORDER BY i.user_id, i.conversation_key
  ON CONFLICT (user_id, conversation_key) DO UPDATE SET
    read_through = GREATEST(members.read_through, excluded.read_through),
    stays_away = CASE WHEN excluded.read_through > 0 THEN 0 ELSE members.stays_away END,
    unlisted_through = CASE
      WHEN members.stays_away = 1
      AND excluded.read_through = 0 THEN COALESCE(excluded.last_seq, members.unlisted_through)
      ELSE members.unlisted_through
    END,
    last_seq = excluded.last_seq, last_time = excluded.last_time
)
SELECT number, seq, send_time
FROM placed;

-- messages.append.placing.erased_since
SELECT 1 AS one
FROM
  unnest($1::bigint[], $2::bytea[], $3::text[] COLLATE "C", $4::text[] COLLATE "C")
  WITH ORDINALITY AS i(number, conversation_key, sender_user_id, client_message_id, ord)
  CROSS JOIN erased_messages AS m
WHERE
  m.conversation_key = i.conversation_key
  AND m.sender_user_id = i.sender_user_id
  AND m.client_message_id = i.client_message_id
LIMIT 1;

-- messages.append.placing.members
SELECT i.conversation_key, own.user_id
FROM
  unnest($1::bytea[], $2::text[] COLLATE "C", $3::bigint[])
  WITH ORDINALITY AS i(conversation_key, sender_user_id, is_large, ord)
  CROSS JOIN LATERAL (
    SELECT g.user_id
    FROM group_members AS g
    WHERE g.conversation_key = i.conversation_key AND g.is_member = 1 OFFSET 0
  ) AS own
WHERE i.is_large = 0
UNION
SELECT i.conversation_key, own.user_id
FROM
  unnest($1::bytea[], $2::text[] COLLATE "C", $3::bigint[])
  WITH ORDINALITY AS i(conversation_key, sender_user_id, is_large, ord)
  CROSS JOIN LATERAL (
    SELECT g.user_id
    FROM group_members AS g
    WHERE
      g.conversation_key = i.conversation_key
      AND g.user_id = i.sender_user_id
      AND g.is_member = 1 OFFSET 0
  ) AS own
WHERE i.is_large = 1;

-- messages.append.placing.place
WITH input AS (
  SELECT *
  FROM unnest(
    $3::bigint[], $4::bytea[], $5::text[] COLLATE "C", $6::bigint[], $7::text[] COLLATE "C",
    $8::text[] COLLATE "C", $9::text[] COLLATE "C", $10::bytea[]
  ) WITH ORDINALITY AS i(
    number, conversation_key, canonical_id, kind, sender_user_id, client_message_id, payload_type,
    content, ord
  )
),
earlier AS (
  SELECT i.number, m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content, NULL AS fingerprint
  FROM input AS i CROSS JOIN messages AS m
  WHERE
    m.conversation_key = i.conversation_key
    AND m.sender_user_id = i.sender_user_id
    AND m.client_message_id = i.client_message_id
  UNION ALL
  SELECT i.number, m.seq, m.sender_user_id, m.send_time, NULL, NULL, m.fingerprint
  FROM input AS i CROSS JOIN erased_messages AS m
  WHERE
    m.conversation_key = i.conversation_key
    AND m.sender_user_id = i.sender_user_id
    AND m.client_message_id = i.client_message_id
),
fresh AS (
  SELECT i.*, ROW_NUMBER() OVER (PARTITION BY i.conversation_key ORDER BY i.number) AS place
  FROM input AS i
  WHERE NOT EXISTS (SELECT 1 FROM earlier AS e WHERE e.number = i.number)
),
counted AS (
  SELECT conversation_key, MIN(canonical_id) AS canonical_id, COUNT(*) AS messages
  FROM fresh
  GROUP BY conversation_key
),
raised AS (
  INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
  SELECT conversation_key, canonical_id, messages, $1
  FROM counted
  ORDER BY conversation_key
  ON CONFLICT (conversation_key) DO UPDATE SET
    last_seq = conversations.last_seq + excluded.last_seq,
    last_time = GREATEST(conversations.last_time, excluded.last_time)
  RETURNING conversation_key, canonical_id, last_seq, last_time, is_large, membership_changes
),
placed AS (
  SELECT
    f.*, r.last_seq - c.messages AS seq_before, r.last_seq - c.messages + f.place AS seq,
    f.place = c.messages AS is_last, r.last_time AS send_time, r.canonical_id AS raised_id,
    r.is_large, r.membership_changes
  FROM fresh AS f JOIN counted AS c USING (conversation_key) JOIN raised AS r USING (conversation_key)
),
stored AS (
  INSERT INTO messages (
    conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
    recognised_until
  )
  SELECT
    conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
    CASE WHEN client_message_id IS NOT NULL THEN send_time + $2 END
  FROM placed
)
SELECT
  TRUE AS is_earlier, number, seq, send_time, sender_user_id, payload_type, content, fingerprint,
  NULL AS canonical_id, NULL::smallint AS is_large, FALSE AS has_waited, FALSE AS members_changed,
  NULL AS members
FROM earlier
UNION ALL
SELECT
  FALSE, p.number, p.seq, p.send_time, NULL, NULL, NULL, NULL, p.raised_id, p.is_large,
  p.seq_before > COALESCE((SELECT c.last_seq FROM conversations AS c WHERE c.conversation_key = p.conversation_key), 0),
  p.kind = 2
  AND p.membership_changes <> COALESCE(
    (SELECT c.membership_changes FROM conversations AS c WHERE c.conversation_key = p.conversation_key),
    0
  ),
  CASE
    WHEN p.kind <> 2 THEN NULL
    WHEN p.is_large = 1 THEN (
      SELECT json_build_array(g.user_id)::text
      FROM group_members AS g
      WHERE g.conversation_key = p.conversation_key
        AND g.user_id = p.sender_user_id AND g.is_member = 1
    )
    WHEN p.is_last THEN (
      SELECT json_agg(g.user_id)::text
      FROM group_members AS g
      WHERE g.conversation_key = p.conversation_key AND g.is_member = 1
    )
  END
FROM placed AS p;

-- messages.history.newest
SELECT
  c.conversation_key, c.canonical_id, c.last_seq, m.seq, m.sender_user_id, m.send_time,
  m.payload_type, m.content
FROM
  unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS i(conversation_key, seq, ord)
  CROSS JOIN conversations AS c
  LEFT JOIN LATERAL (
    SELECT m.*
    FROM messages AS m
    WHERE m.conversation_key = c.conversation_key AND m.seq = i.seq OFFSET 0
  ) AS m ON TRUE
WHERE c.conversation_key = i.conversation_key;

-- messages.history.page
SELECT m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content
FROM messages AS m
WHERE m.conversation_key = $1 AND m.seq BETWEEN $2 AND $3
ORDER BY m.seq DESC
LIMIT $4 + 0;

-- messages.remembered.named
SELECT
  "messages"."sender_user_id", "messages"."client_message_id", "messages"."seq",
  "messages"."send_time", "messages"."payload_type", "messages"."content",
  COALESCE("recognised_until", "send_time" + $1) AS "recognised_until"
FROM "messages"
WHERE
  "messages"."conversation_key" = $2
  AND "messages"."seq" >= $3
  AND "messages"."seq" <= $4
  AND "messages"."client_message_id" IS NOT NULL
  AND COALESCE("recognised_until", "send_time" + $5) >= $6;

-- messages.remembered.remember
INSERT INTO erased_messages (conversation_key, sender_user_id, client_message_id, seq, send_time, fingerprint, recognised_until)
SELECT $1, sender_user_id, client_message_id, seq, send_time, fingerprint, recognised_until
FROM
  unnest(
    $2::text[] COLLATE "C", $3::text[] COLLATE "C", $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[]
  )
  WITH ORDINALITY AS i(sender_user_id, client_message_id, seq, send_time, fingerprint, recognised_until, ord)
WHERE TRUE
ON CONFLICT (conversation_key, sender_user_id, client_message_id) DO NOTHING;

-- settings.custom_data.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bytea[]) WITH ORDINALITY AS i(conversation_key, custom_data, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    custom_data = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.custom_data ELSE m.custom_data END,
    changed_by = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.custom_data.apply
UPDATE members AS m SET
  custom_data = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.custom_data ELSE m.custom_data END,
  changed_by = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bytea[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, custom_data, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.custom_data.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END)
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bytea[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, custom_data, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.custom_data.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bytea[])
    WITH ORDINALITY AS i(user_id, conversation_key, custom_data, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    custom_data = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.custom_data ELSE m.custom_data END,
    changed_by = CASE WHEN m.custom_data IS DISTINCT FROM i.custom_data THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.mark.alone
WITH input AS (
  SELECT *
  FROM
    unnest($16::bytea[], $17::bigint[], $18::bigint[])
    WITH ORDINALITY AS i(conversation_key, added, removed, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    marks = CASE
      WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN ((m.marks | i.added) & ~ i.removed)
      ELSE m.marks
    END,
    changed_by = CASE WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END, m.marks) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3, 0]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.mark.apply
UPDATE members AS m SET
  marks = CASE
    WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN ((m.marks | i.added) & ~ i.removed)
    ELSE m.marks
  END,
  changed_by = CASE WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[], $5::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, added, removed, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.mark.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0]'
        ELSE json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END, m.marks)
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[], $21::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, added, removed, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.mark.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[], $19::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, added, removed, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    marks = CASE
      WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN ((m.marks | i.added) & ~ i.removed)
      ELSE m.marks
    END,
    changed_by = CASE WHEN m.marks <> ((m.marks | i.added) & ~ i.removed) THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END, m.marks) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3, 0]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.mute.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bigint[]) WITH ORDINALITY AS i(conversation_key, muted, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    muted = CASE WHEN m.muted <> i.muted THEN i.muted ELSE m.muted END,
    changed_by = CASE WHEN m.muted <> i.muted THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.mute.apply
UPDATE members AS m SET
  muted = CASE WHEN m.muted <> i.muted THEN i.muted ELSE m.muted END,
  changed_by = CASE WHEN m.muted <> i.muted THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, muted, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.mute.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END)
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, muted, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.mute.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, muted, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    muted = CASE WHEN m.muted <> i.muted THEN i.muted ELSE m.muted END,
    changed_by = CASE WHEN m.muted <> i.muted THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(CASE WHEN m.changed_by = i.revision THEN 1 ELSE 2 END) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.pin.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bigint[]) WITH ORDINALITY AS i(conversation_key, position, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE
    NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
    AND (SELECT COUNT(*) FROM members WHERE user_id = $1 AND pinned_at IS NOT NULL) + (SELECT COUNT(*) FROM input) <= $18
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  WHERE users.revision = (SELECT revision FROM users WHERE user_id = $1)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    pinned_at = CASE
      WHEN m.pinned_at IS NULL
      AND LEAST(m.left_at, i.position) > m.hidden_through
      AND LEAST(m.left_at, i.position) > m.joined_after
      AND m.stays_away = 0 THEN i.revision
      ELSE m.pinned_at
    END,
    changed_by = CASE
      WHEN m.pinned_at IS NULL
      AND LEAST(m.left_at, i.position) > m.hidden_through
      AND LEAST(m.left_at, i.position) > m.joined_after
      AND m.stays_away = 0 THEN i.revision
      ELSE m.changed_by
    END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(
    CASE
      WHEN m.changed_by = i.revision THEN 1
      WHEN NOT (
        LEAST(m.left_at, i.position) > m.hidden_through
        AND LEAST(m.left_at, i.position) > m.joined_after
        AND m.stays_away = 0
      ) THEN 4
      ELSE 2
    END
  ) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.pin.apply
UPDATE members AS m SET
  pinned_at = CASE
    WHEN m.pinned_at IS NULL
    AND LEAST(m.left_at, i.position) > m.hidden_through
    AND LEAST(m.left_at, i.position) > m.joined_after
    AND m.stays_away = 0 THEN i.revision
    ELSE m.pinned_at
  END,
  changed_by = CASE
    WHEN m.pinned_at IS NULL
    AND LEAST(m.left_at, i.position) > m.hidden_through
    AND LEAST(m.left_at, i.position) > m.joined_after
    AND m.stays_away = 0 THEN i.revision
    ELSE m.changed_by
  END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.pin.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_build_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN NOT (
              LEAST(m.left_at, i.position) > m.hidden_through
              AND LEAST(m.left_at, i.position) > m.joined_after
              AND m.stays_away = 0
            ) THEN 4
            ELSE 2
          END
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.read.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bigint[]) WITH ORDINALITY AS i(conversation_key, position, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    read_through = CASE
      WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN LEAST(m.left_at, i.position)
      ELSE m.read_through
    END,
    read_by = CASE
      WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN i.revision
      ELSE m.read_by
    END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING
    i.ord,
    json_build_array(CASE WHEN m.read_by = i.revision THEN 1 ELSE 2 END, m.read_through) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3, 0]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.read.apply
UPDATE members AS m SET
  read_through = CASE
    WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN LEAST(m.left_at, i.position)
    ELSE m.read_through
  END,
  read_by = CASE
    WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN i.revision
    ELSE m.read_by
  END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.read.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3, 0]'
        ELSE json_build_array(CASE WHEN m.read_by = i.revision THEN 1 ELSE 2 END, m.read_through)
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.read.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, position, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    read_through = CASE
      WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN LEAST(m.left_at, i.position)
      ELSE m.read_through
    END,
    read_by = CASE
      WHEN LEAST(m.left_at, i.position) > GREATEST(m.read_through, m.joined_after) THEN i.revision
      ELSE m.read_by
    END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING
    i.ord,
    json_build_array(CASE WHEN m.read_by = i.revision THEN 1 ELSE 2 END, m.read_through) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3, 0]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.unpin.alone
WITH input AS (
  SELECT *
  FROM unnest($16::bytea[], $17::bigint[]) WITH ORDINALITY AS i(conversation_key, position, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT $1, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  WHERE NOT EXISTS (SELECT 1 FROM changes WHERE user_id = $1 AND request_id = $2)
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.user_id, b.revision
  FROM input AS i CROSS JOIN raised AS b
  ORDER BY i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    pinned_at = CASE WHEN m.pinned_at IS NOT NULL THEN NULL ELSE m.pinned_at END,
    changed_by = CASE WHEN m.pinned_at IS NOT NULL THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(
    CASE
      WHEN m.changed_by = i.revision THEN 1
      WHEN NOT (
        LEAST(m.left_at, i.position) > m.hidden_through
        AND LEAST(m.left_at, i.position) > m.joined_after
        AND m.stays_away = 0
      ) THEN 4
      ELSE 2
    END
  ) AS result
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, b.revision, (
  SELECT COALESCE(json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text, '[]')
  FROM input AS i LEFT JOIN applied AS a USING (ord)
)
FROM raised AS b
RETURNING user_id, revision, results;

-- settings.unpin.apply
UPDATE members AS m SET
  pinned_at = CASE WHEN m.pinned_at IS NOT NULL THEN NULL ELSE m.pinned_at END,
  changed_by = CASE WHEN m.pinned_at IS NOT NULL THEN i.revision ELSE m.changed_by END
FROM (
  SELECT *
  FROM
    unnest($1::bigint[], $2::text[] COLLATE "C", $3::bytea[], $4::bigint[])
    WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
  ORDER BY user_id, conversation_key
) AS i
WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key;

-- settings.unpin.record
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, q.revision, COALESCE(r.results, '[]')
FROM
  unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[],
    $16::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, ord
  )
  LEFT JOIN (
    SELECT i.user_id, json_agg(
      CASE
        WHEN m.user_id IS NULL THEN '[3]'
        ELSE json_build_array(
          CASE
            WHEN m.changed_by = i.revision THEN 1
            WHEN NOT (
              LEAST(m.left_at, i.position) > m.hidden_through
              AND LEAST(m.left_at, i.position) > m.joined_after
              AND m.stays_away = 0
            ) THEN 4
            ELSE 2
          END
        )
      END
      ORDER BY i.ord
    )::text AS results
    FROM
      unnest($17::bigint[], $18::text[] COLLATE "C", $19::bytea[], $20::bigint[])
      WITH ORDINALITY AS i(revision, user_id, conversation_key, position, ord)
      LEFT JOIN members AS m ON m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- settings.unpin.together
WITH asked AS (
  SELECT *
  FROM unnest(
    $1::text[] COLLATE "C", $2::bytea[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::text[] COLLATE "C", $13::text[] COLLATE "C", $14::text[] COLLATE "C", $15::bigint[]
  ) WITH ORDINALITY AS q(
    user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
    erasable_from, unlists, undoes, conversations, detail, caller, kept_until, ord
  )
),
input AS (
  SELECT *
  FROM
    unnest($16::text[] COLLATE "C", $17::bytea[], $18::bigint[])
    WITH ORDINALITY AS i(user_id, conversation_key, position, ord)
),
raised AS (
  INSERT INTO users (user_id, revision)
  SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  FROM asked AS q
  WHERE NOT EXISTS (SELECT 1 FROM changes AS c WHERE c.user_id = q.user_id AND c.request_id = q.request_id)
  ORDER BY q.user_id
  ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
  RETURNING user_id, revision
),
targets AS MATERIALIZED (
  SELECT i.*, b.revision
  FROM input AS i JOIN raised AS b ON b.user_id = i.user_id
  WHERE (SELECT COUNT(*) FROM raised) > 0
  ORDER BY i.user_id, i.conversation_key
),
applied AS (
  UPDATE members AS m SET
    pinned_at = CASE WHEN m.pinned_at IS NOT NULL THEN NULL ELSE m.pinned_at END,
    changed_by = CASE WHEN m.pinned_at IS NOT NULL THEN i.revision ELSE m.changed_by END
  FROM targets AS i
  WHERE m.user_id = i.user_id AND m.conversation_key = i.conversation_key
  RETURNING i.ord, json_build_array(
    CASE
      WHEN m.changed_by = i.revision THEN 1
      WHEN NOT (
        LEAST(m.left_at, i.position) > m.hidden_through
        AND LEAST(m.left_at, i.position) > m.joined_after
        AND m.stays_away = 0
      ) THEN 4
      ELSE 2
    END
  ) AS result
),
made AS (
  SELECT i.user_id, json_agg(COALESCE(a.result, '[3]') ORDER BY i.ord)::text AS results
  FROM input AS i LEFT JOIN applied AS a USING (ord)
  GROUP BY i.user_id
)
INSERT INTO changes (
  user_id, request_id, request_digest, client_id, kind, changed_at, synced, restorable_until,
  erasable_from, unlists, undoes, conversations, detail, caller, kept_until, revision, results
)
SELECT
  q.user_id, q.request_id, q.request_digest, q.client_id, q.kind, q.changed_at, q.synced,
  q.restorable_until, q.erasable_from, q.unlists, q.undoes, q.conversations, q.detail, q.caller,
  q.kept_until, b.revision, COALESCE(r.results, '[]')
FROM asked AS q JOIN raised AS b ON b.user_id = q.user_id LEFT JOIN made AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- time.forget
DELETE FROM "machine_clock";

-- time.keep
INSERT INTO "machine_clock" ("boot_id", "wall_ahead")
VALUES ($1, $2);

-- time.known
SELECT "machine_clock"."wall_ahead"
FROM "machine_clock"
WHERE "machine_clock"."boot_id" = $1;

-- users.begin
INSERT INTO incarnations (base, began_at)
SELECT
  GREATEST(
    $1, (SELECT COALESCE(MAX(revision), 0) FROM users) + 1,
    (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
  ),
  $1
RETURNING base;

-- users.known
SELECT
  (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision
FROM (SELECT $1 AS user_id) AS me LEFT JOIN users AS u ON u.user_id = me.user_id;

-- users.lock
UPDATE "users" SET "revision" = "revision"
WHERE "users"."user_id" = $1;

-- users.revisions
SELECT
  i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision
FROM
  unnest($1::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
  LEFT JOIN users AS u ON u.user_id = i.user_id;
