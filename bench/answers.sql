-- What the overview reads and fill.sql does not have: answers of the last 30 days to nine of ten requests, requests of
-- the last 30 days, open promises, things to do at the marketplace and escalations. Only to be read: the events do not
-- add up to the requests any more.

INSERT INTO returns_returnevent (seller_id, request_id, version, action, role, source, target, outcome, occurred_at,
                                 recorded_at, reason_code, words, facts, text_digest, is_silent, relayed_at)
SELECT seller_id, id, version + 1, 'authorize', 'seller', 'authorization_required', 'authorized', '',
       now() - mod(id * 7919, 2592000) * interval '1 second', now(), '', '{}', '{}', '', true, now()
FROM returns_returnrequest WHERE status <> 'authorization_required';

UPDATE returns_returnrequest SET requested_at = now() - mod(id * 7919, 2592000) * interval '1 second' - interval '7 hours'
WHERE status = 'completed' AND mod(id, 3) = 0;

UPDATE returns_returnrequest
SET promise_minor = 1500, promise_currency = 'USD', promise_due_date = current_date + 5 - mod(id, 10)::int,
    deadline_at = now() + (5 - mod(id, 10)) * interval '1 day'
WHERE status = 'closed' AND mod(id, 2) = 0;

UPDATE returns_returnrequest SET is_marketplace_todo = true WHERE status = 'authorized' AND mod(id, 3) = 0;

UPDATE returns_returnrequest SET escalated_at = now() - interval '1 day' WHERE mod(id, 50) = 0;

ANALYZE;
