-- Says where a partition stands; makes it, with the given epoch, if it has none. What an earlier
-- epoch left is dropped: the log and the list of rooms here, the rooms when they are used next, or
-- by the sweeper.
--
-- A partition whose Redis is not the one that it names is doubted; so is one that reaches less far
-- than the instance that asks knows (`known_seq` in `known_epoch`).

local partition, log, log_redacted, rooms = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local schema, epoch, partitions, known_epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known_seq = tonumber(ARGV[5])

local server = server_id()
if redis.call('EXISTS', partition) == 0 then
  redis.call('HSET', partition, 'epoch', epoch, 'life', epoch, 'seq', '0', 'at', '0',
    'log_first', '1', 'schema', schema, 'partitions', partitions, 'replication', server)
  redis.call('DEL', log, log_redacted, rooms)
end
local head, instead = read_head(partition, schema)
if not head then return instead end
local made_with = redis.call('HGET', partition, 'partitions') or ''
if made_with ~= partitions then return { 'partitions', made_with } end
if head.replication == '' and server ~= '' then
  redis.call('HSET', partition, 'replication', server)
elseif head.replication == server and head.epoch == known_epoch and head.seq < known_seq then
  redis.call('HSET', partition, 'replication', 'less than was known')
end
head, instead = load_head(partition, schema, server)
if head then return { 'open', head.epoch, head.seq, now_ms(), server } end
if instead[1] ~= 'doubted' then return instead end
local is = read_head(partition, schema)
local beat = tonumber(redis.call('HGET', partition, 'beat')) or 0
return { 'doubted', is.epoch, is.seq, beat }
