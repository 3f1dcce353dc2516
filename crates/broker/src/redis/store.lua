-- Stores one entry, for whoever knows its place; it stands behind the prelude.
--
-- A script of Redis is not undone when it errs. So everything is read and checked first; then what
-- is easily taken back is written (the first write is also where a full or failing Redis refuses);
-- then the streams, which take nothing back but their newest entry; and what may fail without harm
-- comes last.

-- How many entries over the limit a room may have before an append drops them: dropping some at
-- once is cheaper than one by one. Whoever reads drops the rest first.
local OVER_MAX = 32

local function refuse_target(entry)
  return { 'refused', 'the room has no entry ' .. text(entry.target) .. ', or keeps it no more' }
end

-- Puts a tombstone in the place of those that have the same score.
local function bury(key, score, olds, tomb)
  for _, old in ipairs(olds) do
    local failed = write({ 'ZADD', key, score, old }, 'ZREM', key, old)
    if failed then return failed end
  end
  return write({ 'ZREM', key, tomb }, 'ZADD', key, score, tomb)
end

-- Writes a time of the room, and lets it be taken back to what it was.
local function write_time(key, name, before, ...)
  local taken_back_by = { 'ZREM', key, name }
  if before then taken_back_by = { 'ZADD', key, before, name } end
  return write(taken_back_by, 'ZADD', key, ...)
end

local function write_room(keys, head, room, was, offset, seq, at)
  if was.first <= was.offset then
    return write({ 'HSET', keys.room, 'offset', was.offset, 'seq', was.seq },
      'HSET', keys.room, 'offset', offset, 'seq', seq)
  end
  local taken_back_by = { 'DEL', keys.room }
  if room then
    taken_back_by = { 'HSET', keys.room, 'offset', was.offset, 'seq', was.seq, 'first_at', 0 }
  end
  was.first_at = tonumber(at)
  return write(taken_back_by, 'HSET', keys.room, 'epoch', head.life, 'offset', offset,
    'seq', seq, 'first', was.first, 'first_at', at, 'ids_from', was.ids_from)
end

-- Lists the room by the time of its newest entry. What it was listed by is asked first only where
-- that can't be found out from the entry before.
local function write_listed(keys, was, name, at)
  if was.first > was.offset then
    return write_time(keys.rooms, name, redis.call('ZSCORE', keys.rooms, name), at, name)
  end
  local function before()
    local newest = bodies(keys, was.offset, was.offset)[was.offset]
    return { 'ZADD', keys.rooms, newest and parse(newest).at or at, name }
  end
  return write(before, 'ZADD', keys.rooms, at, name)
end

local function no_entries()
  return { offset = 0, seq = 0, first = 1, first_at = 0, ids_from = 1 }
end

-- Stores an entry: `room` is what load_room gave, `name` its key, `before` what its id stood for,
-- `tombstone` what takes the place of its target's text, if anything. Gives what went wrong, or
-- nothing and the record.
local function store(keys, limits, head, room, name, entry, before, bytes, tombstone)
  local was = room or no_entries()
  local id_name = id_field(entry.user, entry.id)
  local target, old_tombs, old_log_tombs
  if tombstone then
    local found = bodies(keys, entry.target, entry.target)[entry.target]
    if not found then return refuse_target(entry) end
    target = parse(found)
    target.body = front(target) .. tombstone
    old_tombs = redis.call('ZRANGEBYSCORE', keys.redacted, target.offset, target.offset)
    old_log_tombs = redis.call('ZRANGEBYSCORE', keys.log_redacted, target.seq, target.seq)
  end
  local is_due = was.first > was.offset or was.ids_from > was.offset
  local due_at = is_due and redis.call('ZSCORE', keys.due, name)
  -- If it is something else, the log can't be written.
  redis.call('XLEN', keys.log)

  -- An entry as all rooms together need it.
  local function addressed(body)
    return #name .. '\n' .. name .. body
  end
  local seq, offset, at = text(entry.seq), text(entry.offset), text(entry.at)
  local place = offset .. '-' .. seq
  local log_first = text(math.max(entry.seq - limits.log_entries + 1, 1))
  local body = front(entry) .. bytes
  local record = addressed(body)
  local failed = write({ 'HSET', keys.partition, 'seq', head.seq, 'at', head.at },
      'HSET', keys.partition, 'seq', seq, 'at', at)
    or write_room(keys, head, room, was, offset, seq, at)
    or write_listed(keys, was, name, at)
    or write(before and { 'HSET', keys.ids, id_name, before } or { 'HDEL', keys.ids, id_name },
      'HSET', keys.ids, id_name, offset .. ' ' .. seq .. ' ' .. at .. ' ' .. entry.content)
    or (is_due and write_time(keys.due, name, due_at, 'LT',
      entry.at + math.min(limits.id_window, limits.room_age) + 1, name))
    or (entry.target > 0 and write({ 'ZREM', keys.targets, offset },
      'ZADD', keys.targets, entry.target, offset))
    or (target and bury(keys.redacted, target.offset, old_tombs, target.body))
    or (target and target.seq >= head.log_first
      and bury(keys.log_redacted, target.seq, old_log_tombs, addressed(target.body)))
    -- Of the streams the log comes last: if it is broken, the room's alone must be mended.
    or write({ 'XDEL', keys.entries, place },
      'XADD', keys.entries, place, 'prev', text(was.seq), 'e', body)
    or write(nil, 'XADD', keys.log, 'MINID', '~', log_first, seq .. '-0', 'e', record)
  if failed then
    -- Lets the room's next entry take the same place.
    redis.pcall('XSETID', keys.entries, place_in_room(was))
    return failed
  end

  if target then
    redis.pcall('XDEL', keys.entries, place_in_room(target))
    redis.pcall('XDEL', keys.log, text(target.seq) .. '-0')
  end
  head.seq, head.at = entry.seq, entry.at
  was.offset, was.seq = entry.offset, entry.seq
  local over_max = math.min(OVER_MAX, math.floor(limits.room_entries / 8))
  if was.offset - was.first >= limits.room_entries + over_max then
    -- A failure here only leaves more than is wanted, until the sweeper tries again.
    pcall(trim_room, keys, was, head.now, limits.room_entries, limits.room_age, over_max + 2, false)
  end
  back = {}
  return nil, record
end

-- Publishes an entry that is stored. Gives the error's text, if there is one.
local function publish(channel, epoch, record, tombstone)
  local publication = '1e ' .. epoch .. ' ' .. record
  if tombstone then
    publication = '1r ' .. epoch .. ' ' .. #tombstone .. '\n' .. tombstone .. record
  end
  local heard = redis.pcall('PUBLISH', channel, publication)
  return type(heard) == 'table' and heard.err or ''
end
