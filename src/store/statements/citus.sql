-- The statements that the service runs on Citus and not, or not in this form, on PostgreSQL.

-- changes.earlier
SELECT
  c.user_id, c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results,
  c.detail
FROM
  unnest($1::text[] COLLATE "C", $2::bytea[]) WITH ORDINALITY AS q(user_id, request_id, ord)
  CROSS JOIN changes AS c
WHERE
  c.user_id = q.user_id
  AND c.request_id = q.request_id
  AND c.user_id = ANY($1::text[] COLLATE "POSIX");

-- changes.raise
INSERT INTO users (user_id, revision)
SELECT q.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) + 1
FROM unnest($1::text[] COLLATE "C", $2::bytea[]) WITH ORDINALITY AS q(user_id, request_id, ord)
WHERE NOT EXISTS (
  SELECT 1
  FROM changes AS c
  WHERE
    c.user_id = q.user_id
    AND c.request_id = q.request_id
    AND c.user_id = ANY($1::text[] COLLATE "POSIX")
)
ORDER BY q.user_id
ON CONFLICT (user_id) DO UPDATE SET revision = GREATEST(users.revision + 1, excluded.revision)
RETURNING user_id, revision;

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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- deletions.forgetting.settings
SELECT m.conversation_key, m.muted, m.marks, m.custom_data, (
  SELECT COALESCE(json_agg(json_build_array(f.folder_id, f.added_by, f.ord) ORDER BY f.ord)::text, '[]')
  FROM folder_conversations AS f
  WHERE
    f.user_id = m.user_id
    AND f.conversation_key = m.conversation_key
    AND f.user_id = $1 COLLATE "POSIX"
) AS filed
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

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
  WHERE
    c.user_id = CASE WHEN found.revision >= 0 THEN $1 END
    AND c.revision = found.revision
    AND c.user_id = $1 COLLATE "POSIX"
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
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- erasure.undo.end
UPDATE members AS m SET
  undo_ended = i.ended, taken_by = CASE WHEN m.taken_by > i.ended THEN m.taken_by END,
  kept_after = CASE WHEN i.cleared < m.cleared_through THEN i.cleared END
FROM
  unnest($2::bytea[], $3::bigint[], $4::bigint[])
  WITH ORDINALITY AS i(conversation_key, ended, cleared, ord)
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

-- erasure.undo.records
SELECT c.revision, c.request_digest, c.kind, c.restorable_until, c.conversations, c.results, c.detail
FROM unnest($2::bigint[]) WITH ORDINALITY AS i(revision, ord) CROSS JOIN changes AS c
WHERE
  c.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND c.revision = i.revision
  AND c.user_id = $1 COLLATE "POSIX";

-- erasure.undo.stacks
SELECT m.conversation_key, m.taken_by, m.undo_ended, m.cleared_through
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

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
  END
  AND m.user_id = $1 COLLATE "POSIX";

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
    WHERE
      m.user_id = i.user_id
      AND m.conversation_key = i.conversation_key
      AND m.user_id = ANY($1::text[] COLLATE "POSIX")
  ) AS bounds
)
SELECT conversation_key, lower_end, MAX(upper_end) AS upper_end
FROM views
WHERE upper_end > lower_end
GROUP BY conversation_key, lower_end;

-- folders.add
INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
SELECT $1, $2, i.conversation_key, $3, i.ord
FROM unnest($4::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX"
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
  AND m.user_id = $1 COLLATE "POSIX"
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
  AND m.user_id = $1 COLLATE "POSIX"
ORDER BY f.added_by, f.ord;

-- folders.shown
SELECT t.shown, t.added, p.*
FROM (
  SELECT COUNT(*) AS shown, COUNT(CASE WHEN f.added_by = $2 THEN 1 END) AS added
  FROM folder_conversations AS f CROSS JOIN members AS m
  WHERE
    f.user_id = $1
    AND m.user_id = CASE WHEN f.ord >= 0 THEN $1 END
    AND m.conversation_key = f.conversation_key
    AND m.user_id = $1 COLLATE "POSIX"
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
    AND m.user_id = $1 COLLATE "POSIX"
    AND m.last_seq IS NULL
) AS p ON TRUE;

-- folders.touch
UPDATE members AS m SET changed_by = $2
FROM unnest($3::bytea[]) WITH ORDINALITY AS i(conversation_key, ord)
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

-- heads.heads
SELECT c.conversation_key, c.canonical_id, c.last_seq, c.last_time, c.is_large
FROM unnest($1::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN conversations AS c
WHERE c.conversation_key = i.conversation_key AND c.conversation_key = ANY($1::bytea[]);

-- heads.positions
SELECT json_agg(CASE WHEN c.canonical_id <> i.canonical_id THEN -1 ELSE COALESCE(c.last_seq, 0) END ORDER BY i.ord)::text AS positions
FROM
  unnest($1::bytea[], $2::text[] COLLATE "C")
  WITH ORDINALITY AS i(conversation_key, canonical_id, ord)
  LEFT JOIN conversations AS c ON c.conversation_key = i.conversation_key
  AND c.conversation_key = ANY($1::bytea[]);

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
        AND f.user_id = $1 COLLATE "POSIX"
        AND d.user_id = $1 COLLATE "POSIX"
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
  AND c.restorable_until > $2
  AND c.user_id = $1 COLLATE "POSIX";

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
        AND f.user_id = $1 COLLATE "POSIX"
        AND d.user_id = $1 COLLATE "POSIX"
    )
    ELSE '[]'
  END AS folders
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

-- lists.members.known
SELECT m.conversation_key
FROM unnest($2::bytea[]) WITH ORDINALITY AS i(conversation_key, ord) CROSS JOIN members AS m
WHERE
  m.user_id = CASE WHEN i.ord >= 0 THEN $1 END
  AND m.conversation_key = i.conversation_key
  AND m.user_id = $1 COLLATE "POSIX";

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
    AND m.user_id = $1 COLLATE "POSIX"
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
        AND f.user_id = $1 COLLATE "POSIX"
        AND d.user_id = $1 COLLATE "POSIX"
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
        AND f.user_id = $1 COLLATE "POSIX"
        AND d.user_id = $1 COLLATE "POSIX"
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
    AND m.user_id = $1 COLLATE "POSIX"
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
    AND m.user_id = $1 COLLATE "POSIX"
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

-- messages.append.placing.earlier
SELECT i.number, m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content, NULL AS fingerprint
FROM
  unnest($1::bigint[], $2::bytea[], $3::text[] COLLATE "C", $4::text[] COLLATE "C")
  WITH ORDINALITY AS i(number, conversation_key, sender_user_id, client_message_id, ord)
  CROSS JOIN messages AS m
WHERE
  m.conversation_key = i.conversation_key
  AND m.sender_user_id = i.sender_user_id
  AND m.client_message_id = i.client_message_id
  AND m.conversation_key = ANY($2::bytea[])
UNION ALL
SELECT i.number, m.seq, m.sender_user_id, m.send_time, NULL, NULL, m.fingerprint
FROM
  unnest($1::bigint[], $2::bytea[], $3::text[] COLLATE "C", $4::text[] COLLATE "C")
  WITH ORDINALITY AS i(number, conversation_key, sender_user_id, client_message_id, ord)
  CROSS JOIN erased_messages AS m
WHERE
  m.conversation_key = i.conversation_key
  AND m.sender_user_id = i.sender_user_id
  AND m.client_message_id = i.client_message_id
  AND m.conversation_key = ANY($2::bytea[]);

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
  AND m.conversation_key = ANY($2::bytea[])
LIMIT 1;

-- messages.append.placing.insert
INSERT INTO messages (
  conversation_key, seq, sender_user_id, client_message_id, send_time, payload_type, content,
  recognised_until
)
SELECT
  i.conversation_key, i.seq, i.sender_user_id, i.client_message_id, i.send_time, i.payload_type,
  i.content, CASE WHEN i.client_message_id IS NOT NULL THEN i.send_time + $1 END
FROM unnest(
  $2::bigint[], $3::bytea[], $4::text[] COLLATE "C", $5::bigint[], $6::text[] COLLATE "C",
  $7::text[] COLLATE "C", $8::text[] COLLATE "C", $9::bytea[], $10::bigint[], $11::bigint[]
) WITH ORDINALITY AS i(
  number, conversation_key, canonical_id, kind, sender_user_id, client_message_id, payload_type,
  content, seq, send_time, ord
)
RETURNING conversation_key, NULL::text AS members;

-- messages.append.placing.members
SELECT i.conversation_key, own.user_id
FROM
  unnest($1::bytea[], $2::text[] COLLATE "C", $3::bigint[])
  WITH ORDINALITY AS i(conversation_key, sender_user_id, is_large, ord)
  CROSS JOIN LATERAL (
    SELECT g.user_id
    FROM group_members AS g
    WHERE
      g.conversation_key = i.conversation_key
      AND g.is_member = 1
      AND g.conversation_key = ANY($1::bytea[]) OFFSET 0
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
      AND g.is_member = 1
      AND g.conversation_key = ANY($1::bytea[]) OFFSET 0
  ) AS own
WHERE i.is_large = 1;

-- messages.append.placing.raise
INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
SELECT i.conversation_key, i.canonical_id, i.messages, $1
FROM
  unnest($2::bytea[], $3::text[] COLLATE "C", $4::bigint[])
  WITH ORDINALITY AS i(conversation_key, canonical_id, messages, ord)
WHERE TRUE
ON CONFLICT (conversation_key) DO UPDATE SET
  last_seq = conversations.last_seq + excluded.last_seq,
  last_time = GREATEST(conversations.last_time, excluded.last_time)
RETURNING conversation_key, canonical_id, last_seq, last_time, is_large;

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
    WHERE
      m.conversation_key = c.conversation_key
      AND m.seq = i.seq
      AND m.conversation_key = ANY($1::bytea[]) OFFSET 0
  ) AS m ON TRUE
WHERE c.conversation_key = i.conversation_key AND c.conversation_key = ANY($1::bytea[]);

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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
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
WHERE
  m.user_id = i.user_id
  AND m.conversation_key = i.conversation_key
  AND m.user_id = ANY($2::text[] COLLATE "POSIX");

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
      AND m.user_id = ANY($18::text[] COLLATE "POSIX")
    GROUP BY i.user_id
  ) AS r ON r.user_id = q.user_id
RETURNING user_id, revision, results;

-- users.revisions
SELECT
  i.user_id, (SELECT COALESCE(MAX(base), 0) FROM incarnations) AS base,
  GREATEST(COALESCE(u.revision, 0), (SELECT COALESCE(MAX(base), 0) FROM incarnations)) AS revision
FROM
  unnest($1::text[] COLLATE "C") WITH ORDINALITY AS i(user_id, ord)
  LEFT JOIN users AS u ON u.user_id = i.user_id
  AND u.user_id = ANY($1::text[] COLLATE "POSIX");
