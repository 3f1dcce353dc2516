-- Publishes that an instance lives, with the head at this moment, and notes the time.

local partition = KEYS[1]
local schema, channel, instance = ARGV[1], ARGV[2], ARGV[3]

local head, instead = load_head(partition, schema)
if not head then return instead end
local now = now_ms()
-- A full Redis refuses this, and lives all the same.
redis.pcall('HSET', partition, 'beat', now)
redis.call('PUBLISH', channel, '1w ' .. head.epoch .. ' ' .. text(head.seq) .. '\n' .. instance)
return { 'open', head.epoch, head.seq, now }
