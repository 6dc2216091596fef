-- Views of a callake lake for DuckDB, schema version 1.0. The lake's place stands once, in the next statement;
-- --lake sets it. Many columns are personal data: `callake schema conversations --format markdown` says which.

-- The lake's rows as they are.
CREATE OR REPLACE VIEW conversations AS
SELECT *
FROM read_parquet('lake/conversations/**/*.parquet', hive_partitioning = true, hive_types = {'session_date': DATE});

-- One row an agent's part in a conversation.
CREATE OR REPLACE VIEW conversation_participants AS
SELECT
  account_id, session_date, conversation_id, session_id,
  participant_number,
  item.queue_id AS queue_id,
  item.queue_start_time AS queue_start_time,
  item.queue_name AS queue_name,
  item.agent_id AS agent_id,
  item.name AS name,
  item.status AS status,
  item.assigned_at AS assigned_at,
  item.start_time_stamp AS start_time_stamp,
  item.end_time_stamp AS end_time_stamp,
  item.is_transferred AS is_transferred,
  item.on_interrupt AS on_interrupt
FROM (SELECT account_id, session_date, conversation_id, bot_session_id AS session_id, unnest(participants) AS item, generate_subscripts(participants, 1) AS participant_number FROM conversations) AS numbered;

-- One row a transfer.
CREATE OR REPLACE VIEW conversation_transfers AS
SELECT
  account_id, session_date, conversation_id, session_id,
  transfer_number,
  item.from_queue AS from_queue,
  item.from_agent AS from_agent,
  item.transferred_type AS transferred_type,
  item.transferred_to AS transferred_to,
  item.transferred_by AS transferred_by,
  item.priority AS priority,
  item.transferred_at AS transferred_at,
  item.is_manager AS is_manager
FROM (SELECT account_id, session_date, conversation_id, bot_session_id AS session_id, unnest(transfer_details) AS item, generate_subscripts(transfer_details, 1) AS transfer_number FROM conversations) AS numbered;

-- One row a queue that a conversation entered.
CREATE OR REPLACE VIEW conversation_queues AS
SELECT
  account_id, session_date, conversation_id, session_id,
  queue_number,
  item.type AS type,
  item.status AS status,
  item.is_preferred_agent_timeout_expired AS is_preferred_agent_timeout_expired,
  item.id AS id,
  item.name AS name,
  item.start_time AS start_time
FROM (SELECT account_id, session_date, conversation_id, bot_session_id AS session_id, unnest(queues) AS item, generate_subscripts(queues, 1) AS queue_number FROM conversations) AS numbered;
