-- Appends one entry, or finds the one that the same room, user and id made before.
--
-- A script of Redis is not undone when it errs. So everything is read and checked first; then what
-- is easily taken back is written (the first write is also where a full or failing Redis refuses);
-- then the streams, which take nothing back but their newest entry; and what may fail without harm
-- comes last.

local keys = {
  partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3], due = KEYS[4],
  room = KEYS[5], entries = KEYS[6], ids = KEYS[7], targets = KEYS[8], redacted = KEYS[9],
  rooms = KEYS[10],
}
local schema, epoch, not_after, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local room_name, content = ARGV[5], ARGV[6]
local entry = { user = ARGV[7], id = ARGV[8], target = tonumber(ARGV[9]) or 0 }
local has_target, bytes, redacts, tombstone = ARGV[9] ~= '', ARGV[10], ARGV[11] == '1', ARGV[12]
local id_window, log_entries = tonumber(ARGV[13]), tonumber(ARGV[14])
local room_entries, room_age = tonumber(ARGV[15]), tonumber(ARGV[16])

-- How many entries over the limit a room may have before an append drops them: dropping some at
-- once is cheaper than one by one. Whoever reads drops the rest first.
local OVER_MAX = math.min(32, math.floor(room_entries / 8))

local function refuse_target()
  return { 'refused', 'the room has no entry ' .. text(entry.target) .. ', or keeps it no more' }
end

-- An entry as all rooms together need it.
local function addressed(body)
  return #room_name .. '\n' .. room_name .. body
end

local head, instead = load_head(keys.partition, schema)
if not head then return instead end
if head.epoch ~= epoch then return { 'fenced', head.epoch } end
local now = now_ms()

local room, stale = load_room(keys, epoch)
if stale then
  redis.call('DEL', keys.room, keys.entries, keys.ids, keys.targets, keys.redacted)
end
local was = room or { offset = 0, seq = 0, first = 1, first_at = 0, ids_from = 1 }

local id_name = id_field(entry.user, entry.id)
local before = redis.call('HGET', keys.ids, id_name)
if before then
  local offset, seq, at, of = string.match(before, '^(%d+) (%d+) (%d+) (%x+)$')
  if not offset then error('DAMAGED: an id can not be read') end
  if tonumber(at) >= now - id_window then
    if of ~= content then return { 'conflict', now } end
    return { 'duplicate', tonumber(seq), tonumber(offset), tonumber(at), now }
  end
end
if now > not_after then return { 'late', now } end

if redacts and not has_target then return { 'refused', 'nothing to redact is named' } end
if has_target and (entry.target < was.first or entry.target > was.offset) then
  return refuse_target()
end

local target, old_tombs, old_log_tombs
if redacts then
  local found = bodies(keys, entry.target, entry.target)[entry.target]
  if not found then return refuse_target() end
  target = parse(found)
  target.body = front(target) .. tombstone
  old_tombs = redis.call('ZRANGEBYSCORE', keys.redacted, target.offset, target.offset)
  old_log_tombs = redis.call('ZRANGEBYSCORE', keys.log_redacted, target.seq, target.seq)
end
local is_first, is_first_id = was.first > was.offset, was.ids_from > was.offset
local listed_at = redis.call('ZSCORE', keys.rooms, room_name)
local due_at = (is_first or is_first_id) and redis.call('ZSCORE', keys.due, room_name)
-- If it is something else, the log can't be written.
redis.call('XLEN', keys.log)

entry.seq, entry.offset, entry.at = head.seq + 1, was.offset + 1, math.max(now, head.at)
local body = front(entry) .. bytes
local record = addressed(body)

-- Puts a tombstone in the place of those that have the same score.
local function bury(key, score, olds, tomb)
  for _, old in ipairs(olds) do
    local failed = write({ 'ZADD', key, score, old }, 'ZREM', key, old)
    if failed then return failed end
  end
  return write({ 'ZREM', key, tomb }, 'ZADD', key, score, tomb)
end

local function write_room()
  if not is_first then
    return write({ 'HSET', keys.room, 'offset', was.offset, 'seq', was.seq },
      'HSET', keys.room, 'offset', entry.offset, 'seq', entry.seq)
  end
  local taken_back_by = { 'DEL', keys.room }
  if room then
    taken_back_by = { 'HSET', keys.room, 'offset', was.offset, 'seq', was.seq, 'first_at', 0 }
  end
  was.first_at = entry.at
  return write(taken_back_by, 'HSET', keys.room, 'epoch', epoch, 'offset', entry.offset,
    'seq', entry.seq, 'first', was.first, 'first_at', entry.at, 'ids_from', was.ids_from)
end

local function write_rooms()
  local taken_back_by = { 'ZREM', keys.rooms, room_name }
  if listed_at then taken_back_by = { 'ZADD', keys.rooms, listed_at, room_name } end
  return write(taken_back_by, 'ZADD', keys.rooms, entry.at, room_name)
end

local function write_due()
  local taken_back_by = { 'ZREM', keys.due, room_name }
  if due_at then taken_back_by = { 'ZADD', keys.due, due_at, room_name } end
  local at = entry.at + math.min(id_window, room_age) + 1
  return write(taken_back_by, 'ZADD', keys.due, 'LT', at, room_name)
end

local failed = write({ 'HSET', keys.partition, 'seq', head.seq, 'at', head.at },
    'HSET', keys.partition, 'seq', entry.seq, 'at', entry.at)
  or write_room()
  or write_rooms()
  or write(before and { 'HSET', keys.ids, id_name, before } or { 'HDEL', keys.ids, id_name },
    'HSET', keys.ids, id_name,
    string.format('%.0f %.0f %.0f ', entry.offset, entry.seq, entry.at) .. content)
  or ((is_first or is_first_id) and write_due())
  or (has_target and write({ 'ZREM', keys.targets, entry.offset },
    'ZADD', keys.targets, entry.target, entry.offset))
  or (target and bury(keys.redacted, target.offset, old_tombs, target.body))
  or (target and target.seq >= head.log_first
    and bury(keys.log_redacted, target.seq, old_log_tombs, addressed(target.body)))
  -- Of the streams the log comes last: if it is broken, the room's alone must be mended.
  or write({ 'XDEL', keys.entries, place_in_room(entry) },
    'XADD', keys.entries, place_in_room(entry), 'prev', was.seq, 'e', body)
  or write(nil, 'XADD', keys.log, 'MINID', '~', math.max(entry.seq - log_entries + 1, 1),
    text(entry.seq) .. '-0', 'e', record)
if failed then
  -- Lets the room's next entry take the same place.
  redis.pcall('XSETID', keys.entries, place_in_room(was))
  return failed
end

if target then
  redis.pcall('XDEL', keys.entries, place_in_room(target))
  redis.pcall('XDEL', keys.log, text(target.seq) .. '-0')
end
was.offset, was.seq = entry.offset, entry.seq
if was.offset - was.first >= room_entries + OVER_MAX then
  -- A failure here only leaves more than is wanted, until the sweeper tries again.
  pcall(trim_room, keys, was, now, room_entries, room_age, OVER_MAX + 2, false)
end
local heard = redis.pcall('PUBLISH', channel, '1e ' .. epoch .. ' ' .. record)
local unheard = type(heard) == 'table' and heard.err or ''
return { 'stored', entry.seq, entry.offset, entry.at, now, unheard }
