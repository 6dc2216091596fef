-- The measures, by the API vendor's definitions. Each view gives the counts and sums behind a rate or an average, so that days can
-- be added up: divide sums by sums, never average averages.

-- Sessions of a day and channel. Contained: ended at the bot, out of all sessions but the copies that agent assistance makes.
-- Offered: inbound conversations that were handed to agents; abandoned: those that the customer left before an agent answered,
-- also where the record names no queue.
CREATE OR REPLACE VIEW channel_measures AS
SELECT
  account_id,
  session_date,
  channel,
  count(*) AS sessions,
  count(*) FILTER (WHERE final_status = 'BotResolved') AS contained,
  count(*) FILTER (WHERE final_status = 'BotResolved') * 1.0 / count(*) AS containment_rate,
  count(*) FILTER (WHERE is_offered) AS offered,
  count(*) FILTER (WHERE is_offered AND final_status = 'USER ABANDONED') AS abandoned,
  count(*) FILTER (WHERE is_offered AND final_status = 'USER ABANDONED') * 1.0
    / nullif(count(*) FILTER (WHERE is_offered), 0) AS abandon_rate
FROM (
  SELECT *, conversation_id IS NOT NULL AND coalesce(direction, '') <> 'Outbound' AS is_offered
  FROM sessions
  WHERE NOT is_agent_assist_copy
) AS counted
GROUP BY account_id, session_date, channel;

-- Inbound queue entries of a day and queue. Abandoned: the customer left while the entry was the session's last and unanswered.
-- Queue wait: from entering the queue to an agent's acceptance. Speed of answer: the same of a session's first queue entry alone,
-- without voicemail and callbacks.
CREATE OR REPLACE VIEW queue_measures AS
SELECT
  account_id,
  session_date,
  queue_id,
  queue_name,
  count(*) AS offered,
  count(*) FILTER (WHERE answered_time IS NOT NULL) AS answered,
  count(*) FILTER (WHERE is_abandoned) AS abandoned,
  count(*) FILTER (WHERE is_abandoned) * 1.0 / count(*) AS abandon_rate,
  sum(queue_wait_seconds) AS queue_wait_seconds,
  avg(queue_wait_seconds) AS average_queue_wait_seconds,
  count(queue_wait_seconds) FILTER (WHERE counts_for_speed) AS speed_of_answer_count,
  sum(queue_wait_seconds) FILTER (WHERE counts_for_speed) AS speed_of_answer_seconds,
  avg(queue_wait_seconds) FILTER (WHERE counts_for_speed) AS average_speed_of_answer_seconds
FROM (
  SELECT
    *,
    queue_entry_number = 1 AND NOT coalesce(is_voicemail, false) AND NOT coalesce(callback_opted, false) AS counts_for_speed
  FROM queue_entries
  WHERE coalesce(direction, '') <> 'Outbound'
) AS counted
GROUP BY account_id, session_date, queue_id, queue_name;

-- Agents' work on closed conversations, of a day and queue. Handle time: talk, hold and after-call work of all agents, by closed
-- conversation; a conversation that was in two queues is closed in both. Pick-up: from the offer to an agent's acceptance.
CREATE OR REPLACE VIEW handle_measures AS
SELECT
  account_id,
  session_date,
  queue_id,
  queue_name,
  count(DISTINCT concat(session_id, ' ', conversation_id)) AS closed,
  sum(talk_seconds) AS talk_seconds,
  sum(hold_seconds) AS hold_seconds,
  sum(after_call_work_seconds) AS after_call_work_seconds,
  sum(handle_seconds) AS handle_seconds,
  sum(handle_seconds) * 1.0 / count(DISTINCT concat(session_id, ' ', conversation_id)) AS average_handle_seconds,
  count(pick_up_seconds) AS picked_up,
  sum(pick_up_seconds) AS pick_up_seconds,
  avg(pick_up_seconds) AS average_pick_up_seconds
FROM (
  SELECT account_id, session_date, session_id, coalesce(conversation_id, '') AS conversation_id, queue_id, queue_name,
    talk_seconds, hold_seconds, after_call_work_seconds, handle_seconds, pick_up_seconds
  FROM agent_segments
  WHERE final_status = 'CLOSED'
  UNION ALL
  SELECT account_id, session_date, session_id, coalesce(conversation_id, '') AS conversation_id, queue_id, queue_name,
    0, 0, 0, 0, NULL
  FROM queue_entries
  WHERE final_status = 'CLOSED'
) AS work
GROUP BY account_id, session_date, queue_id, queue_name;
