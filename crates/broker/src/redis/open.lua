-- Says where a partition stands; makes it, with the given epoch, if it has none. What an earlier
-- epoch left is dropped: the log and the list of rooms here, the rooms when they are used next, or by the sweeper.

local partition, log, log_redacted, rooms = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local schema, epoch, replication, partitions = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('EXISTS', partition) == 0 then
  redis.call('HSET', partition, 'epoch', epoch, 'seq', '0', 'at', '0', 'log_first', '1',
    'schema', schema, 'partitions', partitions, 'replication', replication)
  redis.call('DEL', log, log_redacted, rooms)
end
local head, instead = load_head(partition, schema)
if not head then return instead end
local made_with = redis.call('HGET', partition, 'partitions') or ''
if made_with ~= partitions then return { 'partitions', made_with } end
return { 'open', head.epoch, head.seq, now_ms() }
