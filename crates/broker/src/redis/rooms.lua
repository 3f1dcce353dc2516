-- Lists the rooms of a partition, those first that had something last. An entry that has passed a
-- limit is not shown.

local partition, rooms = KEYS[1], KEYS[2]
local schema, limit = ARGV[1], tonumber(ARGV[2])
local room_entries, room_age = tonumber(ARGV[3]), tonumber(ARGV[4])

local head, instead = load_head(partition, schema)
if not head then return instead end
local since = now_ms() - room_age
local function newest_of(name, room)
  if room.first > room.offset or room_entries < 1 then return '' end
  local keys = { entries = partition .. ':entries:' .. name,
    redacted = partition .. ':redacted:' .. name }
  local body = bodies(keys, room.offset, room.offset)[room.offset]
  return body and parse(body).at >= since and body or ''
end

local list = {}
-- One more than is wanted shows whether there are more.
local found = redis.call('ZREVRANGE', rooms, 0, limit, 'WITHSCORES')
for i = 1, math.min(#found, 2 * limit), 2 do
  local name, key = found[i], partition .. ':room:' .. found[i]
  local room = load_room({ room = key }, head.life)
  if room then
    for _, value in ipairs({ name, text(room.offset), found[i + 1], newest_of(name, room) }) do
      list[#list + 1] = value
    end
    list[#list + 1] = redis.call('HGET', key, 'about')
  end
end
return { 'rooms', head.epoch, head.seq, #found > 2 * limit and 1 or 0, list }
