SELECT nextval('bench_turn') % :victims AS n \gset
BEGIN;
SELECT r.id AS request, r.seller_id AS seller, r.version + 1 AS version, v.item_id AS item, v.line_id AS line
FROM bench_victims v JOIN returns_returnrequest r ON r.id = v.request_id WHERE v.n = :n FOR UPDATE OF r \gset
SELECT id FROM returns_orderitem WHERE id = :line FOR UPDATE;
UPDATE returns_orderitem SET units_held = 0 WHERE id = :line;
UPDATE returns_returnrequest SET status = 'closed', closed_at = now(), closed_by_role = 'seller', closure_reason_id = :reason,
    deadline_at = '9999-01-01 00:00Z', is_decided_here = true, version = :version WHERE id = :request;
UPDATE returns_returnitem SET units_held = 0 WHERE id = :item;
INSERT INTO returns_returnevent (seller_id, request_id, version, action, role, user_id, source, target, outcome, occurred_at,
    reason_code, words, facts, text_digest, is_silent, hold_until, idempotency_key)
SELECT :seller, :request, :version, 'close', 'seller', :person, 'authorization_required', 'closed', '', now(), 'other', words, facts,
    md5(random()::text), false, now() + interval '10 seconds', md5(random()::text) FROM bench_words
RETURNING id AS event \gset
INSERT INTO returns_eventtext (event_id, text, salt) VALUES (:event, 'We talked on the phone and found a way that suits both.', 'salt');
UPDATE returns_statuscount SET requests = requests + 0 WHERE seller_id = :seller AND status = 'authorization_required';
UPDATE returns_statuscount SET requests = requests + 0 WHERE seller_id = :seller AND status = 'closed';
COMMIT;
