-- The bare writes of closing many requests of the first seller: no guard, no ground, no case, one statement each.
CREATE TEMP TABLE chosen ON COMMIT DROP AS
SELECT r.id AS request_id, r.version + 1 AS version, i.id AS item_id, i.order_item_id AS line_id
FROM returns_returnrequest r JOIN returns_returnitem i ON i.request_id = r.id
WHERE r.seller_id = 1 AND r.status = 'authorization_required' AND NOT r.prepaid_eligible
ORDER BY r.id LIMIT %(many)s FOR UPDATE OF r;

UPDATE returns_orderitem SET units_held = 0 FROM chosen WHERE id = line_id;

UPDATE returns_returnrequest SET status = 'closed', closed_at = now(), closed_by_role = 'seller', closure_reason_id = reason_id,
    deadline_at = '9999-01-01 00:00Z', is_decided_here = true, is_closed_although_in_policy = true, reminders_sent = 0,
    version = chosen.version
FROM chosen, bench_words WHERE id = request_id;

UPDATE returns_returnitem SET units_held = 0 FROM chosen WHERE id = item_id;

WITH told AS (
    INSERT INTO returns_returnevent (seller_id, request_id, version, action, role, user_id, source, target, outcome, occurred_at,
        reason_code, words, facts, text_digest, is_silent, hold_until, idempotency_key)
    SELECT 1, request_id, version, 'close', 'seller', user_id, 'authorization_required', 'closed', '', now(), 'other', words, facts,
        md5(random()::text), false, now() + interval '60 seconds', 'bench'
    FROM chosen, bench_words RETURNING id
)
INSERT INTO returns_eventtext (event_id, text, salt) SELECT id, %(comments)s, 'salt' FROM told;

UPDATE returns_statuscount SET requests = requests - %(many)s WHERE seller_id = 1 AND status = 'authorization_required';
UPDATE returns_statuscount SET requests = requests + %(many)s WHERE seller_id = 1 AND status = 'closed';
