-- Drops what the partition keeps no more, and names some rooms whose time has come.

local keys = { partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3], due = KEYS[4] }
local schema, log_entries, log_age = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local rooms_max = ARGV[4]

local head, instead = load_head(keys.partition, schema)
if not head then return instead end
local now = now_ms()
trim_log(keys, head.log_first, head.seq, now, log_entries, log_age)
return { 'due', redis.call('ZRANGEBYSCORE', keys.due, '-inf', now, 'LIMIT', 0, rooms_max) }
