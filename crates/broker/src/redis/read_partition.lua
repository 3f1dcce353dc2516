-- Reads a stretch of a partition. What has passed a limit is dropped first, so it is never shown.

local keys = { partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3] }
local schema, after, to, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local log_entries, log_age = tonumber(ARGV[5]), tonumber(ARGV[6])

local head, instead = load_head(keys.partition, schema)
if not head then return instead end
local first = trim_log(keys, head.log_first, head.seq, now_ms(), log_entries, log_age)
local from, last = math.max(after + 1, first), math.min(to, head.seq)
local records = {}
-- COUNT 0 would give no list at all.
if from <= last and limit ~= '0' then
  local found = redis.call('XRANGE', keys.log, from, last, 'COUNT', limit)
  for _, item in ipairs(found) do records[#records + 1] = field(item, 'e') end
  local redacted = redis.call('ZRANGEBYSCORE', keys.log_redacted, from, last,
    'LIMIT', 0, limit)
  for _, record in ipairs(redacted) do records[#records + 1] = record end
end
return { 'page', head.epoch, head.seq, first, records }
