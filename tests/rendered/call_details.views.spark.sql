-- Views of a callake lake for Spark 3.4 or newer, schema version 1.0. The lake's place stands once, in the next statement;
-- --lake sets it. Many columns are personal data: `callake schema call_details --format markdown` says which.

-- The lake's rows as they are.
CREATE OR REPLACE TEMPORARY VIEW call_details USING parquet OPTIONS (path 'lake/call_details');

-- One row a session; what is in a struct has its path as its name.
CREATE OR REPLACE TEMPORARY VIEW sessions AS
SELECT
  session_date,
  session_id,
  conversation_id,
  session_start_time,
  session_end_time,
  channel,
  coalesce(direction, customer_info.direction) AS direction,
  is_voicemail,
  final_status,
  smart_status,
  disconnecting_event,
  reason,
  reason_capitalised,
  error_details,
  bot_id,
  org_id,
  user_id,
  channel_specific_user_id,
  automation_bot_ids,
  dispositions,
  disposition_remarks,
  skills,
  customer_info.customer_phone AS customer_info_customer_phone,
  customer_info.center_phone AS customer_info_center_phone,
  customer_info.direction AS customer_info_direction,
  customer_info.customer_first_name AS customer_info_customer_first_name,
  customer_info.customer_last_name AS customer_info_customer_last_name,
  customer_info.customer_email AS customer_info_customer_email,
  campaign_info.campaign_name AS campaign_info_campaign_name,
  campaign_info.campaign_id AS campaign_info_campaign_id,
  campaign_info.campaign_instance_id AS campaign_info_campaign_instance_id,
  campaign_info.campaign_dialing_list_id AS campaign_info_campaign_dialing_list_id,
  campaign_info.attempt AS campaign_info_attempt,
  campaign_info.contact_status AS campaign_info_contact_status,
  campaign_info.campaign_run_date AS campaign_info_campaign_run_date,
  campaign_info.contact_list_name AS campaign_info_contact_list_name,
  csat_score,
  csat_feedback,
  nps_score,
  like_dislike_score,
  survey_type,
  meta_info.caller AS meta_info_caller,
  meta_info.callee AS meta_info_callee,
  meta_info.caller_host AS meta_info_caller_host,
  meta_info.user_id AS meta_info_user_id,
  meta_info.dialed_number AS meta_info_dialed_number,
  meta_info.agent_transfer_config.skills_ids AS meta_info_agent_transfer_config_skills_ids,
  meta_info.agent_transfer_config.override_agents AS meta_info_agent_transfer_config_override_agents,
  meta_info.agent_transfer_config.override_values AS meta_info_agent_transfer_config_override_values,
  meta_info.agent_transfer_config.assist_events.start_event.bot_id AS meta_info_agent_transfer_config_assist_events_start_event_bot_id,
  meta_info.agent_transfer_config.assist_events.start_event.is_enabled AS meta_info_agent_transfer_config_assist_events_start_event_is_enabled,
  meta_info.agent_transfer_config.assist_events.start_event.dialog_id AS meta_info_agent_transfer_config_assist_events_start_event_dialog_id,
  meta_info.agent_transfer_config.assist_events.start_event.dialog_ref_id AS meta_info_agent_transfer_config_assist_events_start_event_dialog_ref_id,
  meta_info.agent_transfer_config.last_intent_name AS meta_info_agent_transfer_config_last_intent_name,
  meta_info.agent_transfer_config.last_intent_user_input AS meta_info_agent_transfer_config_last_intent_user_input,
  meta_info.agent_transfer_config.automation_bot_id AS meta_info_agent_transfer_config_automation_bot_id,
  meta_info.agent_transfer_config.account_id AS meta_info_agent_transfer_config_account_id,
  meta_info.agent_transfer_config.dialog_tone AS meta_info_agent_transfer_config_dialog_tone,
  meta_info.agent_transfer_config.no_agents_flow_id AS meta_info_agent_transfer_config_no_agents_flow_id,
  meta_info.working_hours.workdays AS meta_info_working_hours_workdays,
  meta_info.working_hours.workstart AS meta_info_working_hours_workstart,
  meta_info.working_hours.workend AS meta_info_working_hours_workend,
  meta_info.prof_image AS meta_info_prof_image,
  meta_info.prof_colour AS meta_info_prof_colour,
  meta_info.j_title AS meta_info_j_title,
  meta_info.dept AS meta_info_dept,
  meta_info.activation_status AS meta_info_activation_status,
  meta_info.first_name AS meta_info_first_name,
  meta_info.last_name AS meta_info_last_name,
  meta_info.org_id AS meta_info_org_id,
  meta_info.id AS meta_info_id,
  meta_info.account_id AS meta_info_account_id,
  meta_info.identities AS meta_info_identities,
  meta_info.transcribe_config.transcribe AS meta_info_transcribe_config_transcribe,
  meta_info.email AS meta_info_email,
  meta_info.email_id AS meta_info_email_id,
  meta_info.phone_number AS meta_info_phone_number,
  meta_info.end_user_number AS meta_info_end_user_number,
  meta_info.country_code AS meta_info_country_code,
  meta_info.category AS meta_info_category,
  meta_info.campaign_name AS meta_info_campaign_name,
  meta_info.initiation AS meta_info_initiation,
  meta_info.attempt AS meta_info_attempt,
  meta_info.custom_data AS meta_info_custom_data,
  meta_info.send_transcript_link AS meta_info_send_transcript_link,
  meta_info.ip_address AS meta_info_ip_address,
  meta_info.host_domain AS meta_info_host_domain,
  meta_info.os AS meta_info_os,
  meta_info.device AS meta_info_device,
  meta_info.city AS meta_info_city,
  meta_info.country AS meta_info_country,
  meta_info.isp AS meta_info_isp,
  account_id,
  source_endpoint,
  fetched_at,
  timezone_offset,
  extra,
  CAST(session_end_time AS DOUBLE) - CAST(session_start_time AS DOUBLE) AS duration_seconds,
  -- Agent assistance leaves a row of no length that repeats another session's conversation.
  coalesce(lower(channel) IN ('agentassist', 'agentassistv2') AND session_end_time = session_start_time, false)
    AS is_agent_assist_copy
FROM call_details;

-- One row a destination, numbered from 1; the views below are made of it. Of an agent segment that is written inline,
-- the queue is that of the last queue entry before it.
CREATE OR REPLACE TEMPORARY VIEW destinations AS
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  destination,
  size(queue_entries) AS queue_entry_number,
  coalesce(destination.queue_id, get(queue_entries, size(queue_entries) - 1).queue_id) AS queue_id,
  coalesce(destination.queue_name, get(queue_entries, size(queue_entries) - 1).queue_name) AS queue_name,
  get(destinations, destination_number) AS next_destination
FROM (
  SELECT *, filter(slice(destinations, 1, destination_number), d -> NOT d.destination_type <=> 'AgentSegment') AS queue_entries
  FROM (SELECT account_id, session_date, session_id, conversation_id, channel, coalesce(direction, customer_info.direction) AS direction, is_voicemail, final_status, destinations, destination, index + 1 AS destination_number FROM call_details LATERAL VIEW posexplode(destinations) exploded AS index, destination) AS numbered
) AS rows_of_destinations;

-- One row a queue entry. It was answered by its responding agent, or by the agent segment that directly follows it inline.
CREATE OR REPLACE TEMPORARY VIEW queue_entries AS
SELECT
  *,
  CAST(answered_time AS DOUBLE) - CAST(enter_time AS DOUBLE) AS queue_wait_seconds,
  coalesce(final_status = 'USER ABANDONED' AND is_last AND answered_time IS NULL, false) AS is_abandoned
FROM (
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  queue_entry_number,
  destination.queue_id AS queue_id,
  destination.queue_name AS queue_name,
  destination.enter_time AS enter_time,
  destination.callback_opted AS callback_opted,
  destination.callback_opted_time AS callback_opted_time,
  destination.user_callback_accept_time AS user_callback_accept_time,
  destination.callback_initiated_time AS callback_initiated_time,
  coalesce(
    destination.responding_agent.accepted_time,
    CASE WHEN next_destination.destination_type = 'AgentSegment' THEN next_destination.accepted_time END
  ) AS answered_time,
  next_destination IS NULL AS is_last
FROM destinations
WHERE destination.destination_type IS DISTINCT FROM 'AgentSegment'
) AS entries;

-- One row an agent segment: the responding agent of a queue entry, or a segment that is written inline. The interaction
-- lasts from acceptance to its end, so the time on hold is part of it.
CREATE OR REPLACE TEMPORARY VIEW agent_segments AS
SELECT
  *,
  CAST(accepted_time AS DOUBLE) - CAST(assigned_at AS DOUBLE) AS pick_up_seconds,
  interaction_duration - coalesce(hold_duration, 0) AS talk_seconds,
  coalesce(hold_duration, 0) AS hold_seconds,
  coalesce(after_call_work_duration, 0) AS after_call_work_seconds,
  interaction_duration + coalesce(after_call_work_duration, 0) AS handle_seconds
FROM (
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  'responding' AS segment_role,
  queue_id,
  queue_name,
  destination.responding_agent.destination_type AS destination_type,
  destination.responding_agent.agent_id AS agent_id,
  destination.responding_agent.name AS name,
  destination.responding_agent.email AS email,
  destination.responding_agent.status AS status,
  destination.responding_agent.non_response_event AS non_response_event,
  destination.responding_agent.assigned_at AS assigned_at,
  destination.responding_agent.accepted_time AS accepted_time,
  destination.responding_agent.first_response_time AS first_response_time,
  destination.responding_agent.first_response_duration AS first_response_duration,
  destination.responding_agent.interaction_end_time AS interaction_end_time,
  destination.responding_agent.interaction_duration AS interaction_duration,
  destination.responding_agent.hold_duration AS hold_duration,
  destination.responding_agent.after_call_work_duration AS after_call_work_duration,
  destination.responding_agent.after_call_work_end_time AS after_call_work_end_time,
  destination.responding_agent.agent_notes AS agent_notes,
  destination.responding_agent.agent_chose_translate AS agent_chose_translate,
  destination.responding_agent.snooze_info AS snooze_info,
  destination.responding_agent.external_transfer_time AS external_transfer_time,
  destination.responding_agent.external_transfer_destination AS external_transfer_destination,
  destination.responding_agent.consulting_agents AS consulting_agents,
  destination.responding_agent.joined_users AS joined_users
FROM destinations
WHERE destination.responding_agent IS NOT NULL
UNION ALL
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  'inline' AS segment_role,
  queue_id,
  queue_name,
  destination.destination_type AS destination_type,
  destination.agent_id AS agent_id,
  destination.name AS name,
  destination.email AS email,
  destination.status AS status,
  destination.non_response_event AS non_response_event,
  destination.assigned_at AS assigned_at,
  destination.accepted_time AS accepted_time,
  destination.first_response_time AS first_response_time,
  destination.first_response_duration AS first_response_duration,
  destination.interaction_end_time AS interaction_end_time,
  destination.interaction_duration AS interaction_duration,
  destination.hold_duration AS hold_duration,
  destination.after_call_work_duration AS after_call_work_duration,
  destination.after_call_work_end_time AS after_call_work_end_time,
  destination.agent_notes AS agent_notes,
  destination.agent_chose_translate AS agent_chose_translate,
  destination.snooze_info AS snooze_info,
  destination.external_transfer_time AS external_transfer_time,
  destination.external_transfer_destination AS external_transfer_destination,
  destination.consulting_agents AS consulting_agents,
  destination.joined_users AS joined_users
FROM destinations
WHERE destination.destination_type = 'AgentSegment'
) AS segments;

-- One row an offer that an agent did not take; one agent can have several of a queue entry.
CREATE OR REPLACE TEMPORARY VIEW non_responding_agents AS
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  offer_number,
  queue_id,
  queue_name,
  agent.destination_type AS destination_type,
  agent.agent_id AS agent_id,
  agent.name AS name,
  agent.email AS email,
  agent.status AS status,
  agent.non_response_event AS non_response_event,
  agent.assigned_at AS assigned_at,
  agent.accepted_time AS accepted_time,
  agent.first_response_time AS first_response_time,
  agent.first_response_duration AS first_response_duration,
  agent.interaction_end_time AS interaction_end_time,
  agent.interaction_duration AS interaction_duration,
  agent.hold_duration AS hold_duration,
  agent.after_call_work_duration AS after_call_work_duration,
  agent.after_call_work_end_time AS after_call_work_end_time,
  agent.agent_notes AS agent_notes,
  agent.agent_chose_translate AS agent_chose_translate,
  agent.snooze_info AS snooze_info,
  agent.external_transfer_time AS external_transfer_time,
  agent.external_transfer_destination AS external_transfer_destination,
  agent.consulting_agents AS consulting_agents,
  agent.joined_users AS joined_users
FROM (SELECT account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status, destination_number, queue_id, queue_name, agent, index + 1 AS offer_number FROM destinations LATERAL VIEW posexplode(destination.non_responding_agents) exploded AS index, agent) AS offers;

-- One row a consultation: an agent or number that the segment's agent asked.
CREATE OR REPLACE TEMPORARY VIEW consultations AS
SELECT
  account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status,
  destination_number,
  segment_role,
  consultation_number,
  queue_id,
  queue_name,
  asking_agent_id,
  consulted.agent_id AS agent_id,
  consulted.email AS email,
  consulted.name AS name,
  consulted.is_merged AS is_merged,
  consulted.assigned_at AS assigned_at,
  consulted.accepted_time AS accepted_time,
  consulted.consulting_end_time AS consulting_end_time,
  CAST(consulted.consulting_end_time AS DOUBLE) - CAST(consulted.accepted_time AS DOUBLE) AS consultation_seconds
FROM (SELECT account_id, session_date, session_id, conversation_id, channel, direction, is_voicemail, final_status, destination_number, segment_role, queue_id, queue_name, agent_id AS asking_agent_id, consulted, index + 1 AS consultation_number FROM agent_segments LATERAL VIEW posexplode(consulting_agents) exploded AS index, consulted) AS asked;

-- One row a tag, of the customer (`user`) or of the session.
CREATE OR REPLACE TEMPORARY VIEW tags AS
SELECT
  account_id, session_date, session_id, conversation_id,
  'user' AS tag_scope,
  tag_number,
  tag.name AS name,
  tag.value AS value
FROM (SELECT account_id, session_date, session_id, conversation_id, tag, index + 1 AS tag_number FROM call_details LATERAL VIEW posexplode(user_level_tags) exploded AS index, tag) AS tagged
UNION ALL
SELECT
  account_id, session_date, session_id, conversation_id,
  'session' AS tag_scope,
  tag_number,
  tag.name AS name,
  tag.value AS value
FROM (SELECT account_id, session_date, session_id, conversation_id, tag, index + 1 AS tag_number FROM call_details LATERAL VIEW posexplode(session_level_tags) exploded AS index, tag) AS tagged;

-- The measures, by the API vendor's definitions. Each view gives the counts and sums behind a rate or an average, so that days can
-- be added up: divide sums by sums, never average averages.

-- Sessions of a day and channel. Contained: ended at the bot, out of all sessions but the copies that agent assistance makes.
-- Offered: inbound conversations that were handed to agents; abandoned: those that the customer left before an agent answered,
-- also where the record names no queue.
CREATE OR REPLACE TEMPORARY VIEW channel_measures AS
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
CREATE OR REPLACE TEMPORARY VIEW queue_measures AS
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
CREATE OR REPLACE TEMPORARY VIEW handle_measures AS
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
