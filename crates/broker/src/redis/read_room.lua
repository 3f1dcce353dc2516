-- Reads a stretch of a room, and the entries that target it. What has passed a limit is dropped
-- first, so it is never shown; `again` if that is too much for one call.

local partition = KEYS[1]
local keys = {
  room = KEYS[2], entries = KEYS[3], ids = KEYS[4], targets = KEYS[5], redacted = KEYS[6],
}
local schema, range, bound, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local room_entries, room_age = tonumber(ARGV[5]), tonumber(ARGV[6])
local targeting_max, most = tonumber(ARGV[7]), tonumber(ARGV[8])

local head, instead = load_head(partition, schema)
if not head then return instead end
local known = load_room(keys, head.life)
local room = known or { offset = 0, seq = 0, first = 1, first_at = 0 }
if trim_room(keys, room, now_ms(), room_entries, room_age, most, true) then return { 'again' } end

local from, to, more
if range == 'after' then
  from = math.max(bound + 1, room.first)
  to = math.min(from + limit - 1, room.offset)
  more = room.offset - from + 1 > limit
else
  to = range == 'newest' and room.offset or math.min(bound - 1, room.offset)
  from = math.max(to - limit + 1, room.first)
  more = to - room.first + 1 > limit
end
local page, targeting = {}, {}
if from <= to then
  local found, named = bodies(keys, from, to)
  for offset = from, to do
    page[#page + 1] = found[offset] or ''
    page[#page + 1] = named[offset] or ''
  end
  local places = {}
  local members = redis.call('ZRANGEBYSCORE', keys.targets, from, to)
  for _, member in ipairs(members) do
    local offset = tonumber(member)
    if offset <= room.offset and (offset < from or offset > to) then
      places[#places + 1] = offset
    end
  end
  table.sort(places)
  for i = math.max(#places - targeting_max + 1, 1), #places do
    targeting[#targeting + 1] = bodies(keys, places[i], places[i])[places[i]] or ''
  end
end
return {
  'page', head.epoch, head.seq, room.offset, room.first, more and 1 or 0, page, targeting,
  known and redis.call('HGET', keys.room, 'about') or false,
}
