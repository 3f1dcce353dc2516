-- Makes a room, unless the partition's epoch has it already. Whoever makes it signs with the random
-- name of the call, and so is answered the same when the call comes twice.

local keys = {
  partition = KEYS[1], rooms = KEYS[2],
  room = KEYS[3], entries = KEYS[4], ids = KEYS[5], targets = KEYS[6], redacted = KEYS[7],
}
local schema, room_name, about, call = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local head, instead = load_head(keys.partition, schema)
if not head then return instead end
local room, stale = load_room(keys, head.life)
if room then
  local is_ours = redis.call('HGET', keys.room, 'made_by') == call
  return { 'made', is_ours and 1 or 0, head.epoch }
end
if stale then
  redis.call('DEL', keys.room, keys.entries, keys.ids, keys.targets, keys.redacted)
end
local failed = write({ 'DEL', keys.room }, 'HSET', keys.room, 'epoch', head.life, 'offset', 0,
    'seq', 0, 'first', 1, 'first_at', 0, 'ids_from', 1, 'about', about, 'made_by', call)
  or write(nil, 'ZADD', keys.rooms, math.max(now_ms(), head.at), room_name)
return failed or { 'made', 1, head.epoch }
