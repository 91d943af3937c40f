-- A marketplace with %(requests)s return requests at 100 sellers, %(share)s of 100 requests at the first one. Every constraint,
-- foreign key and trigger is in force while this runs. What is history came from a marketplace's file, one recorded
-- event each; the tenth that waits for a decision was asked for here.
--
-- A row's number decides everything about it, through `chance`, so that two fillings are alike but for their dates.

CREATE TEMP TABLE plan AS
SELECT number, seller, chance, status,
       CASE WHEN status = 'authorization_required' THEN now() - mod(chance, 80000) * interval '1 second'
            WHEN status IN ('authorized', 'refund_due') THEN now() - interval '2 days' - mod(chance, 1700000) * interval '1 second'
            ELSE now() - interval '30 days' - mod(chance, 60000000) * interval '1 second' END AS asked,
       status = 'authorization_required' AND mod(chance, 10) < 3 AS eligible,
       'RB' || lpad(number::text, 8, '0') AS rma,
       format('333-%%s-%%s', lpad(number::text, 7, '0'), lpad(mod(chance, 10000000)::text, 7, '0')) AS order_number,
       'SKU-' || mod(chance, 5000) AS sku,
       (ARRAY['Steel kettle, 1.7 l', 'Desk lamp with dimmer', 'Rain jacket, blue', 'USB-C cable, 2 m', 'Planter, large',
              'Cotton shirt', 'Noise-cancelling headset', 'Cordless drill'])[1 + mod(chance, 8)] AS title,
       (ARRAY['Amelia', 'Noah', 'Mia', 'Liam', 'Sofia', 'Wei', 'Emma', 'Lucas'])[1 + mod(chance, 8)] || ' '
           || (ARRAY['Tremblay', 'Garcia', 'Chen', 'Smith', 'Roy', 'Novak', 'Brown'])[1 + mod(chance, 7)] AS name,
       (ARRAY['CR-UNWANTED_ITEM', 'CR-ORDERED_WRONG_ITEM', 'CR-NOT_COMPATIBLE', 'CR-DEFECTIVE'])[1 + mod(chance, 4)] AS reason,
       1500 + mod(chance, 20000) AS price
FROM (
    SELECT number, chance,
           CASE WHEN mod(number, 100) < %(share)s THEN 1 ELSE 2 + mod(chance / 100, 99) END AS seller,
           CASE WHEN mod(chance, 100) < 10 THEN 'authorization_required' WHEN mod(chance, 100) < 20 THEN 'authorized'
                WHEN mod(chance, 100) < 23 THEN 'refund_due' WHEN mod(chance, 100) < 80 THEN 'completed' ELSE 'closed' END AS status
    FROM (SELECT number, hashint4(number) & 2147483647 AS chance FROM generate_series(1, %(requests)s) AS number) AS numbered
) AS numbered;

INSERT INTO returns_seller (id, slug, name, language, time_zone, country, "authorization", authorization_days, rma_numbers,
                            imported_messages, instructions)
SELECT number, 'seller-' || number, 'Seller ' || number, 'en', 'UTC', 'US', 'by_hand', 30, 'generated', 'show_to_copy', ''
FROM generate_series(1, 100) AS number;

INSERT INTO returns_returnaddress (seller_id, name, lines, city, region, postal_code, country, is_active)
SELECT number, 'Returns', '1 Dock Street', 'Portland', 'OR', '97201', country, true
FROM generate_series(1, 100) AS number, unnest(ARRAY['US', 'CA']) AS country;

INSERT INTO returns_order (id, reference, seller_id, order_number, ordered_at, ordered_has_time, delivered_date,
                           estimated_delivery_date, country, is_stub, is_business, is_gift, created_at)
SELECT number, gen_random_uuid()::text, seller, order_number, asked - interval '12 days', true, (asked - interval '8 days')::date,
       (asked - interval '8 days')::date, CASE WHEN eligible THEN 'US' ELSE 'CA' END, false, false, false, asked
FROM plan;

INSERT INTO returns_buyer (id, order_id, name, email, email_hash, city, language)
SELECT number, number, name, number || '@buyers.example', encode(sha256((number || '@buyers.example')::bytea), 'hex'), 'Toronto', ''
FROM plan;

INSERT INTO returns_orderitem (id, seller_id, order_id, line_key, has_item_id, sku, asin, title, category, not_returnable_mark,
                               quantity, is_quantity_known, units_held, currency, item_paid_minor, tax_paid_minor,
                               shipping_paid_minor, item_refunded_minor, tax_refunded_minor, shipping_refunded_minor,
                               extra_refunded_minor, paid_source)
SELECT number, seller, number, sku, false, sku, '', title, '', '', 1, true, CASE WHEN status = 'closed' THEN 0 ELSE 1 END,
       'USD', price, price / 12, 599, 0, 0, 0, 0, 'file'
FROM plan;

CREATE TEMP TABLE verdicts AS
SELECT number, (asked - interval '8 days')::date + 30 AS window_end,
       jsonb_build_object(
           'policy', 'in_policy', 'source', CASE WHEN status = 'authorization_required' THEN 'rules' ELSE 'file' END,
           'rules_version', 1, 'prepaid_eligible', eligible, 'window_is_estimate', false,
           'window_end_date', ((asked - interval '8 days')::date + 30)::text,
           'reasons', jsonb_build_array(jsonb_build_object(
               'code', 'window_open', 'params', jsonb_build_object('date', ((asked - interval '8 days')::date + 30)::text))),
           'prepaid_reason', CASE WHEN eligible THEN NULL ELSE jsonb_build_object(
               'code', 'prepaid_abroad', 'params', jsonb_build_object('country', 'CA')) END) AS verdict
FROM plan;

INSERT INTO returns_returnrequest (
    id, reference, seller_id, order_id, source, rma_number, merchant_rma, status, version, policy, prepaid_eligible, verdict,
    is_timely_withdrawal, window_end_date, requested_at, requested_has_time, answer_due_at, step_in_at, authorized_at,
    return_address, instructions, is_label_owed, send_back_date, handed_over_at, received_at, refund_due_at, completed_at, outcome,
    closed_at, closed_by_role, closure_reason_id, is_closed_although_in_policy, promise_minor, promise_currency, promise_due_date,
    escalated_at, deadline_at, reminders_sent, is_overlapping, is_decided_here, is_marketplace_todo, open_payout,
    marketplace_status, search_text)
SELECT number, gen_random_uuid()::text, seller, number,
       CASE WHEN status = 'authorization_required' THEN 'portal' ELSE 'file' END, rma, '', status, 1, 'in_policy', eligible, verdict,
       false, window_end, asked, true, asked + interval '24 hours', asked + interval '2 days',
       CASE WHEN status IN ('authorized', 'refund_due') THEN asked + interval '5 hours' END, '', '', false,
       CASE WHEN status IN ('authorized', 'refund_due') THEN window_end + 15 END,
       NULL, CASE WHEN status = 'refund_due' THEN asked + interval '1 day' END,
       CASE WHEN status = 'refund_due' THEN asked + interval '5 days' END,
       CASE WHEN status = 'completed' THEN asked + interval '9 days' END,
       CASE WHEN status = 'completed' THEN 'ended_at_marketplace' ELSE '' END,
       CASE WHEN status = 'closed' THEN asked + interval '6 hours' END, CASE WHEN status = 'closed' THEN 'marketplace' ELSE '' END,
       CASE WHEN status = 'closed' THEN (SELECT id FROM returns_closurereason WHERE code = 'closed_at_marketplace') END,
       false, NULL, '', NULL, NULL,
       CASE status WHEN 'authorization_required' THEN asked + interval '24 hours'
                   WHEN 'authorized' THEN (window_end + 16)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond'
                   WHEN 'refund_due' THEN asked + interval '5 days' ELSE '9999-01-01 00:00Z'::timestamptz END,
       2, false, false, false, '',
       CASE status WHEN 'authorization_required' THEN '' WHEN 'authorized' THEN 'Approved' WHEN 'refund_due' THEN 'PendingRefund'
                   WHEN 'completed' THEN 'Completed' ELSE 'Closed' END,
       lower(concat_ws(E'\n', order_number, name, sku, title))
FROM plan JOIN verdicts USING (number);

INSERT INTO returns_returnitem (id, request_id, order_item_id, ordinal, quantity, units_held, units_received, condition, reason_code,
                                comment, policy, prepaid_eligible, verdict, reported, label_type, label_payer, carrier, tracking_id,
                                resolution)
SELECT number, number, number, 1, 1, CASE WHEN status = 'closed' THEN 0 ELSE 1 END, CASE WHEN status = 'refund_due' THEN 1 ELSE 0 END,
       CASE WHEN status = 'refund_due' THEN 'opened' ELSE '' END, reason,
       CASE WHEN mod(chance, 3) = 0 THEN 'It is not what I expected from the pictures, and I would like to send it back.' ELSE '' END,
       'in_policy', eligible, verdict, '{}', '', '', '', '', ''
FROM plan JOIN verdicts USING (number);

INSERT INTO returns_returnevent (seller_id, request_id, version, action, role, source, target, outcome, occurred_at, recorded_at,
                                 reason_code, words, facts, text_digest, is_silent, relayed_at)
SELECT seller, number, 1, CASE WHEN status = 'authorization_required' THEN 'open' ELSE 'record' END,
       CASE WHEN status = 'authorization_required' THEN 'buyer' ELSE 'marketplace' END, '', status,
       CASE WHEN status = 'completed' THEN 'ended_at_marketplace' ELSE '' END, asked, asked, '',
       jsonb_build_object('values', jsonb_build_object(
           'order_number', order_number, 'seller_name', 'Seller ' || seller, 'item_titles', jsonb_build_array(title),
           'return_window_end', window_end::text)),
       jsonb_build_object('prepaid_eligible', eligible, 'changed', jsonb_build_object(), 'items', jsonb_build_array(
           jsonb_build_object('title', title, 'sku', sku, 'quantity', 1, 'reason_code', reason))),
       '', true, asked
FROM plan JOIN verdicts USING (number);

INSERT INTO returns_statuscount (seller_id, status, requests)
SELECT seller_id, status, count(*) FROM returns_returnrequest GROUP BY seller_id, status;

SELECT setval(pg_get_serial_sequence(name, 'id'), greatest(%(requests)s, 100))
FROM unnest(ARRAY['returns_seller', 'returns_order', 'returns_buyer', 'returns_orderitem', 'returns_returnrequest',
                  'returns_returnitem']) AS name;

ANALYZE;
