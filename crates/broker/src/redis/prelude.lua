-- What the scripts share; it stands in front of each of them. The layout of the keys is described
-- in redis.rs.

-- A whole number in digits. An argument of a command needs no such care, but is written many times
-- faster if it is a text; and with %d, which needs a Redis of 64 bits, as with %.0f.
local function text(number)
  return string.format('%d', number)
end

local function whole(value, name)
  local number = tonumber(value)
  if not number then error('DAMAGED: ' .. name .. ' is no number') end
  return number
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The name of an id in the hash of ids: no user and id read like another user and id.
local function id_field(user, id)
  return #user .. ':' .. user .. id
end

-- The id of an entry in its room's stream.
local function place_in_room(entry)
  return string.format('%d-%d', entry.offset, entry.seq)
end

-- All of a body but its bytes.
local function front(entry)
  return string.format('%d %d %d %d %d %d\n', entry.seq, entry.offset, entry.at,
    entry.target, #entry.user, #entry.id) .. entry.user .. entry.id
end

-- Reads the front of a body.
local function parse(body)
  local seq, offset, at, target, users, ids, start =
    string.match(body, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)[^\n]*\n()')
  if not seq then error('DAMAGED: an entry can not be read') end
  users, ids = tonumber(users), tonumber(ids)
  return {
    seq = tonumber(seq), offset = tonumber(offset), at = tonumber(at), target = tonumber(target),
    user = string.sub(body, start, start + users - 1),
    id = string.sub(body, start + users, start + users + ids - 1),
  }
end

-- The value of a field of one item that XRANGE gave.
local function field(item, name)
  for i = 1, #item[2], 2 do
    if item[2][i] == name then return item[2][i + 1] end
  end
  error('DAMAGED: an entry lacks ' .. name)
end

-- The bodies of a stretch of a room, by offset; tombstones in the place of what was redacted. And,
-- by offset too, the seq that each entry names as its predecessor's.
local function bodies(keys, from, to)
  local found, named = {}, {}
  if from > to then return found, named end
  for _, item in ipairs(redis.call('XRANGE', keys.entries, from, to)) do
    local offset = tonumber(string.match(item[1], '^%d+'))
    found[offset], named[offset] = field(item, 'e'), field(item, 'prev')
  end
  for _, body in ipairs(redis.call('ZRANGEBYSCORE', keys.redacted, from, to)) do
    found[parse(body).offset] = body
  end
  return found, named
end

-- What is known of a room; nothing if it has no entry in this epoch.
local function load_room(keys, epoch)
  local is = redis.call('HMGET', keys.room,
    'epoch', 'offset', 'seq', 'first', 'first_at', 'ids_from')
  if is[1] ~= epoch then return nil, is[1] end
  return {
    offset = whole(is[2], 'offset'), seq = whole(is[3], 'seq'), first = whole(is[4], 'first'),
    first_at = whole(is[5], 'first_at'), ids_from = whole(is[6], 'ids_from'),
  }
end

-- Drops an id, unless it was used again for a later entry.
local function forget(keys, entry)
  local name = id_field(entry.user, entry.id)
  local is = redis.call('HGET', keys.ids, name)
  if is and string.match(is, '^%d+') == text(entry.offset) then
    redis.call('HDEL', keys.ids, name)
  end
end

-- Drops a room's oldest entries, with all that belongs to them, as far as they have passed the
-- number or the age that is kept; at most `most`. Says whether more are left to drop.
local function trim_room(keys, room, now, entries_max, age, most, exactly)
  local keep, since = room.offset - entries_max + 1, now - age
  local first = room.first
  if first > room.offset or (first >= keep and room.first_at >= since) then return false end
  local stop = math.min(first + most, room.offset + 1)
  local found = bodies(keys, first, math.min(stop, room.offset))
  while first < stop do
    local entry = found[first] and parse(found[first])
    if entry and first >= keep and entry.at >= since then break end
    if entry then forget(keys, entry) end
    first = first + 1
  end
  room.first = first
  room.first_at = found[first] and parse(found[first]).at or 0
  redis.call('XTRIM', keys.entries, 'MINID', exactly and '=' or '~', first)
  redis.call('ZREMRANGEBYSCORE', keys.redacted, '-inf', '(' .. text(first))
  redis.call('ZREMRANGEBYSCORE', keys.targets, '-inf', '(' .. text(first))
  redis.call('HSET', keys.room, 'first', first, 'first_at', room.first_at)
  return first <= room.offset and (first < keep or room.first_at < since)
end

-- Drops what has passed the number or the age that the partition keeps. Says which seq is the
-- first one that is kept; `first` is what it was before.
local function trim_log(keys, first, seq, now, entries_max, age)
  local function at_or_after(place)
    return redis.call('XRANGE', keys.log, place, '+', 'COUNT', 1)[1]
  end
  local function seq_of(item)
    return tonumber(string.match(item[1], '^%d+'))
  end
  local function is_old(item)
    local length, start = string.match(field(item, 'e'), '^(%d+)[^\n]*\n()')
    return parse(string.sub(field(item, 'e'), start + length)).at < now - age
  end
  local from, to = math.max(first, seq - entries_max + 1), seq + 1
  local oldest = at_or_after(from)
  if oldest and is_old(oldest) then
    -- Time never goes back along the log, so halving finds the first one that is young enough.
    from = seq_of(oldest) + 1
    while from < to do
      local middle = math.floor((from + to) / 2)
      local item = at_or_after(middle)
      if item and is_old(item) then from = seq_of(item) + 1 else to = middle end
    end
  end
  if from == first then return first end
  redis.call('XTRIM', keys.log, 'MINID', '=', from)
  redis.call('ZREMRANGEBYSCORE', keys.log_redacted, '-inf', '(' .. text(from))
  redis.call('HSET', keys.partition, 'log_first', from)
  return from
end

-- The commands that take back the writes so far, oldest first; or functions that give them, where
-- finding out takes a question to Redis.
local back = {}

-- Writes, and remembers what takes it back. On a failure takes back everything and gives the error.
local function write(taken_back_by, ...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    for i = #back, 1, -1 do
      local known, command = true, back[i]
      if type(command) == 'function' then known, command = pcall(command) end
      if known then redis.pcall(unpack(command)) end
    end
    return reply
  end
  back[#back + 1] = taken_back_by
end

-- What a restored entry's id stands for: nobody knows any more what exactly was sent under it.
local ANY_CONTENT = '*'

-- Reads a record: the room, the entry, and its bytes.
local function read_record(record)
  local length, start = string.match(record, '^(%d+)[^\n]*\n()')
  if not length then error('DAMAGED: a record can not be read') end
  local body = string.sub(record, start + length)
  local entry = parse(body)
  local bytes = string.sub(body, #string.match(body, '^[^\n]*\n') + #entry.user + #entry.id + 1)
  return { room = string.sub(record, start, start + length - 1), entry = entry, bytes = bytes }
end

-- Reads what an instance offers: a tombstone for the entry's target, if it has one, and a record.
local function read_offer(offer)
  local length, start = string.match(offer, '^(%d*)\n()')
  if not length then error('DAMAGED: an offer can not be read') end
  if length == '' then return nil, string.sub(offer, start) end
  return string.sub(offer, start, start + length - 1), string.sub(offer, start + length)
end

-- The replication id of this Redis; nothing, in a text, where asking is not permitted.
local function server_id()
  local is = redis.pcall('INFO', 'replication')
  return type(is) == 'string' and string.match(is, 'master_replid:(%x+)') or ''
end

-- What a partition's hash says, if its schema is the one we know. Otherwise nothing, and what the
-- script must answer instead.
local function read_head(key, schema)
  local is = redis.call('HMGET', key, 'epoch', 'schema', 'seq', 'at', 'log_first', 'life',
    'replication')
  if not is[1] then return nil, { 'missing' } end
  if is[2] ~= schema then return nil, { 'schema', is[2] or '' } end
  return {
    epoch = is[1], seq = whole(is[3], 'seq'), at = whole(is[4], 'at'),
    log_first = whole(is[5], 'log_first'), life = is[6] or is[1], replication = is[7] or '',
  }
end

-- The head of a partition, unless this Redis (`server`, where that is known) is not the one that
-- the partition was in: then it may lack the newest entries, and must be settled first.
local function load_head(key, schema, server)
  local head, instead = read_head(key, schema)
  if not head then return nil, instead end
  server = server or server_id()
  if server ~= '' and head.replication ~= '' and head.replication ~= server then
    return nil, { 'doubted' }
  end
  return head
end
