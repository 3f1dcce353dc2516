-- Drops what one room keeps no more, at most `most` of it, and says when to come again. Answers 1
-- if there is more to do now.

local partition, due = KEYS[1], KEYS[2]
local keys = {
  room = KEYS[3], entries = KEYS[4], ids = KEYS[5], targets = KEYS[6], redacted = KEYS[7],
}
local schema, room_name = ARGV[1], ARGV[2]
local id_window, room_entries, room_age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local most = tonumber(ARGV[6])

local head, instead = load_head(partition, schema)
if not head then return instead end
local room = load_room(keys, head.life)
if not room then
  redis.call('DEL', keys.room, keys.entries, keys.ids, keys.targets, keys.redacted)
  redis.call('ZREM', due, room_name)
  return { 'swept', 0 }
end

local now = now_ms()
local more = trim_room(keys, room, now, room_entries, room_age, most, true)

local from = math.max(room.ids_from, room.first)
local stop = math.min(from + most, room.offset + 1)
local found = bodies(keys, from, math.min(stop, room.offset))
local id_at
while from < stop do
  local entry = found[from] and parse(found[from])
  if entry and entry.at >= now - id_window then
    id_at = entry.at
    break
  end
  if entry then forget(keys, entry) end
  from = from + 1
end
more = more or (from == stop and stop <= room.offset)
if from ~= room.ids_from then redis.call('HSET', keys.room, 'ids_from', from) end

local next_at = id_at and id_at + id_window + 1
if room.first <= room.offset then
  local gone_at = room.first_at + room_age + 1
  next_at = next_at and math.min(next_at, gone_at) or gone_at
end
if more then next_at = now end
if next_at then
  redis.call('ZADD', due, next_at, room_name)
else
  redis.call('ZREM', due, room_name)
end
return { 'swept', more and 1 or 0 }
